//! Which messages a worker has: their leases are renewed, and nobody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The messages in hand, with how often: their recipients may have been taken at different times.
/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Hands(Arc<Mutex<HashMap<String, usize>>>);

/// A message in hand, until this is dropped: a run that dies keeps nothing from others.
pub struct Hand {
    hands: Hands,
    id: String,
}

impl Hands {
    fn held(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, id: &str) -> Hand {
        *self.held().entry(id.to_owned()).or_default() += 1;
        Hand {
            hands: self.clone(),
            id: id.to_owned(),
        }
    }

    pub fn ids(&self) -> Vec<String> {
        self.held().keys().cloned().collect()
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut held = self.hands.held();
        if let Some(times) = held.get_mut(&self.id) {
            *times -= 1;
            if *times == 0 {
                held.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_hand_while_somebody_has_a_part_of_it() {
        let hands = Hands::default();
        let (one, other) = (hands.take("a"), hands.take("a"));
        drop(one);
        assert_eq!(hands.ids(), ["a"]);
        drop(other);
        assert!(hands.ids().is_empty());
    }
}
