//! The progress of an action on many messages: one at a time in a process, which can be stopped.

use std::sync::Arc;
use std::time::Duration;

use domain::outbox::{BulkAction, BulkActionState};
use domain::{Kind, Refusal, Timestamp};
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::Clock;

/// The rows that one unit of work of an action changes: it holds SQLite's only writer for about 30 ms.
pub(super) const CHUNK: i64 = 1000;

/// How long an action is shown after its end.
const SHOWN: Duration = Duration::from_secs(300);

/// The action that is running, or the last one.
#[derive(Default)]
pub(in crate::outbox) struct BulkActions {
    slot: Mutex<Option<Slot>>,
    /// Locked from the beginning of an action until its last row is written.
    running: Arc<AsyncMutex<()>>,
}

struct Slot {
    act: BulkAction,
    stop: bool,
}

/// Reports the progress of the running action. Dropped before [`BulkActionProgress::end`], the action
/// has failed.
pub(in crate::outbox) struct BulkActionProgress<'a> {
    acts: &'a BulkActions,
    clock: Clock,
    _running: OwnedMutexGuard<()>,
}

impl BulkActions {
    /// Begins an action.
    ///
    /// # Errors
    /// [`Kind::Conflict`] under `act` while another one is running.
    pub fn begin(&self, act: BulkAction, clock: Clock) -> Result<BulkActionProgress<'_>, Refusal> {
        let Ok(running) = self.running.clone().try_lock_owned() else {
            let text = "Another action on many messages is running. Wait for its end, or stop it.";
            return Err(Refusal::of(Kind::Conflict, "act", text));
        };
        *self.slot.lock() = Some(Slot { act, stop: false });
        Ok(BulkActionProgress {
            acts: self,
            clock,
            _running: running,
        })
    }

    /// The action that is running, or one that ended within the last 5 minutes.
    pub fn current(&self, now: Timestamp) -> Option<BulkAction> {
        let slot = self.slot.lock();
        let act = &slot.as_ref()?.act;
        let is_shown = act.state == BulkActionState::Running || now < act.at + SHOWN;
        is_shown.then(|| act.clone())
    }

    /// Stops the running action after its current chunk. Returns whether one is running.
    pub fn stop(&self) -> bool {
        match &mut *self.slot.lock() {
            Some(slot) if slot.act.state == BulkActionState::Running => {
                slot.stop = true;
                true
            }
            _ => false,
        }
    }

    /// Waits until no act is running.
    pub async fn ended(&self) {
        drop(self.running.lock().await);
    }
}

impl BulkActionProgress<'_> {
    /// Reports how many recipients are changed. Returns whether to change more.
    pub fn goes_on(&self, done: i64) -> bool {
        let mut slot = self.acts.slot.lock();
        slot.as_mut().is_some_and(|slot| {
            slot.act.done = done;
            !slot.stop
        })
    }

    /// Ends the action. Returns whether it is done or was stopped.
    pub fn end(&self) -> BulkActionState {
        self.set(|slot| match slot.stop && slot.act.done < slot.act.number {
            true => BulkActionState::Stopped,
            false => BulkActionState::Done,
        })
    }

    fn set(&self, state: impl FnOnce(&Slot) -> BulkActionState) -> BulkActionState {
        let now = self.clock.now();
        let mut slot = self.acts.slot.lock();
        let Some(slot) = &mut *slot else {
            return BulkActionState::Failed;
        };
        if slot.act.state == BulkActionState::Running {
            slot.act.state = state(slot);
            slot.act.at = now;
        }
        slot.act.state
    }
}

impl Drop for BulkActionProgress<'_> {
    fn drop(&mut self) {
        self.set(|_| BulkActionState::Failed);
    }
}

#[cfg(test)]
mod tests {
    use domain::outbox::MessageAction;

    use super::*;

    fn act(number: i64) -> BulkAction {
        BulkAction {
            action: MessageAction::Hold,
            by: "admin@example.org".to_owned(),
            number,
            done: 0,
            state: BulkActionState::Running,
            at: Timestamp(0),
        }
    }

    #[test]
    fn an_act_ends_as_done_stopped_or_failed() {
        let clock = Clock::default();
        for (stops, ends, done, expected) in [
            (false, true, 2, BulkActionState::Done),
            (true, true, 2, BulkActionState::Stopped),
            (true, true, 3, BulkActionState::Done),
            (false, false, 2, BulkActionState::Failed),
        ] {
            let acts = BulkActions::default();
            assert!(!acts.stop(), "none is running");
            let progress = acts.begin(act(3), clock.clone()).expect("begun");
            assert!(progress.goes_on(1));
            let refused = acts.begin(act(1), clock.clone()).err().expect("one is");
            assert_eq!(refused.kind, Kind::Conflict);
            if stops {
                assert!(acts.stop());
            }
            assert_eq!(progress.goes_on(done), !stops);
            if ends {
                assert_eq!(progress.end(), expected);
            }
            drop(progress);
            let now = clock.now();
            let shown = acts.current(now).expect("shown");
            assert_eq!((shown.state, shown.done), (expected, done));
            assert_eq!(acts.current(now + SHOWN), None);
            assert!(acts.begin(act(1), clock.clone()).is_ok());
        }
    }
}
