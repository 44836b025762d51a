//! The messages of a worker that are in doubt: final octet sent, result not on disk.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::permits::{RelayPermit, RelayPermits};
use crate::store::Scope;

/// Limits how many messages are in doubt, whatever the connections: as many can arrive twice after a
/// crash. Of these permits each relay gets a share, so that relays which do not answer leave some to
/// others.
pub(in crate::delivery) struct InDoubt {
    permits: RelayPermits,
    /// The results that are being recorded.
    recording: AtomicUsize,
}

/// A message that may be in doubt, until its result is on disk.
pub(in crate::delivery) struct InDoubtPermit(RelayPermit);

impl InDoubt {
    /// For this number of messages, at least one.
    pub fn new(messages: usize) -> Self {
        Self {
            permits: RelayPermits::new(messages.max(1)),
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

    /// Waits for room for a message to a relay.
    pub async fn enter(&self, relay: Scope) -> InDoubtPermit {
        InDoubtPermit(self.permits.enter(relay, 1).await)
    }

    /// As [`Self::enter`]; `None` where there is no room now.
    pub fn try_enter(&self, relay: Scope) -> Option<InDoubtPermit> {
        self.permits.try_enter(relay, 1).map(InDoubtPermit)
    }

    /// Room for a result that is to be recorded; `None` where there is none now.
    pub fn try_record(&self) -> Option<InDoubtPermit> {
        self.permits.try_take().map(InDoubtPermit)
    }
}

impl InDoubtPermit {
    /// The result of the message is known: it no longer counts against its relay.
    pub fn answered(&mut self) {
        self.0.discharge();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt as _;
    use ulid::Ulid;

    use super::*;

    const RELAY: Scope = Scope::Global;
    const OTHER: Scope = Scope::Relay(Ulid(1));

    /// As many permits as a relay gets.
    fn all(in_doubt: &InDoubt, relay: Scope) -> Vec<InDoubtPermit> {
        std::iter::from_fn(|| in_doubt.try_enter(relay)).collect()
    }

    #[test]
    fn a_permit_is_free_again_once_it_is_dropped() {
        let in_doubt = InDoubt::new(1);
        let first = in_doubt.try_enter(RELAY);
        assert!(first.is_some());
        assert!(in_doubt.try_enter(OTHER).is_none() && in_doubt.try_record().is_none());
        assert!(in_doubt.enter(RELAY).now_or_never().is_none());
        drop(first);
        assert!(in_doubt.enter(RELAY).now_or_never().is_some());
    }

    #[test]
    fn an_answered_message_counts_against_no_relay() {
        let in_doubt = InDoubt::new(64);
        let mut permits = all(&in_doubt, RELAY);
        assert_eq!(permits.len(), 32);
        permits.iter_mut().for_each(InDoubtPermit::answered);
        let more = all(&in_doubt, RELAY);
        assert_eq!(more.len(), 32);
        drop((permits, more));
        let recorded = std::iter::from_fn(|| in_doubt.try_record());
        assert_eq!(recorded.collect::<Vec<_>>().len(), 64);
    }

    #[test]
    fn who_waits_gets_a_permit_when_another_relay_returns_one() {
        let in_doubt = InDoubt::new(2);
        let held = in_doubt.try_enter(RELAY);
        let of_other = in_doubt.try_enter(OTHER);
        let mut first = pin!(in_doubt.enter(RELAY));
        let mut given_up = Box::pin(in_doubt.enter(OTHER));
        let mut second = pin!(in_doubt.enter(OTHER));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(given_up.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(given_up);
        // The relay of the first one still holds as many as are free.
        drop(of_other);
        assert!(first.as_mut().now_or_never().is_none());
        let of_other = second.as_mut().now_or_never();
        assert!(of_other.is_some());
        drop(held);
        let held = first.as_mut().now_or_never();
        assert!(held.is_some());
        drop((held, of_other));
        assert_eq!(all(&in_doubt, RELAY).len(), 1);
    }
}
