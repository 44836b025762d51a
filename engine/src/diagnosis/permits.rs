//! Permits of diagnoses and probes that run at the same time, in all and of one person.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Refusal;
use parking_lot::Mutex;

/// How many run at a time: in all, and of one actor.
const ALL: usize = 4;
const OWN: usize = 2;

/// The runs by actor. Cheap to clone.
#[derive(Clone, Default)]
pub struct Permits(Arc<Mutex<HashMap<String, usize>>>);

/// The permit of one run, until it is dropped.
pub struct Permit {
    permits: Permits,
    actor: String,
}

impl Permits {
    /// Takes a permit.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) with the seconds to wait.
    pub fn take(&self, actor: &str) -> Result<Permit, Refusal> {
        let mut running = self.0.lock();
        let own = running.get(actor).copied().unwrap_or(0);
        let text = if own >= OWN {
            "At most two of your diagnoses run at a time. Wait until one has ended."
        } else if running.values().sum::<usize>() >= ALL {
            "At most four diagnoses run at a time. Wait until one has ended."
        } else {
            running.insert(actor.to_owned(), own + 1);
            return Ok(Permit {
                permits: self.clone(),
                actor: actor.to_owned(),
            });
        };
        Err(Refusal::too_many(5, text))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = self.permits.0.lock();
        if let Some(own) = running.get_mut(&self.actor) {
            *own -= 1;
            if *own == 0 {
                running.remove(&self.actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_a_person_and_four_in_all_run_at_a_time() {
        let permits = Permits::default();
        let refused = |actor| permits.take(actor).err().map(|refusal| refusal.to_string());
        let held = ["a", "a", "b"].map(|actor| permits.take(actor).expect("a permit"));
        assert!(refused("a").is_some_and(|text| text.contains("two of your")));
        let last = permits.take("c").expect("the fourth");
        assert!(refused("d").is_some_and(|text| text.contains("At most four")));
        drop(last);
        assert!(permits.take("b").is_ok());
        drop(held);
        assert!(permits.0.lock().is_empty());
    }
}
