//! How many messages a relay takes on a connection, learnt from connections that it closed.
//!
//! It is in memory, for the settings of the relay that are in use: each process learns it from two
//! connections. The transitions are pure.

use domain::Timestamp;

use super::pipelining::VALID;

/// What the connections that a relay closed show of how many messages it takes on each.
#[derive(Debug, Default)]
pub(in crate::delivery) struct MessagesPerConnection {
    /// After how many answered messages it closed the last connection, unless it has answered more on
    /// another one since.
    closed_after: Option<usize>,
    limit: Option<LearntLimit>,
}

#[derive(Clone, Copy, Debug)]
struct LearntLimit {
    messages: usize,
    learnt: Timestamp,
}

impl MessagesPerConnection {
    /// How many messages a connection may carry; `None` where no limit is known.
    pub fn limit(&self, now: Timestamp) -> Option<usize> {
        let limit = self.limit.filter(|limit| now - VALID < limit.learnt);
        limit.map(|limit| limit.messages)
    }

    /// The relay closed a connection after this number of answered messages, before a reply to the next
    /// one. After the same number on two connections in a row it is a limit.
    pub fn closed(&mut self, answered: usize, now: Timestamp) {
        if self.closed_after.replace(answered) == Some(answered) {
            self.limit = Some(LearntLimit {
                messages: answered,
                learnt: now,
            });
        }
    }

    /// The relay has answered this number of messages on a connection.
    pub fn answered(&mut self, messages: usize) {
        if self.closed_after.is_some_and(|closed| messages > closed) {
            self.closed_after = None;
        }
        if self.limit.is_some_and(|limit| messages > limit.messages) {
            self.limit = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    /// What a connection shows.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Closed(usize),
        Answered(usize),
    }

    #[test]
    fn two_connections_in_a_row_that_end_after_the_same_number_make_a_limit() {
        use Event::{Answered, Closed};
        let mut relay = MessagesPerConnection::default();
        for (event, limit) in [
            (Closed(5), None),
            (Closed(4), None),
            (Closed(5), None),
            (Answered(5), None),
            (Closed(5), Some(5)),
            (Answered(5), Some(5)),
            (Closed(3), Some(5)),
            (Closed(3), Some(3)),
            // A connection that was opened before.
            (Answered(4), None),
            (Closed(3), None),
            (Answered(4), None),
            (Closed(3), None),
            (Closed(3), Some(3)),
        ] {
            match event {
                Closed(answered) => relay.closed(answered, NOW),
                Answered(messages) => relay.answered(messages),
            }
            assert_eq!(relay.limit(NOW), limit, "{event:?}");
        }
    }

    #[test]
    fn a_limit_is_valid_for_a_week_and_then_tried_again() {
        let mut relay = MessagesPerConnection::default();
        relay.closed(5, NOW);
        relay.closed(5, NOW);
        let later = NOW + VALID;
        assert_eq!(relay.limit(later - Duration::from_millis(1)), Some(5));
        assert_eq!(relay.limit(later), None);
        // One connection confirms it.
        relay.closed(5, later);
        assert_eq!(relay.limit(later), Some(5));
    }
}
