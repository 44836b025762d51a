//! The buttons Submit and Undo Changes of the form.

use domain::settings::SettingsView;
use domain::{Kind, Refusal};
use leptos::task::spawn_local;

use super::seal::password_change;
use crate::element;
use crate::server_fns::{load_settings, save_settings};
use crate::settings::fields::stop_at_unadded;
use crate::settings::state::{Editor, FormOutcome};

/// The section that shows what another administrator saved.
pub const CONFLICT: &str = "conflict";

/// The button Submit.
pub const SUBMIT: &str = "submit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormAction {
    /// Submit: saves the form, unless it has faults.
    Save,
    /// Undo Changes: shows the saved settings again, and writes nothing.
    Undo,
}

/// Carries out one action at a time; its outcome is shown beside the buttons.
pub fn perform(editor: Editor, action: FormAction) {
    if editor.peek(|state| state.busy) {
        return;
    }
    // No fault of the form before may appear after the action.
    editor.end_typing();
    if action == FormAction::Save && (editor.stop_at_faults() || stop_at_unadded(editor)) {
        editor.change(|state| state.outcome = Some(FormOutcome::Faulty));
        return;
    }
    editor.change(|state| {
        state.busy = true;
        state.outcome = None;
    });
    spawn_local(async move {
        let done = match action {
            FormAction::Save => save(editor).await.map(|saved| (saved, FormOutcome::Saved)),
            FormAction::Undo => load(editor).await.map(|saved| (saved, FormOutcome::Undone)),
        };
        let outcome = match done {
            Ok((saved, outcome)) => {
                editor.change(|state| state.adopt(saved));
                outcome
            }
            Err(refusal) => refused(editor, refusal).await,
        };
        editor.change(|state| {
            state.busy = false;
            state.outcome = Some(outcome);
        });
    });
}

async fn load(editor: Editor) -> Result<SettingsView, Refusal> {
    load_settings(editor.peek(|state| state.relay.clone())).await
}

async fn save(editor: Editor) -> Result<SettingsView, Refusal> {
    let (form, revision) = editor.peek(|state| (state.form(), state.saved.revision));
    let password = password_change(editor).await?;
    let relay = editor.peek(|state| state.relay.clone());
    save_settings(form, password, revision, relay).await
}

/// Keeps the edits. After a conflict the page shows both versions.
async fn refused(editor: Editor, refusal: Refusal) -> FormOutcome {
    let refusal = if refusal.kind == Kind::Conflict {
        match load(editor).await {
            Ok(theirs) => {
                element::focus(CONFLICT);
                return FormOutcome::Conflict(Box::new(theirs));
            }
            Err(refusal) => refusal,
        }
    } else {
        refusal
    };
    editor.go_to(editor.change(|state| state.refused(&refusal)));
    FormOutcome::Refused(refusal)
}
