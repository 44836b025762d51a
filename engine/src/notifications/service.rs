//! The notifications service: what it is made of, and waiting for what is due.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use tokio::sync::Notify;

use crate::Clock;
use crate::audit::Audit;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::smtp::Dialer;
use crate::store::notifications::{health_mail, webhook_deliveries};
use crate::store::{Store, StoreError};
use crate::vault::Vault;

/// The most time between two polls of the database: other processes on it queue events too.
const POLL: Duration = Duration::from_secs(5);

/// The least time between two polls, where another process claims what is due.
const POLL_MIN: Duration = Duration::from_millis(250);

/// The service. Cheap to clone.
#[derive(Clone)]
pub struct Notifications {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) audit: Audit,
    pub(super) vault: Arc<Vault>,
    pub(super) health: Health,
    pub(super) outbox: Arc<Outbox>,
    pub(super) dialer: Dialer,
    /// Connects to public addresses, and to what the operator allows: for endpoints of accounts.
    pub(super) account_dialer: Dialer,
    pub(super) public_url: Arc<str>,
    /// Notified when this process queues an event.
    added: Arc<Notify>,
}

/// What the service uses.
pub(crate) struct NotificationServices {
    pub store: Store,
    pub clock: Clock,
    pub audit: Audit,
    pub vault: Arc<Vault>,
    pub health: Health,
    pub outbox: Arc<Outbox>,
    pub dialer: Dialer,
    pub account_dialer: Dialer,
    pub added: Arc<Notify>,
}

impl Notifications {
    /// `public_url` is where people reach the console.
    pub(crate) fn new(services: NotificationServices, public_url: &str) -> Self {
        Self {
            store: services.store,
            clock: services.clock,
            audit: services.audit,
            vault: services.vault,
            health: services.health,
            outbox: services.outbox,
            dialer: services.dialer,
            account_dialer: services.account_dialer,
            public_url: public_url.trim_end_matches('/').into(),
            added: services.added,
        }
    }

    /// There may be events to send.
    pub(super) fn wake(&self) {
        self.added.notify_one();
    }

    /// Waits until an event or a mail may be due, at most 5 s.
    pub async fn wait(&self) {
        let due = match self.next_due().await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the queue of webhooks cannot be read"
                );
                None
            }
        };
        let now = self.clock.now();
        let pause = due.map_or(POLL, |due| due.saturating_since(now).clamp(POLL_MIN, POLL));
        tokio::select! {
            () = self.added.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut connection = self.store.read().await?;
        let now = self.clock.now();
        let event = webhook_deliveries::next_due(&mut connection, now).await?;
        let mail = health_mail::next_due(&mut connection, now).await?;
        Ok([event, mail].into_iter().flatten().min())
    }
}
