//! The messages of a worker that are in doubt: final octet sent, result not on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits how many messages are in doubt, whatever the connections: so many can arrive twice after a
/// crash.
pub(super) struct InDoubt {
    window: Arc<Semaphore>,
    /// The results that are being recorded.
    recording: AtomicUsize,
}

/// A message that may be in doubt, until its result is on disk.
pub(super) struct InDoubtPermit {
    _window: OwnedSemaphorePermit,
}

impl InDoubt {
    /// For so many messages, at least one.
    pub fn new(messages: usize) -> Self {
        Self {
            window: Arc::new(Semaphore::new(messages.max(1))),
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

    /// The window itself, with a permit for each message.
    pub fn window(&self) -> Arc<Semaphore> {
        self.window.clone()
    }

    /// Room for a message; `None` where there is none now.
    pub fn try_enter(&self) -> Option<InDoubtPermit> {
        self.window.clone().try_acquire_owned().ok().map(Into::into)
    }
}

/// Of a message whose session waited for the permit itself.
impl From<OwnedSemaphorePermit> for InDoubtPermit {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { _window: permit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_free_again_once_it_is_dropped() {
        let in_doubt = InDoubt::new(2);
        let (first, second) = (in_doubt.try_enter(), in_doubt.try_enter());
        assert!(first.is_some() && second.is_some());
        assert!(in_doubt.try_enter().is_none());
        drop(first);
        assert!(in_doubt.try_enter().is_some());
        assert!(InDoubt::new(0).try_enter().is_some(), "at least one");
    }
}
