//! Permits of a worker that messages wait for, each relay within its share.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::shares::RelayShares;
use crate::store::Scope;

/// The permits of a worker. Cheap to clone.
#[derive(Clone)]
pub(in crate::delivery) struct RelayPermits(Arc<Mutex<RelayShares<Waiter>>>);

/// A message that waits for permits.
type Waiter = oneshot::Sender<RelayPermit>;

/// Permits of a message, until it is dropped.
pub(in crate::delivery) struct RelayPermit {
    permits: RelayPermits,
    /// The relay that is charged them.
    charged: Option<Scope>,
    number: usize,
}

impl RelayPermits {
    /// The number of permits.
    pub fn new(number: usize) -> Self {
        Self(Arc::new(Mutex::new(RelayShares::new(number))))
    }

    /// Waits for permits for a message to a relay.
    pub async fn enter(&self, relay: Scope, number: usize) -> RelayPermit {
        loop {
            let waits = {
                let mut shares = self.0.lock();
                if shares.try_enter(relay, number) {
                    return self.of(Some(relay), number);
                }
                let (waiter, waits) = oneshot::channel();
                shares.wait(relay, number, waiter, oneshot::Sender::is_closed);
                waits
            };
            if let Ok(permit) = waits.await {
                return permit;
            }
        }
    }

    /// As [`Self::enter`]; `None` where there is no room now.
    pub fn try_enter(&self, relay: Scope, number: usize) -> Option<RelayPermit> {
        let entered = self.0.lock().try_enter(relay, number);
        entered.then(|| self.of(Some(relay), number))
    }

    /// A permit that no relay is charged; `None` where none is free.
    pub fn try_take(&self) -> Option<RelayPermit> {
        let taken = self.0.lock().try_take();
        taken.then(|| self.of(None, 1))
    }

    /// Permits that were taken.
    fn of(&self, charged: Option<Scope>, number: usize) -> RelayPermit {
        RelayPermit {
            permits: self.clone(),
            charged,
            number,
        }
    }

    /// Gives free permits to the messages that wait for them.
    fn grant(&self) {
        loop {
            let next = self.0.lock().grant(oneshot::Sender::is_closed);
            let Some(granted) = next else {
                return;
            };
            let permit = self.of(Some(granted.relay), granted.permits);
            // One that stopped waiting leaves its permits to the next.
            drop(granted.waiter.send(permit));
        }
    }
}

impl RelayPermit {
    /// The permits no longer count against the relay.
    pub fn discharge(&mut self) {
        if let Some(relay) = self.charged.take() {
            self.permits.0.lock().discharge(relay, self.number);
            self.permits.grant();
        }
    }
}

impl Drop for RelayPermit {
    fn drop(&mut self) {
        self.permits.0.lock().leave(self.charged, self.number);
        self.permits.grant();
    }
}
