//! The password: typed, kept, cleared or brought back, and never shown.

use domain::Label;
use domain::view::PasswordState;
use leptos::prelude::*;

use super::earlier::Earlier;
use super::editor::Editor;
use super::row::{Row, described};
use super::standing::{Choice, Standing};
use super::state::State;
use crate::dom;

#[component]
pub fn Password(editor: Editor) -> impl IntoView {
    let label = Label::Password;
    view! {
        <Row editor label>
            // Without a name nothing but this island ever sends what is typed here.
            <input
                class="control"
                id=label.as_str()
                type="password"
                autocomplete="new-password"
                aria-describedby=described(label)
                aria-invalid=dom::state(move || editor.get(|state| state.fault(label).is_some()))
                prop:value=dom::value(move || editor.get(|state| state.typed.expose().to_owned()))
                on:input:target=move |event| editor.edit_password(event.target().value())
                />
            <Becoming editor />
            <Earlier editor />
        </Row>
    }
}

/// What will be, and the way to something else.
#[component]
fn Becoming(editor: Editor) -> impl IntoView {
    let choose = move |_| {
        if let Some((_, choice)) = editor.peek(other) {
            editor.choose(choice);
        }
    };
    view! {
        <div
            class=dom::text(move || match editor.get(State::standing) {
                Standing::Elsewhere | Standing::Unreadable => "notice notice-warn notice-small",
                _ => "password-state",
            })
            id="smtp_password-note"
            aria-live="polite"
        >
            <p>{dom::text(move || said(editor.get(State::standing)))}</p>
            <button
                class="button button-link"
                type="button"
                hidden=dom::flag(move || editor.get(other).is_none())
                on:click=choose
            >
                {dom::text(move || editor.get(other).map_or("", |(words, _)| words))}
            </button>
        </div>
    }
}

/// What else could become of the password, and the words for it.
fn other(state: &State) -> Option<(&'static str, Choice)> {
    if state.standing().is_change() {
        Some(("Leave it as it was", Choice::Keep))
    } else if state.saved.password != PasswordState::None {
        Some(("Clear the saved password", Choice::Clear))
    } else {
        None
    }
}

fn said(standing: Standing) -> &'static str {
    match standing {
        Standing::Typed => "Submit saves the password you typed.",
        Standing::Cleared => "Submit clears the saved password.",
        Standing::Earlier(_) => "Submit brings the earlier password back.",
        Standing::Kept => "A password is saved. Leave this empty to keep it.",
        Standing::Elsewhere => {
            "A password is saved, but it was given for other relay settings and stays with them. Re-enter the password for these."
        }
        Standing::Unreadable => "A password is saved, but its key is lost. Re-enter the password.",
        Standing::None => "No password is saved.",
    }
}
