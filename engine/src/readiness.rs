//! The readiness service: whether this process can accept and deliver mail now, for probes.
//!
//! Its answers have no names, addresses or numbers of accounts, so that probes need no token.

use std::sync::Arc;
use std::time::Duration;

use domain::outbox::RecipientState;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Clock;
use crate::delivery::{DeliveryPulse, LastTurn};
use crate::store::recipients::counts;
use crate::store::{Connection, Store, StoreError, keys};
use crate::vault::Vault;

/// How long the database may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a report is repeated: any number of probes cost one check a second.
const FRESH: Duration = Duration::from_secs(1);

/// Whether this process can work, and the age of the oldest mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadinessReport {
    /// Whether the database answers within 2 s.
    pub database: bool,
    /// Whether this process has the key that seals; `None` where the database does not answer.
    pub keys: Option<bool>,
    /// The delivery loop of this process.
    pub delivery: DeliveryPulse,
    /// The age of the oldest mail that is to be delivered. It has no part in readiness: mail that waits
    /// for a relay is no reason to refuse more.
    pub oldest: Option<Duration>,
}

impl ReadinessReport {
    /// Whether mail can be accepted, and delivery of this process works where it is on.
    pub fn is_ready(&self) -> bool {
        self.database && self.keys == Some(true) && self.delivery != DeliveryPulse::Stuck
    }
}

/// Reports whether this process can work.
pub struct Readiness {
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
    last_turn: Arc<LastTurn>,
    last: Mutex<LastCheck>,
}

#[derive(Default)]
struct LastCheck {
    checked: Option<CheckedReport>,
    /// Of PostgreSQL. It is in no pool: those test without a time limit what comes back to them.
    connection: Option<Connection>,
}

/// A report, and when it was made.
struct CheckedReport {
    at: Instant,
    report: ReadinessReport,
}

/// What the database says.
struct DatabaseAnswer {
    has_key: bool,
    oldest: Option<Duration>,
}

impl Readiness {
    pub(crate) fn new(
        store: Store,
        clock: Clock,
        vault: Arc<Vault>,
        last_turn: Arc<LastTurn>,
    ) -> Self {
        Self {
            store,
            clock,
            vault,
            last_turn,
            last: Mutex::default(),
        }
    }

    /// The state now, at most a second old, within 2 s. Callers at the same time share one check.
    pub async fn report(&self) -> ReadinessReport {
        let mut last = self.last.lock().await;
        let now = self.clock.monotonic();
        if let Some(checked) = last.checked.as_ref()
            && now.saturating_duration_since(checked.at) < FRESH
        {
            return checked.report;
        }
        let report = self.check(&mut last.connection).await;
        let at = self.clock.monotonic();
        last.checked = Some(CheckedReport { at, report });
        report
    }

    async fn check(&self, kept: &mut Option<Connection>) -> ReadinessReport {
        let answer = self.ask_database(kept).await.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "not ready: the database fails"
            );
            None
        });
        ReadinessReport {
            database: answer.is_some(),
            keys: answer.as_ref().map(|answer| answer.has_key),
            delivery: self.last_turn.pulse(self.clock.monotonic()),
            oldest: answer.and_then(|answer| answer.oldest),
        }
    }

    /// Asks the database; `None` where it does not answer within 2 s.
    async fn ask_database(
        &self,
        kept: &mut Option<Connection>,
    ) -> Result<Option<DatabaseAnswer>, StoreError> {
        // A connection that does not answer is dropped with the question.
        let before = kept.take();
        let Ok(asked) = timeout(CHECK_TIMEOUT, self.ask(before)).await else {
            tracing::warn!("not ready: the database does not answer within 2 s");
            return Ok(None);
        };
        let (connection, answer) = asked?;
        *kept = (!self.store.is_local()).then_some(connection);
        Ok(Some(answer))
    }

    /// Asks on the connection of the check before, or on a new one where that has broken.
    async fn ask(
        &self,
        before: Option<Connection>,
    ) -> Result<(Connection, DatabaseAnswer), StoreError> {
        if let Some(mut connection) = before
            && let Ok(answer) = self.read(&mut connection).await
        {
            return Ok((connection, answer));
        }
        let mut connection = self.store.connect().await?;
        let answer = self.read(&mut connection).await?;
        Ok((connection, answer))
    }

    async fn read(&self, connection: &mut Connection) -> Result<DatabaseAnswer, StoreError> {
        // The newest of those that are active seals.
        let sealing = keys::sealing(connection).await?;
        let has_key = sealing
            .iter()
            .find(|key| key.is_active())
            .is_some_and(|newest| self.vault.has_key(&newest.kid));
        let now = self.clock.now();
        let counts = counts::by_state(connection, None, now).await?;
        let waits = |state| matches!(state, RecipientState::Queued | RecipientState::Deferred);
        let waiting = counts.iter().filter(|count| waits(count.state));
        let oldest = waiting.filter_map(|count| count.oldest).min();
        Ok(DatabaseAnswer {
            has_key,
            oldest: oldest.map(|oldest| now.saturating_since(oldest)),
        })
    }
}
