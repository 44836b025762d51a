//! The same refusal of many messages in a row, which makes it a condition of the relay.
//!
//! It is in memory: each process counts the refusals that it sees itself, and none is known after a restart or
//! after a save of the settings of the relay. Of several nodes each fails up to four messages for good before
//! it backs off; that needs no writes for each refused message, and no node waits for what others see.
//!
//! The transitions are pure.

use domain::cause::CauseClass;

/// A relay that refuses this number of messages for the same relay-wide cause, and accepts none in
/// between, would refuse any message.
const MESSAGES: usize = 5;

/// The refusals of a relay since it last accepted a message.
#[derive(Debug, Default)]
pub(in crate::delivery) struct RefusalStreak {
    class: Option<CauseClass>,
    /// The ids of the messages that were refused for that cause, each once.
    messages: Vec<String>,
}

impl RefusalStreak {
    /// The relay refused a message for a relay-wide cause of this class. Returns whether that is the
    /// condition of the relay: then it says nothing about the message.
    pub fn refused(&mut self, class: CauseClass, id: &str) -> bool {
        if self.class != Some(class) {
            self.accepted();
            self.class = Some(class);
        }
        let known = self.messages.iter().any(|message| message == id);
        if !known && !self.is_condition() {
            self.messages.push(id.to_owned());
        }
        self.is_condition()
    }

    /// The relay accepted a message.
    pub fn accepted(&mut self) {
        self.class = None;
        self.messages.clear();
    }

    /// Whether the relay refuses any message.
    pub fn is_condition(&self) -> bool {
        self.messages.len() >= MESSAGES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to the message with this id.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Refused(CauseClass, &'static str),
        Accepted,
    }

    #[test]
    fn the_fifth_message_in_a_row_makes_it_the_condition_of_the_relay() {
        use CauseClass::{Policy, Relaying};
        use Event::{Accepted, Refused};
        let mut streak = RefusalStreak::default();
        for (event, condition) in [
            (Refused(Relaying, "a"), false),
            (Refused(Relaying, "b"), false),
            (Refused(Relaying, "c"), false),
            (Refused(Relaying, "d"), false),
            // A message that is tried again says nothing new.
            (Refused(Relaying, "d"), false),
            (Refused(Relaying, "e"), true),
            (Refused(Relaying, "f"), true),
            (Refused(Relaying, "a"), true),
            (Accepted, false),
            (Refused(Relaying, "a"), false),
            (Refused(Relaying, "b"), false),
            (Refused(Relaying, "c"), false),
            (Refused(Relaying, "d"), false),
            // Another cause begins again.
            (Refused(Policy, "e"), false),
            (Refused(Policy, "f"), false),
            (Refused(Policy, "g"), false),
            (Refused(Policy, "h"), false),
            (Refused(Policy, "i"), true),
            (Refused(Relaying, "i"), false),
        ] {
            match event {
                Refused(class, id) => {
                    assert_eq!(streak.refused(class, id), condition, "{event:?}");
                }
                Accepted => streak.accepted(),
            }
            assert_eq!(streak.is_condition(), condition, "{event:?}");
        }
    }
}
