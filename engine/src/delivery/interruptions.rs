//! Which messages end sessions again and again, while others go through.

use std::collections::HashMap;

use parking_lot::Mutex;

/// The messages that are remembered. With more, the oldest knowledge is given up.
const MAX_MESSAGES: usize = 1000;

/// The messages of a worker over which a session ended.
#[derive(Default)]
pub(super) struct Interruptions(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of messages that relays have accepted.
    accepted: u64,
    /// By the id of the message, that number at its first interruption.
    interrupted: HashMap<String, u64>,
}

impl Interruptions {
    /// A relay accepted a message.
    pub fn accepted(&self, id: &str) {
        let mut state = self.0.lock();
        state.accepted += 1;
        if !state.interrupted.is_empty() {
            state.interrupted.remove(id);
        }
    }

    /// A session ended over a message. Returns whether one did before and others have gone through
    /// since: then it is the message, not the relay.
    pub fn interrupted(&self, id: &str) -> bool {
        let mut state = self.0.lock();
        let accepted = state.accepted;
        if let Some(first) = state.interrupted.get(id) {
            return *first < accepted;
        }
        if state.interrupted.len() >= MAX_MESSAGES {
            let oldest = state.interrupted.values().min().copied();
            state.interrupted.retain(|_, first| Some(*first) != oldest);
        }
        state.interrupted.insert(id.to_owned(), accepted);
        false
    }

    /// Whether a session ended over this message: then it is sent alone.
    pub fn is_suspect(&self, id: &str) -> bool {
        let state = self.0.lock();
        !state.interrupted.is_empty() && state.interrupted.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_charged_once_others_have_gone_through() {
        let interruptions = Interruptions::default();
        interruptions.accepted("before");
        assert!(!interruptions.interrupted("poison"), "the first time");
        assert!(!interruptions.interrupted("poison"), "no other since");
        assert!(interruptions.is_suspect("poison") && !interruptions.is_suspect("other"));
        interruptions.accepted("other");
        assert!(interruptions.interrupted("poison"));
        assert!(interruptions.interrupted("poison"), "from now on");
        assert!(!interruptions.interrupted("another"), "each by itself");
        interruptions.accepted("poison");
        assert!(!interruptions.is_suspect("poison") && !interruptions.interrupted("poison"));
    }

    #[test]
    fn a_number_of_messages_is_remembered() {
        let interruptions = Interruptions::default();
        for number in 0..2 * MAX_MESSAGES {
            interruptions.interrupted(&number.to_string());
            interruptions.accepted("other");
        }
        assert_eq!(interruptions.0.lock().interrupted.len(), MAX_MESSAGES);
        assert!(!interruptions.is_suspect("0"));
    }
}
