//! Which messages end sessions with a relay again and again, while others go through it.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::store::Scope;

/// The messages that are remembered. With more, the oldest knowledge is given up.
const MAX_MESSAGES: usize = 1000;

/// The messages of a worker over which a session ended.
#[derive(Default)]
pub(in crate::delivery) struct Interruptions(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of messages that relays have accepted.
    accepted: u64,
    /// By relay, what is known since the last message that it accepted.
    relays: HashMap<Scope, SinceAccepted>,
    /// By the id of the message and by relay, that number at the first interruption.
    interrupted: HashMap<String, HashMap<Scope, u64>>,
}

/// A relay since the last message that it accepted.
#[derive(Default)]
struct SinceAccepted {
    /// The number of accepted messages at that message; `None` where it accepted none.
    accepted: Option<u64>,
    /// The id of the message over which a session ended first.
    interrupted: Option<String>,
    /// Sessions ended over others, too.
    several: bool,
}

impl SinceAccepted {
    /// A session ended over a message. Returns whether none ended over another one.
    fn interrupted(&mut self, id: &str) -> bool {
        match &self.interrupted {
            Some(first) => self.several |= first != id,
            None => self.interrupted = Some(id.to_owned()),
        }
        !self.several
    }
}

impl Interruptions {
    /// A relay accepted a message.
    pub fn accepted(&self, relay: Scope, id: &str) {
        let mut state = self.0.lock();
        state.accepted += 1;
        let accepted = state.accepted;
        let since = SinceAccepted {
            accepted: Some(accepted),
            ..SinceAccepted::default()
        };
        state.relays.insert(relay, since);
        if !state.interrupted.is_empty() {
            state.interrupted.remove(id);
        }
    }

    /// A session with a relay ended over a message. Returns whether it is the message, not the relay: a
    /// session ended over it before, the relay has accepted others since, and after the last of these no
    /// session ended over another message. A relay that has come to end every session does so over one
    /// message after the other. What other relays accept says nothing about this one.
    pub fn interrupted(&self, relay: Scope, id: &str) -> bool {
        let mut state = self.0.lock();
        let since = state.relays.entry(relay).or_default();
        let (is_only, last) = (since.interrupted(id), since.accepted);
        let relays = state.interrupted.get(id);
        if let Some(first) = relays.and_then(|relays| relays.get(&relay)) {
            return is_only && last.is_some_and(|last| *first < last);
        }
        state.make_room();
        let accepted = state.accepted;
        let relays = state.interrupted.entry(id.to_owned()).or_default();
        relays.insert(relay, accepted);
        false
    }

    /// Whether a session ended over this message: then it is sent alone.
    pub fn is_suspect(&self, id: &str) -> bool {
        let state = self.0.lock();
        !state.interrupted.is_empty() && state.interrupted.contains_key(id)
    }
}

impl State {
    /// Gives up the oldest knowledge where there is no room for more.
    fn make_room(&mut self) {
        if self.interrupted.len() < MAX_MESSAGES {
            return;
        }
        let oldest = self.interrupted.values().filter_map(first).min();
        self.interrupted.retain(|_, relays| first(relays) != oldest);
    }
}

/// The first interruption at any relay.
fn first(relays: &HashMap<Scope, u64>) -> Option<u64> {
    relays.values().min().copied()
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    const RELAY: Scope = Scope::Global;

    #[test]
    fn a_message_is_charged_once_others_have_gone_through() {
        let interruptions = Interruptions::default();
        interruptions.accepted(RELAY, "before");
        assert!(
            !interruptions.interrupted(RELAY, "poison"),
            "the first time"
        );
        assert!(
            !interruptions.interrupted(RELAY, "poison"),
            "no other since"
        );
        assert!(interruptions.is_suspect("poison") && !interruptions.is_suspect("other"));
        interruptions.accepted(RELAY, "other");
        assert!(interruptions.interrupted(RELAY, "poison"));
        assert!(interruptions.interrupted(RELAY, "poison"), "from now on");
        assert!(
            !interruptions.interrupted(RELAY, "another"),
            "each by itself"
        );
        interruptions.accepted(RELAY, "poison");
        assert!(!interruptions.is_suspect("poison") && !interruptions.interrupted(RELAY, "poison"));
    }

    #[test]
    fn a_relay_that_interrupts_several_messages_and_accepts_none_is_the_cause() {
        let interruptions = Interruptions::default();
        for id in ["a", "b", "c"] {
            assert!(!interruptions.interrupted(RELAY, id), "the first time");
        }
        interruptions.accepted(RELAY, "other");
        // Whether the message is charged, by what happens at the relay in this order.
        for (interrupted, charged) in [
            (Some("a"), true),
            (Some("a"), true),
            (Some("b"), false),
            (Some("a"), false),
            (Some("c"), false),
            (Some("b"), false),
            (None, false),
            (Some("c"), true),
            (Some("new"), false),
            (Some("c"), false),
            (None, false),
            (Some("new"), true),
        ] {
            match interrupted {
                Some(id) => {
                    let found = interruptions.interrupted(RELAY, id);
                    assert_eq!(found, charged, "{id}");
                }
                None => interruptions.accepted(RELAY, "other"),
            }
        }
        let other = Scope::Relay(Ulid(1));
        assert!(!interruptions.interrupted(other, "c"), "the first there");
        assert!(interruptions.interrupted(RELAY, "new"), "still alone here");
    }

    #[test]
    fn what_another_relay_accepts_says_nothing() {
        let interruptions = Interruptions::default();
        let other = Scope::Relay(Ulid(1));
        for _ in 0..3 {
            assert!(!interruptions.interrupted(RELAY, "message"));
            interruptions.accepted(other, "of another relay");
        }
        assert!(!interruptions.interrupted(other, "message"), "once there");
        interruptions.accepted(RELAY, "of this relay");
        assert!(interruptions.interrupted(RELAY, "message"));
        assert!(!interruptions.interrupted(other, "message"), "none since");
    }

    #[test]
    fn a_number_of_messages_is_remembered() {
        let interruptions = Interruptions::default();
        for number in 0..2 * MAX_MESSAGES {
            interruptions.interrupted(RELAY, &number.to_string());
            interruptions.accepted(RELAY, "other");
        }
        assert_eq!(interruptions.0.lock().interrupted.len(), MAX_MESSAGES);
        assert!(!interruptions.is_suspect("0"));
    }
}
