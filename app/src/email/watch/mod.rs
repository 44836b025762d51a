//! A run that is watched: started, seen picture by picture, cancelled.

mod clicks;
mod ending;
mod view;

use std::pin::pin;

use domain::view::{PasswordChange, Stamp, Verification};
use domain::{Refusal, Timestamp};
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::editor::Editor;
use super::outcome::Outcome;
use super::seal::password_change;
use super::state::State;
use crate::calls::{Trial, try_relay};
use crate::dom;
use crate::frames::Frames;
use crate::picture::Picture;
pub use clicks::{clicked, fill};
use ending::End;
pub use view::{Cancel, Watched};

/// One run at a time.
#[derive(Clone, Copy)]
pub struct Watch {
    editor: Editor,
    run: RwSignal<Option<Run>>,
    /// What ends it, and the button it was started with.
    handle: StoredValue<Option<(AbortHandle, &'static str)>>,
    /// Where it is seen.
    place: &'static str,
}

/// A run as far as it has got.
#[derive(Clone, Default)]
struct Run {
    picture: Picture,
    end: Option<End>,
}

impl Watch {
    pub fn new(editor: Editor, place: &'static str) -> Self {
        Self {
            editor,
            run: RwSignal::new(None),
            handle: StoredValue::new(None),
            place,
        }
    }

    pub fn is_running(self) -> bool {
        self.run
            .read()
            .as_ref()
            .is_some_and(|run| run.end.is_none())
    }

    /// Says that faults of the form are in the way; what was seen before is not of this run.
    pub fn stop_at_faults(self) {
        self.run.set(Some(Run {
            end: Some(End::Refused(Refusal::invalid())),
            ..Run::default()
        }));
    }

    /// Tries what is on the form, and shows it until it is over.
    pub fn start(self, recipient: String, trial: Trial, button: &'static str) {
        if untrack(|| self.is_running()) {
            return;
        }
        self.run.set(Some(Run::default()));
        dom::show(self.place);
        let (handle, registration) = AbortHandle::new_pair();
        self.handle.set_value(Some((handle, button)));
        spawn_local(async move {
            // When it is aborted everything it holds is dropped, the body that is being read too;
            // that cancels the request, and the server drops the run.
            let watched = Abortable::new(self.watch(recipient, trial), registration).await;
            // Before what may take the focus elsewhere, and with it the view.
            dom::show(self.place);
            let end = match watched {
                Ok(Ok(true)) => End::Told,
                Ok(Ok(false)) => End::Lost,
                Ok(Err(refusal)) => self.refused(refusal),
                Err(_aborted) => End::Cancelled,
            };
            self.change(|run| run.end = Some(end));
        });
    }

    pub fn cancel(self) {
        if let Some((handle, button)) = self.handle.get_value() {
            handle.abort();
            // The button that was pressed goes away, and would take the focus with it.
            dom::focus(button);
        }
    }

    /// Whether the run told its end.
    async fn watch(self, recipient: String, trial: Trial) -> Result<bool, Refusal> {
        let form = self.editor.peek(State::form);
        let password = match trial {
            Trial::Mail | Trial::Diagnosis => password_change(self.editor).await?,
            // Nobody signs in.
            Trial::Probe => PasswordChange::Keep,
        };
        let answer = try_relay(form, password, recipient, trial).await?;
        let mut chunks = pin!(answer.into_inner());
        let mut frames = Frames::default();
        let mut over = false;
        while let Some(chunk) = chunks.next().await {
            // A body that breaks off is a lost run, whatever the browser says about it.
            let Ok(chunk) = chunk else { break };
            // Of several that came together the last has it all.
            if let Some(picture) = frames.read(&chunk).pop() {
                over = picture.over;
                if let Some((revision, at)) = picture.proved {
                    self.proved(revision, at);
                }
                self.change(|run| run.picture = picture);
            }
        }
        Ok(over)
    }

    /// The state in view follows, if what was tested is still what is saved.
    fn proved(self, revision: i64, at: Timestamp) {
        self.editor.change(|state| {
            if revision == state.saved.revision {
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
