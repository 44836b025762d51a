//! The passwords that were saved before: when, by whom and for which relay. Never what they are.

use domain::view::EarlierPassword;
use leptos::prelude::*;

use super::editor::Editor;
use super::standing::{Choice, Standing};
use super::state::State;
use crate::dom;
use crate::moment::Moment;

#[component]
pub fn Earlier(editor: Editor) -> impl IntoView {
    let list = move || {
        let passwords = editor.get(|state| state.saved.earlier.clone()).into_iter();
        passwords
            .map(|password| view! { <One editor password /> })
            .collect_view()
    };
    view! {
        <details
            class="earlier"
            hidden=dom::flag(move || editor.get(|state| state.saved.earlier.is_empty()))
        >
            <summary>"Use an earlier password"</summary>
            <ul class="entries">{list}</ul>
        </details>
    }
}

#[component]
fn One(editor: Editor, password: EarlierPassword) -> impl IntoView {
    let EarlierPassword {
        revision,
        saved,
        relay,
    } = password;
    let chosen = move |state: &State| state.standing() == Standing::Earlier(revision);
    view! {
        <li>
            <p>
                <strong>{relay}</strong>
                <span>"Saved " <Moment at=saved.at /> " by " {saved.by.clone()}</span>
            </p>
            <button
                class="button button-secondary button-small"
                type="button"
                aria-label=format!("Use the password saved {} by {}", saved.at, saved.by)
                aria-pressed=dom::state(move || editor.get(chosen))
                on:click=move |_| {
                    let choice = if editor.peek(chosen) { Choice::Keep } else { Choice::Earlier(revision) };
                    editor.choose(choice);
                }
            >
                {dom::text(move || if editor.get(chosen) { "Chosen" } else { "Use" })}
            </button>
        </li>
    }
}
