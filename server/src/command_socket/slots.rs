//! The slots of connections to the command socket: those of users that may use it, and of others.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections at once of users that may use the socket; further ones wait.
const CONNECTIONS: usize = 64;

/// The connections at once of other users, which get a refusal; further ones are closed without one.
const REFUSALS: usize = 8;

/// Counts connections.
pub struct SocketSlots {
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl SocketSlots {
    pub fn new() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }

    /// The slot of a connection, for which one of a user that may use the socket waits; `None` for another
    /// one beyond the limit.
    pub async fn take(&self, may_use: bool) -> Option<OwnedSemaphorePermit> {
        match may_use {
            // It is never closed.
            true => self.connections.clone().acquire_owned().await.ok(),
            false => self.refusals.clone().try_acquire_owned().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn users_that_are_refused_take_no_slot_of_others() {
        let slots = SocketSlots::new();
        let mut taken = Vec::new();
        for number in 0..CONNECTIONS {
            let refused = slots.take(false).await;
            assert_eq!(refused.is_some(), number < REFUSALS, "{number}");
            taken.extend(refused);
        }
        for number in 0..CONNECTIONS {
            let slot = slots.take(true).now_or_never().flatten();
            assert!(slot.is_some(), "{number}");
            taken.extend(slot);
        }
        assert!(slots.take(true).now_or_never().is_none(), "it waits");
        drop(taken);
        assert!(slots.take(true).await.is_some() && slots.take(false).await.is_some());
    }
}
