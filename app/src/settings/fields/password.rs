//! The password field: typed, kept, cleared or restored, and never shown.

use domain::Label;
use domain::settings::PasswordState;
use leptos::prelude::*;

use super::earlier_passwords::EarlierPasswords;
use super::row::{FieldRow, described};
use crate::reactive;
use crate::settings::state::{Editor, FormState, PasswordChoice, PasswordPlan};

#[component]
pub fn Password(editor: Editor) -> impl IntoView {
    let label = Label::Password;
    view! {
        <FieldRow editor label>
            // No `name`, so that no form post includes it.
            <input
                class="control"
                id=label.as_str()
                type="password"
                autocomplete="new-password"
                aria-describedby=described(label)
                aria-invalid=reactive::state(move || editor.get(|state| state.fault(label).is_some()))
                prop:value=reactive::value(move || editor.get(|state| state.typed.expose().to_owned()))
                on:input:target=move |event| editor.edit_password(event.target().value())
                on:blur=move |_| editor.typing(label)
            />
            <PlanNote editor />
            <EarlierPasswords editor />
        </FieldRow>
    }
}

/// What a save does to the password, and a button for the alternative.
#[component]
fn PlanNote(editor: Editor) -> impl IntoView {
    let choose = move |_| {
        if let Some((_, choice)) = editor.peek(alternative) {
            editor.choose(choice);
        }
    };
    view! {
        <div
            class=reactive::text(move || match editor.get(FormState::password_plan) {
                PasswordPlan::OtherRelay | PasswordPlan::Unreadable => "notice notice-warn notice-small",
                _ => "password-state",
            })
            id="smtp_password-note"
            aria-live="polite"
        >
            <p>{reactive::text(move || description(editor.get(FormState::password_plan)))}</p>
            <button
                class="button button-link"
                type="button"
                hidden=reactive::flag(move || editor.get(alternative).is_none())
                on:click=choose
            >
                {reactive::text(move || editor.get(alternative).map_or("", |(text, _)| text))}
            </button>
        </div>
    }
}

/// The alternative, and the text of its button.
fn alternative(state: &FormState) -> Option<(&'static str, PasswordChoice)> {
    let plan = state.password_plan();
    if plan == PasswordPlan::NotSaved {
        None
    } else if plan.is_change() {
        Some(("Leave it as it was", PasswordChoice::Keep))
    } else if !matches!(
        state.saved.password,
        PasswordState::None | PasswordState::Environment
    ) {
        Some(("Clear the saved password", PasswordChoice::Clear))
    } else {
        None
    }
}

fn description(plan: PasswordPlan) -> &'static str {
    match plan {
        PasswordPlan::Typed => "Submit saves the password you typed.",
        PasswordPlan::Cleared => "Submit clears the saved password.",
        PasswordPlan::Earlier(_) => "Submit restores the earlier password.",
        PasswordPlan::Kept => "A password is saved. Leave this empty to keep it.",
        PasswordPlan::OtherRelay => {
            "A password is saved, but it belongs to other relay settings and is not used for these. Re-enter the password for these."
        }
        PasswordPlan::Unreadable => {
            "A password is saved, but its key is lost. Enter the password again."
        }
        PasswordPlan::Environment => {
            "The environment of Postern has the password. Leave this empty."
        }
        PasswordPlan::None => "No password is saved.",
        PasswordPlan::NotSaved => {
            "Submit leaves no password saved: the authentication type None uses none."
        }
    }
}
