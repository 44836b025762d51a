//! The local queue of a queue: leased messages that wait for a connection, by priority class.

use std::collections::VecDeque;
use std::time::Duration;

use domain::outbox::Priority;

use crate::delivery::task::queued_message::QueuedMessage;

/// The messages of a priority class, and its turn.
#[derive(Default)]
struct Class {
    messages: VecDeque<QueuedMessage>,
    /// Grows by the weight of the class at each turn of another.
    credit: i64,
}

/// The local queue of a queue. Classes are served by smooth weighted round robin: each turn adds the
/// weight of every class with messages to its credit, and the class with the most pays for all.
#[derive(Default)]
pub(super) struct LocalQueue {
    high: Class,
    normal: Class,
    bulk: Class,
}

impl LocalQueue {
    fn class(&mut self, priority: Priority) -> &mut Class {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
            Priority::Bulk => &mut self.bulk,
        }
    }

    fn classes(&self) -> [&Class; 3] {
        [&self.high, &self.normal, &self.bulk]
    }

    /// The number of messages of a class.
    pub fn len(&self, priority: Priority) -> usize {
        match priority {
            Priority::High => self.high.messages.len(),
            Priority::Normal => self.normal.messages.len(),
            Priority::Bulk => self.bulk.messages.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.classes().iter().all(|class| class.messages.is_empty())
    }

    /// Appends a message to its class.
    pub fn push_back(&mut self, message: QueuedMessage) {
        self.class(message.class.priority)
            .messages
            .push_back(message);
    }

    /// Puts a message that was not tried in front of its class.
    pub fn push_front(&mut self, message: QueuedMessage) {
        self.class(message.class.priority)
            .messages
            .push_front(message);
    }

    /// Empties it.
    pub fn drain(&mut self) -> Vec<QueuedMessage> {
        let classes = [&mut self.high, &mut self.normal, &mut self.bulk];
        classes
            .into_iter()
            .flat_map(|class| class.messages.drain(..))
            .collect()
    }

    /// The next message whose leases still run: they may have ended while the process was suspended.
    pub fn pop(&mut self, lease: Duration) -> Option<QueuedMessage> {
        while let Some(priority) = self.turn() {
            let message = self.class(priority).messages.pop_front();
            if let Some(message) = message.filter(|message| message.is_leased(lease)) {
                return Some(message);
            }
        }
        None
    }

    /// The class whose turn it is; `None` where all are empty.
    fn turn(&mut self) -> Option<Priority> {
        let mut all = 0;
        let mut turn: Option<(i64, Priority)> = None;
        for priority in Priority::ALL {
            let weight = i64::from(priority.weight());
            let class = self.class(*priority);
            if class.messages.is_empty() {
                class.credit = 0;
                continue;
            }
            class.credit += weight;
            all += weight;
            if turn.is_none_or(|(most, _)| class.credit > most) {
                turn = Some((class.credit, *priority));
            }
        }
        let (_, priority) = turn?;
        self.class(priority).credit -= all;
        Some(priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(waiting: &[(Priority, usize)], turns: usize) -> String {
        let mut queue = LocalQueue::default();
        for (priority, number) in waiting {
            for _ in 0..*number {
                let mut message = QueuedMessage::of(Vec::new());
                message.class.priority = *priority;
                queue.push_back(message);
            }
        }
        let served = (0..turns).map_while(|_| queue.pop(Duration::MAX));
        served
            .map(|message| &message.class.priority.as_str()[..1])
            .collect()
    }

    #[test]
    fn classes_share_the_connections_by_weight() {
        use Priority::{Bulk, High, Normal};
        for (waiting, expected) in [
            (&[(High, 20), (Normal, 20), (Bulk, 20)][..], "hnhhbhnhhhnh"),
            (&[(Normal, 20), (Bulk, 20)], "nnbnnnbnnnbn"),
            (&[(High, 1), (Bulk, 20)], "hbbbbbbbbbbb"),
            (&[(Bulk, 3)], "bbb"),
        ] {
            assert_eq!(served(waiting, 12), expected, "{waiting:?}");
        }
    }
}
