//! Starting a test, hearing its events, and cancelling it.

use std::pin::pin;

use domain::view::{Stamp, Verification};
use domain::{Instant, Refusal, TestEvent};
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::run::{End, Run};
use super::verdict::VERDICT;
use crate::calls::test_email;
use crate::dom;
use crate::email::editor::Editor;
use crate::email::outcome::Outcome;
use crate::email::seal::password_change;
use crate::email::state::State;
use crate::frames::Frames;

/// The button that starts a test.
pub const SEND: &str = "send_test";

/// One test at a time.
#[derive(Clone, Copy)]
pub struct Tester {
    editor: Editor,
    pub run: RwSignal<Option<Run>>,
    handle: StoredValue<Option<AbortHandle>>,
}

impl Tester {
    pub fn new(editor: Editor) -> Self {
        Self {
            editor,
            run: RwSignal::new(None),
            handle: StoredValue::new(None),
        }
    }

    pub fn is_running(self) -> bool {
        self.run
            .read()
            .as_ref()
            .is_some_and(|run| run.end.is_none())
    }

    /// Tests what is on the form, saved or not.
    pub fn start(self, recipient: String) {
        if untrack(|| self.is_running()) || self.editor.stop_at_faults() {
            return;
        }
        self.run.set(Some(Run::default()));
        dom::show(VERDICT);
        let (handle, registration) = AbortHandle::new_pair();
        self.handle.set_value(Some(handle));
        spawn_local(async move {
            // When it is aborted everything it holds is dropped, the body that is being read too;
            // that cancels the request, and the server drops the run.
            let heard = Abortable::new(self.listen(recipient), registration).await;
            // Before what may take the focus elsewhere, and with it the view.
            dom::show(VERDICT);
            let end = match heard {
                Ok(Ok(())) => End::Lost,
                Ok(Err(refusal)) => self.refused(refusal),
                Err(_aborted) => End::Cancelled,
            };
            self.change(|run| run.end(end));
        });
    }

    pub fn cancel(self) {
        if let Some(handle) = self.handle.get_value() {
            handle.abort();
            // The button that was pressed goes away, and would take the focus with it.
            dom::focus(SEND);
        }
    }

    async fn listen(self, recipient: String) -> Result<(), Refusal> {
        let form = self.editor.peek(State::form);
        let password = password_change(self.editor).await?;
        let answer = test_email(form, password, recipient).await?;
        let mut chunks = pin!(answer.into_inner());
        let mut frames = Frames::default();
        while let Some(chunk) = chunks.next().await {
            // A body that breaks off is a lost run, whatever the browser says about it.
            let Ok(chunk) = chunk else { break };
            for event in frames.read(&chunk) {
                self.hear(event);
            }
        }
        Ok(())
    }

    fn hear(self, event: TestEvent) {
        if let TestEvent::Sent {
            verified: Some(at), ..
        } = event
        {
            self.verified(at);
        }
        self.change(|run| run.hear(event));
    }

    /// The state in view follows, if what was tested is still what is saved.
    fn verified(self, at: Instant) {
        let tested = self
            .run
            .read_untracked()
            .as_ref()
            .and_then(|run| run.revision);
        self.editor.change(|state| {
            if tested == Some(state.saved.revision) {
                let by = state.me.clone();
                state.saved.verified = Verification::Verified(Stamp { at, by });
                if matches!(state.outcome, Some(Outcome::Saved)) {
                    // It asked for this very test.
                    state.outcome = None;
                }
            }
        });
    }

    fn refused(self, refusal: Refusal) -> End {
        let first = self.editor.change(|state| state.refused(&refusal));
        self.editor.go_to(first);
        End::Refused(refusal)
    }

    fn change(self, change: impl FnOnce(&mut Run)) {
        self.run.update(|run| {
            if let Some(run) = run {
                change(run);
            }
        });
    }
}
