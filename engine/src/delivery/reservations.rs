//! Capacity of the local queue that is reserved for messages on their way to it.

use parking_lot::Mutex;

/// The reservations of a worker.
#[derive(Default)]
pub(super) struct Reservations(Mutex<State>);

#[derive(Default)]
struct State {
    /// Messages on their way to the local queue.
    reserved: usize,
    /// As far as is known, no older message has to be claimed first.
    no_backlog: bool,
    /// The worker stops.
    closed: bool,
}

impl Reservations {
    /// Reserves capacity for messages where `capacity` allows it. Not while older messages wait in
    /// the database.
    pub fn try_reserve(&self, messages: usize, capacity: usize) -> bool {
        let mut state = self.0.lock();
        state.no_backlog &= state.reserved + messages <= capacity;
        let admitted = state.no_backlog && !state.closed;
        if admitted {
            state.reserved += messages;
        }
        admitted
    }

    /// Reserves capacity for a claim under way.
    pub fn reserve_claim(&self) {
        self.0.lock().reserved += 1;
    }

    pub fn release(&self, messages: usize) {
        self.0.lock().reserved -= messages;
    }

    /// Whether messages wait in the database.
    pub fn set_backlog(&self, backlog: bool) {
        self.0.lock().no_backlog = !backlog;
    }

    /// Admits no more messages.
    pub fn close(&self) {
        self.0.lock().closed = true;
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().reserved == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_reserved_while_there_is_some_and_no_backlog() {
        let reservations = Reservations::default();
        assert!(!reservations.try_reserve(1, 8), "the backlog is not known");
        reservations.set_backlog(false);
        assert!(reservations.try_reserve(5, 8) && reservations.try_reserve(3, 8));
        assert!(!reservations.is_empty());
        assert!(!reservations.try_reserve(1, 8), "no capacity");
        reservations.release(5);
        assert!(!reservations.try_reserve(1, 8), "that one is a backlog now");
        reservations.set_backlog(true);
        assert!(!reservations.try_reserve(1, 8));
        reservations.set_backlog(false);
        assert!(reservations.try_reserve(5, 8));
        reservations.close();
        assert!(!reservations.try_reserve(0, 8));
        reservations.release(8);
        assert!(reservations.is_empty());
    }
}
