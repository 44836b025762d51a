//! What the buttons of the form do.

use domain::view::SettingsView;
use domain::{Kind, Refusal};
use leptos::task::spawn_local;

use super::editor::Editor;
use super::outcome::Outcome;
use super::seal::password_change;
use crate::calls::{load_settings, save_settings};
use crate::dom;

/// Where the page says what another administrator saved.
pub const CONFLICT: &str = "conflict";

/// The button that saves.
pub const SUBMIT: &str = "submit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Submit: saves what is on the form, unless it has faults.
    Save,
    /// Undo Changes: the form shows again what is saved. Nothing is written.
    Undo,
}

/// One act at a time; how it ended is told beside the buttons.
pub fn act(editor: Editor, act: Act) {
    if editor.peek(|state| state.busy) {
        return;
    }
    // What is saved or undone now has no fault to tell later.
    editor.forget_typing();
    if act == Act::Save && editor.stop_at_faults() {
        editor.change(|state| state.outcome = Some(Outcome::Faulty));
        return;
    }
    editor.change(|state| {
        state.busy = true;
        state.outcome = None;
    });
    spawn_local(async move {
        let done = match act {
            Act::Save => save(editor).await.map(|saved| (saved, Outcome::Saved)),
            Act::Undo => load_settings().await.map(|saved| (saved, Outcome::Undone)),
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

async fn save(editor: Editor) -> Result<SettingsView, Refusal> {
    let (form, revision) = editor.peek(|state| (state.form(), state.saved.revision));
    let password = password_change(editor).await?;
    save_settings(form, password, revision).await
}

/// Everything typed stays. When another administrator was faster, the page shows both versions.
async fn refused(editor: Editor, refusal: Refusal) -> Outcome {
    let refusal = if refusal.kind == Kind::Conflict {
        match load_settings().await {
            Ok(theirs) => {
                dom::focus(CONFLICT);
                return Outcome::Conflict(Box::new(theirs));
            }
            Err(refusal) => refusal,
        }
    } else {
        refusal
    };
    editor.go_to(editor.change(|state| state.refused(&refusal)));
    Outcome::Refused(refusal)
}
