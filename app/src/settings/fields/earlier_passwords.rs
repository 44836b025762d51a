//! The passwords of earlier revisions: time, account and relay of each, never the password.

use leptos::prelude::*;

use super::entries::{Entries, Entry};
use crate::components::exact;
use crate::reactive;
use crate::settings::state::{Editor, FormState, PasswordChoice, PasswordPlan, SettingsAction};

#[component]
pub fn EarlierPasswords(editor: Editor) -> impl IntoView {
    view! {
        <details
            class="earlier"
            hidden=reactive::flag(move || editor.get(|state| state.saved.earlier.is_empty()))
        >
            <summary>"Use an earlier password"</summary>
            <Entries editor entries />
        </details>
    }
}

fn entries(state: &FormState) -> Vec<Entry> {
    let plan = state.password_plan();
    let entries = state.saved.earlier.iter().map(|password| {
        let chosen = plan == PasswordPlan::Earlier(password.revision);
        // To the second: several may be saved within a minute.
        let saved = format!("{} by {}", exact(password.saved.at), password.saved.by);
        let (button, pressed, choice) = match chosen {
            true => ("Chosen", "true", PasswordChoice::Keep),
            false => ("Use", "false", PasswordChoice::Earlier(password.revision)),
        };
        Entry {
            title: password.relay.clone(),
            label: format!("Use the password saved {saved}"),
            detail: format!("Saved {saved}"),
            button,
            pressed: Some(pressed),
            action: SettingsAction::ChoosePassword(choice),
        }
    });
    entries.collect()
}
