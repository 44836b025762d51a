//! The pulse of the delivery loop: when it claimed last, for checks of whether this process works.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The longest time between two turns of a loop that works: it waits for the database 15 s at most, and
/// one second for messages.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// Whether the delivery loop of this process takes its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryPulse {
    /// This process does not deliver.
    Off,
    /// The loop takes its turns.
    Running,
    /// The loop has taken no turn for 30 s.
    Stuck,
}

/// The time of the last turn; `None` while this process does not deliver.
#[derive(Debug, Default)]
pub(crate) struct LastTurn(Mutex<Option<Instant>>);

impl LastTurn {
    /// Records a turn of the loop.
    pub fn record(&self, now: Instant) {
        *self.0.lock() = Some(now);
    }

    /// The loop has ended.
    pub fn end(&self) {
        *self.0.lock() = None;
    }

    /// The pulse at `now`.
    pub fn pulse(&self, now: Instant) -> DeliveryPulse {
        match *self.0.lock() {
            None => DeliveryPulse::Off,
            Some(last) if now.saturating_duration_since(last) <= LONGEST_TURN => {
                DeliveryPulse::Running
            }
            Some(_) => DeliveryPulse::Stuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_without_a_turn_for_half_a_minute_is_stuck() {
        let (last, begun) = (LastTurn::default(), Instant::now());
        assert_eq!(last.pulse(begun), DeliveryPulse::Off);
        last.record(begun);
        assert_eq!(last.pulse(begun + LONGEST_TURN), DeliveryPulse::Running);
        let late = begun + LONGEST_TURN + Duration::from_millis(1);
        assert_eq!(last.pulse(late), DeliveryPulse::Stuck);
        last.record(late);
        assert_eq!(last.pulse(late), DeliveryPulse::Running);
        last.end();
        assert_eq!(last.pulse(late), DeliveryPulse::Off);
    }
}
