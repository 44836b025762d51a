//! The octets of messages that a worker may hold in memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::permits::{RelayPermit, RelayPermits};
use crate::store::Scope;

/// Messages of more octets are read from the database when their turn comes.
pub(in crate::delivery) const SMALL: i64 = 256 * 1024;

/// The octets of small messages in local queues, whatever the number of queues. Beyond them small messages
/// are read when their turn comes, too.
const SMALL_BUDGET: usize = 32 * 1024 * 1024;

/// The octets of large messages that are sent at the same time. Each relay has a share, so that those which take
/// their octets slowly leave some to others.
const LARGE_BUDGET: usize = 128 * 1024 * 1024;

/// What is free of both budgets: one permit for each octet.
pub(in crate::delivery) struct MessageMemory {
    small: Arc<Semaphore>,
    large: RelayPermits,
}

/// The room of a message, until it is dropped.
#[expect(dead_code, reason = "permits are held, and not read")]
pub(in crate::delivery) enum MemoryPermit {
    Small(OwnedSemaphorePermit),
    Large(RelayPermit),
}

impl Default for MessageMemory {
    fn default() -> Self {
        Self {
            small: Arc::new(Semaphore::new(SMALL_BUDGET)),
            large: RelayPermits::new(LARGE_BUDGET),
        }
    }
}

impl MessageMemory {
    /// The greatest size, in octets, of messages whose bytes are read together with a claim of this many: all of
    /// them fit into what is free.
    pub fn claim_size(&self, messages: usize) -> i64 {
        let free = self.small.available_permits() / messages.max(1);
        i64::try_from(free).unwrap_or(SMALL).min(SMALL)
    }

    /// Room for a message in a local queue; `None` where there is none.
    pub fn try_small(&self, octets: usize) -> Option<MemoryPermit> {
        let octets = u32::try_from(octets).ok()?;
        let permit = self.small.clone().try_acquire_many_owned(octets);
        permit.ok().map(MemoryPermit::Small)
    }

    /// Room for a message of this many octets whose turn it is at a relay; for a large one, as soon as there
    /// is some. The number of connections bounds the small ones.
    pub async fn enter(&self, relay: Scope, octets: i64) -> Option<MemoryPermit> {
        if octets <= SMALL {
            return None;
        }
        // One that is alone always has room.
        let octets = usize::try_from(octets).unwrap_or(usize::MAX);
        let octets = octets.min(LARGE_BUDGET / 4);
        Some(MemoryPermit::Large(self.large.enter(relay, octets).await))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_messages_are_in_memory_up_to_their_budget() {
        let memory = MessageMemory::default();
        assert_eq!(memory.claim_size(0), SMALL);
        assert_eq!(memory.claim_size(1), SMALL);
        assert_eq!(memory.claim_size(1024), 32 * 1024);
        let small = SMALL as usize;
        let mut held: Vec<_> = (0..SMALL_BUDGET / small)
            .map(|_| memory.try_small(small).expect("room"))
            .collect();
        assert!(memory.try_small(1).is_none());
        assert_eq!(memory.claim_size(1), 0);
        held.pop();
        assert!(memory.try_small(small).is_some());
    }
}
