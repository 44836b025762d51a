//! The messages of a worker that are in doubt: final octet sent, result not on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits how many messages are in doubt, whatever the connections: so many can arrive twice after a
/// crash.
pub(super) struct InDoubt {
    window: Arc<Semaphore>,
    /// Permits for messages that go out behind unanswered ones: half of the window, so that a slow
    /// relay cannot take all of it over one connection.
    ahead: Arc<Semaphore>,
    /// The results that are being recorded.
    recording: AtomicUsize,
}

/// A message that may be in doubt, until its result is on disk.
pub(super) struct InDoubtPermit {
    _window: Option<OwnedSemaphorePermit>,
    _ahead: Option<OwnedSemaphorePermit>,
}

impl InDoubt {
    /// For so many messages, at least one.
    pub fn new(messages: usize) -> Self {
        Self {
            window: Arc::new(Semaphore::new(messages.max(1))),
            ahead: Arc::new(Semaphore::new(messages / 2)),
            recording: AtomicUsize::new(0),
        }
    }

    /// Begins to record a result.
    pub fn begin_recording(&self) {
        self.recording.fetch_add(1, Ordering::AcqRel);
    }

    /// A result is on disk, or given up.
    pub fn end_recording(&self) {
        self.recording.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether every result is on disk.
    pub fn is_recorded(&self) -> bool {
        self.recording.load(Ordering::Acquire) == 0
    }

    /// Waits for room for a message with no unanswered one before it on its connection.
    pub async fn enter(&self) -> InDoubtPermit {
        InDoubtPermit {
            _window: self.window.clone().acquire_owned().await.ok(),
            _ahead: None,
        }
    }

    /// Waits for room for a message behind unanswered ones.
    pub async fn enter_ahead(&self) -> InDoubtPermit {
        let ahead = self.ahead.clone().acquire_owned().await.ok();
        InDoubtPermit {
            _window: self.window.clone().acquire_owned().await.ok(),
            _ahead: ahead,
        }
    }

    /// As [`Self::enter_ahead`]; `None` where there is no room now.
    pub fn try_enter_ahead(&self) -> Option<InDoubtPermit> {
        let ahead = self.ahead.clone().try_acquire_owned().ok()?;
        Some(InDoubtPermit {
            _window: Some(self.window.clone().try_acquire_owned().ok()?),
            _ahead: Some(ahead),
        })
    }

    /// As [`Self::enter`]; `None` where there is no room now.
    pub fn try_enter(&self) -> Option<InDoubtPermit> {
        let window = self.window.clone().try_acquire_owned().ok()?;
        Some(InDoubtPermit {
            _window: Some(window),
            _ahead: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_permit_is_free_again_once_it_is_dropped() {
        let in_doubt = InDoubt::new(2);
        let first = in_doubt.try_enter();
        let second = in_doubt.enter().now_or_never();
        assert!(first.is_some() && second.is_some());
        assert!(in_doubt.try_enter().is_none() && in_doubt.enter().now_or_never().is_none());
        drop(first);
        assert!(in_doubt.try_enter_ahead().is_some());
    }

    #[test]
    fn messages_ahead_leave_half_of_the_window_to_others() {
        for (window, ahead) in [(1, 0), (2, 1), (3, 1), (64, 32)] {
            let in_doubt = InDoubt::new(window);
            let enter = || in_doubt.enter_ahead().now_or_never();
            let entered: Vec<_> = std::iter::from_fn(enter).collect();
            assert_eq!(entered.len(), ahead, "of {window}");
            assert!(in_doubt.try_enter_ahead().is_none());
            assert!(in_doubt.try_enter().is_some());
        }
    }
}
