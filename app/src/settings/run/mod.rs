//! A run with the settings on the form: started, watched, cancelled.

mod end;
mod view;

use domain::settings::{PasswordChange, Stamp, Verification};
use domain::{Form, Refusal, SecretString, Timestamp};
use leptos::prelude::*;

use super::save::password_change;
use super::state::{Editor, FormOutcome, FormState, PasswordPlan};
use crate::element;
use crate::live::{self, End, LiveSubject, Reader, RunKind, RunRequest, Snapshot};
pub use view::{Cancel, RunReport};

/// Starts and cancels one run at a time.
#[derive(Clone, Copy)]
pub struct RunControl {
    editor: Editor,
    state: RwSignal<Option<RunState>>,
    reader: Reader,
    /// The button that started the run.
    button: StoredValue<&'static str>,
    /// The id of the element that shows the run.
    report: &'static str,
}

/// A run so far; its report is on the page.
#[derive(Clone)]
struct RunState {
    status: String,
    data_begun: bool,
    tested: Tested,
    end: Option<End>,
}

/// The settings of a run, to compare with later edits.
#[derive(Clone)]
struct Tested {
    form: Form,
    plan: PasswordPlan,
    typed: SecretString,
}

impl Tested {
    fn of(state: &FormState) -> Self {
        Self {
            form: state.form(),
            plan: state.password_plan(),
            typed: state.typed.clone(),
        }
    }

    /// Whether the form was edited since. A typed password that was saved since counts
    /// as the same.
    fn differs(&self, state: &FormState) -> bool {
        let plan = state.password_plan();
        let password =
            plan.is_change() && (plan != self.plan || state.typed.expose() != self.typed.expose());
        password || state.form() != self.form
    }
}

impl RunControl {
    pub fn new(editor: Editor, report: &'static str) -> Self {
        Self {
            editor,
            state: RwSignal::new(None),
            reader: Reader::new(),
            button: StoredValue::new(""),
            report,
        }
    }

    pub fn is_running(self) -> bool {
        let state = self.state.read();
        state.as_ref().is_some_and(|run| run.end.is_none())
    }

    /// Shows that faults of the form prevent the run, in place of the report before.
    pub fn stop_at_faults(self) {
        self.reset(Some(End::Refused(Refusal::invalid())));
    }

    /// Starts a run with the form, by the button with this id.
    pub fn start(self, recipient: String, kind: RunKind, button: &'static str) {
        if untrack(|| self.is_running()) {
            return;
        }
        self.reset(None);
        self.button.set_value(button);
        element::scroll_into_view(self.report);
        self.reader.start(
            Box::pin(self.request(recipient, kind)),
            Box::new(move |snapshot| self.shown(snapshot)),
            Box::new(move |end| self.ended(end)),
        );
    }

    pub fn cancel(self) {
        self.reader.abort();
        // The Cancel button disappears with the run and would lose the focus.
        element::focus(self.button.get_value());
    }

    fn reset(self, end: Option<End>) {
        live::clear(self.report);
        self.state.set(Some(RunState {
            status: String::new(),
            data_begun: false,
            tested: self.editor.peek(Tested::of),
            end,
        }));
    }

    async fn request(self, recipient: String, kind: RunKind) -> Result<LiveSubject, Refusal> {
        let form = self.editor.peek(FormState::form);
        let plan = self.editor.peek(FormState::password_plan);
        let password = match (kind, plan) {
            (RunKind::Probe, _) => PasswordChange::Keep,
            _ => password_change(self.editor).await?,
        };
        Ok(LiveSubject::Run(RunRequest {
            form,
            password,
            recipient,
            kind,
            relay: self.editor.peek(|state| state.relay.clone()),
        }))
    }

    fn shown(self, snapshot: Snapshot) {
        if let Some((revision, at)) = snapshot.verified {
            self.verified(revision, at);
        }
        self.change(|run| {
            run.status = snapshot.status;
            run.data_begun = snapshot.data_begun;
        });
    }

    fn ended(self, end: End) {
        // Scrolls first: focusing a field at fault may scroll elsewhere.
        element::scroll_into_view(self.report);
        if let End::Refused(refusal) = &end {
            let first = self.editor.change(|state| state.refused(refusal));
            self.editor.go_to(first);
        }
        self.change(|run| run.end = Some(end));
    }

    /// Marks the saved settings as verified, if they are still the ones of the run.
    fn verified(self, revision: i64, at: Timestamp) {
        self.editor.change(|state| {
            if revision == state.saved.revision {
                let by = state.me.clone();
                state.saved.verified = Verification::Verified(Stamp { at, by });
                if matches!(state.outcome, Some(FormOutcome::Saved)) {
                    // The outcome's text asks for the test that has just succeeded.
                    state.outcome = None;
                }
            }
        });
    }

    fn change(self, change: impl FnOnce(&mut RunState)) {
        self.state.update(|run| {
            if let Some(run) = run {
                change(run);
            }
        });
    }
}
