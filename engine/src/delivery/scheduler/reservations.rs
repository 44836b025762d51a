//! Capacity of the local queues that is reserved for messages on their way to them.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::store::messages::flows::{QueueClass, WaitingFlow};

/// The reservations of a worker.
#[derive(Default)]
pub(in crate::delivery) struct Reservations(Mutex<State>);

#[derive(Default)]
struct State {
    classes: HashMap<QueueClass, ClassState>,
    /// Claims under way.
    claims: usize,
    /// The worker stops.
    closed: bool,
}

/// The reservations of a class of a queue.
#[derive(Default)]
struct ClassState {
    /// Messages on their way to the local queue.
    reserved: usize,
    /// As far as is known, no older message has to be claimed first.
    no_backlog: bool,
}

impl Reservations {
    /// Reserves capacity for messages of a class where `capacity` allows it. Not while older messages
    /// of the class wait in the database.
    pub fn try_reserve(&self, class: &QueueClass, messages: usize, capacity: usize) -> bool {
        let mut state = self.0.lock();
        let closed = state.closed;
        let known = state.classes.get_mut(class);
        let Some(known) = known else {
            // Until the next claim.
            state.classes.insert(class.clone(), ClassState::default());
            return false;
        };
        known.no_backlog &= known.reserved + messages <= capacity;
        let admitted = known.no_backlog && !closed;
        if admitted {
            known.reserved += messages;
        }
        admitted
    }

    /// Releases capacity that was reserved.
    pub fn release(&self, class: &QueueClass, messages: usize) {
        if let Some(known) = self.0.lock().classes.get_mut(class) {
            known.reserved -= messages;
        }
    }

    /// Counts a claim under way.
    pub fn begin_claim(&self) {
        self.0.lock().claims += 1;
    }

    /// A claim ended.
    pub fn end_claim(&self) {
        self.0.lock().claims -= 1;
    }

    /// The messages of these flows wait in the database, and no others that are due.
    pub fn set_backlog<'a>(&self, due: impl Iterator<Item = &'a WaitingFlow>) {
        let mut state = self.0.lock();
        for known in state.classes.values_mut() {
            known.no_backlog = true;
        }
        for flow in due {
            let known = state.classes.entry(flow.class.clone()).or_default();
            known.no_backlog = false;
        }
    }

    /// All messages of a class that were due are claimed.
    pub fn clear_backlog(&self, class: &QueueClass) {
        if let Some(known) = self.0.lock().classes.get_mut(class) {
            known.no_backlog = true;
        }
    }

    /// Admits no more messages.
    pub fn close(&self) {
        self.0.lock().closed = true;
    }

    /// Whether nothing is on its way to a local queue.
    pub fn is_empty(&self) -> bool {
        let state = self.0.lock();
        state.claims == 0 && state.classes.values().all(|known| known.reserved == 0)
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::outbox::Priority;

    use super::*;

    fn class(priority: Priority) -> QueueClass {
        QueueClass {
            queue: "global".into(),
            priority,
        }
    }

    fn due(priority: Priority) -> WaitingFlow {
        WaitingFlow {
            id: 1,
            class: class(priority),
            due: Timestamp(0),
        }
    }

    #[test]
    fn capacity_is_reserved_while_there_is_some_and_no_backlog() {
        let (reservations, normal) = (Reservations::default(), class(Priority::Normal));
        let reserve = |messages| reservations.try_reserve(&normal, messages, 8);
        assert!(!reserve(1), "the backlog is not known");
        reservations.set_backlog([].iter());
        assert!(reserve(5) && reserve(3));
        assert!(!reservations.is_empty());
        assert!(!reserve(1), "no capacity");
        reservations.release(&normal, 5);
        assert!(!reserve(1), "that one is a backlog now");
        reservations.clear_backlog(&normal);
        assert!(reserve(5));
        reservations.close();
        assert!(!reserve(0));
        reservations.release(&normal, 8);
        assert!(reservations.is_empty());
        reservations.begin_claim();
        assert!(!reservations.is_empty());
        reservations.end_claim();
        assert!(reservations.is_empty());
    }

    #[test]
    fn a_backlog_of_bulk_mail_keeps_no_other_class_out() {
        let reservations = Reservations::default();
        for priority in Priority::ALL {
            reservations.try_reserve(&class(*priority), 1, 8);
        }
        reservations.set_backlog([due(Priority::Bulk)].iter());
        for (priority, admitted) in [
            (Priority::High, true),
            (Priority::Normal, true),
            (Priority::Bulk, false),
        ] {
            let reserved = reservations.try_reserve(&class(priority), 1, 8);
            assert_eq!(reserved, admitted, "{priority:?}");
        }
    }
}
