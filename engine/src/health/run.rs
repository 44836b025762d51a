//! The task of health checks: claims relays that are due, a lease each, so one node checks each.

use std::sync::Arc;
use std::time::Duration;

use domain::{Refusal, Timestamp};
use futures::future::join_all;
use tokio::task::JoinSet;
use tokio::time::sleep;
use ulid::Ulid;

use super::Health;
use super::check::{CHECK_TIMEOUT, CheckedRelay, check};
use super::known::KnownRelays;
use super::state::INTERVAL;
use crate::store::relays::health::{self, Agenda, HealthClaim, HealthRow};
use crate::store::relays::routing;
use crate::store::{StoreError, commit, in_time};

/// How often a node looks for relays that are due.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a node waits after the database failed.
const RETRY: Duration = Duration::from_secs(5);

/// The checks of a node at a time.
const CONCURRENCY: usize = 16;

/// How long a relay stays leased to the node that checks it: longer than a check takes. The checks of a
/// node that stopped meanwhile are made by another one, or after its next start, when this is over.
const LEASE: Duration = Duration::from_secs(2 * CHECK_TIMEOUT.as_secs());

/// A check that is due later was put off by a clock that was ahead. It is due now.
const HORIZON: Duration = Duration::from_hours(1);

/// How many rows a transaction begins or ends, so that other writers do not wait for long.
const BATCH: usize = 100;

/// A relay that this node checks.
struct Claimed {
    owner: Arc<str>,
    row: HealthRow,
    relay: Arc<CheckedRelay>,
}

impl Health {
    /// Checks relays until `stop` completes. Several nodes may run it at the same time: each relay is
    /// checked by one of them. Checks under way at the end are abandoned.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.check_repeatedly() => {}
            () = stop => {}
        }
    }

    async fn check_repeatedly(&self) {
        let mut running = JoinSet::new();
        loop {
            while running.try_join_next().is_some() {}
            let free = CONCURRENCY.saturating_sub(running.len());
            let wait = match in_time(self.claim_due(free)).await {
                Ok(claimed) => {
                    for claimed in claimed {
                        let health = self.clone();
                        running.spawn(async move { health.check(claimed).await });
                    }
                    POLL_INTERVAL
                }
                Err(error) => {
                    let error: StoreError = error;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the relays to check cannot be read"
                    );
                    RETRY
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.0.wake.notified() => {}
            }
        }
    }

    /// Checks all relays that are due, and returns how many they were. [`Health::run`] does so again
    /// and again.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn check_due(&self) -> Result<usize, Refusal> {
        let mut checked = 0;
        loop {
            let claimed = in_time(self.claim_due(CONCURRENCY)).await?;
            if claimed.is_empty() {
                return Ok(checked);
            }
            checked += claimed.len();
            join_all(claimed.into_iter().map(|claimed| self.check(claimed))).await;
        }
    }

    /// Leases up to `limit` relays that are due. Where none is, nothing is written.
    async fn claim_due(&self, limit: usize) -> Result<Vec<Claimed>, StoreError> {
        let services = &self.0.services;
        let agenda = self.refresh().await?;
        let now = services.clock.now();
        let is_ahead = agenda.last_due > Some(now + HORIZON);
        let is_due = agenda.first_due.is_some_and(|due| due <= now);
        let Some(known) = self.known().filter(|_| limit > 0 && (is_due || is_ahead)) else {
            return Ok(Vec::new());
        };
        let owner: Arc<str> = Ulid::new().to_string().into();
        let mut work = services.store.begin().await?;
        if is_ahead {
            health::advance_after(&mut work, now + HORIZON, now).await?;
        }
        let claim = HealthClaim {
            owner: &owner,
            now,
            lease_end: now + LEASE,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        let rows = health::claim(&mut work, services.store.skip_locked(), claim).await?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            match known.of_row(&row).cloned() {
                Some(relay) => claimed.push(Claimed {
                    owner: owner.clone(),
                    row,
                    relay,
                }),
                // Its settings are just being changed.
                None => {
                    let due = now + POLL_INTERVAL;
                    health::release(&mut work, &owner, row.scope, due).await?;
                }
            }
        }
        commit(work).await?;
        Ok(claimed)
    }

    /// Checks a relay, unless accepted mail stands in for that, and records the result.
    async fn check(&self, claimed: Claimed) {
        let Claimed { owner, row, relay } = claimed;
        let next = self.checked(&row, &relay).await;
        let recorded = in_time(self.record(&owner, &row, &next, &relay)).await;
        if let Err(error) = recorded {
            let error: StoreError = error;
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                relay = relay.name,
                "the check of a relay cannot be recorded; it is made again"
            );
        }
    }

    /// The row after the check.
    async fn checked(&self, row: &HealthRow, relay: &CheckedRelay) -> HealthRow {
        let services = &self.0.services;
        let begun = services.clock.now();
        let jitter = rand::random();
        if row.needs_no_check(relay.is_limited, begun) {
            let record = row.record.after(Ok(()), begun);
            return HealthRow {
                due_at: begun + record.next_check(jitter),
                record,
                ..row.clone()
            };
        }
        let dialer = match relay.scope.is_own() {
            true => &services.account_dialer,
            false => &services.dialer,
        };
        let before = row.record_with_mail(begun);
        let result = check(dialer, &relay.relay).await;
        let record = match result {
            Ok(()) => before.after(Ok(()), begun),
            Err(failed) if failed.is_busy && row.is_busy(begun) => before,
            Err(failed) => before.after(Err(failed.failure), begun),
        };
        HealthRow {
            due_at: services.clock.now() + record.next_check(jitter),
            record,
            checked_at: Some(begun),
            ..row.clone()
        }
    }

    fn known(&self) -> Option<Arc<KnownRelays>> {
        self.0.known.lock().clone()
    }

    /// Brings the relays that are checked up to date with the settings, where these were changed.
    pub(super) async fn refresh(&self) -> Result<Agenda, StoreError> {
        let agenda = self.agenda().await?;
        if self
            .known()
            .is_some_and(|known| known.version == agenda.version)
        {
            return Ok(agenda);
        }
        let services = &self.0.services;
        let known = KnownRelays::of(services.relays.configured().await?);
        while !self.apply(&known).await? {}
        *self.0.known.lock() = Some(Arc::new(known));
        self.agenda().await
    }

    async fn agenda(&self) -> Result<Agenda, StoreError> {
        let mut connection = self.0.services.store.read().await?;
        health::agenda(&mut connection).await
    }

    /// Begins and ends rows, some at a time. Returns whether that is done; also where the settings were
    /// changed again meanwhile, which the version shows.
    async fn apply(&self, known: &KnownRelays) -> Result<bool, StoreError> {
        let services = &self.0.services;
        let rows = health::all(&mut *services.store.read().await?).await?;
        if known.differences(&rows).is_empty() {
            return Ok(true);
        }
        let mut work = services.store.begin().await?;
        let version = routing::lock(&mut work, services.store.for_update()).await?;
        if version != known.version {
            return Ok(true);
        }
        let rows = health::all(&mut work).await?;
        let differences = known.differences(&rows);
        let now = services.clock.now();
        let is_burst = differences.begun.len() > CONCURRENCY;
        for relay in differences.begun.into_iter().take(BATCH) {
            let due = if is_burst { within_interval(now) } else { now };
            health::begin(&mut work, relay, now, due).await?;
        }
        for scope in differences.ended.into_iter().take(BATCH) {
            health::end(&mut work, scope, now).await?;
        }
        commit(work).await?;
        Ok(false)
    }
}

/// A time for one of many checks, so that they do not all come at once.
fn within_interval(now: Timestamp) -> Timestamp {
    now + INTERVAL * u32::from(rand::random::<u16>()) / u32::from(u16::MAX)
}
