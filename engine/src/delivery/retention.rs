//! Retention: old messages and rows are deleted, what has expired goes, and figures are added up.

use std::time::Duration;

use domain::webhook::WEBHOOK_RETENTION;
use tokio::time::sleep;

use super::config::Retention;
use super::relay::pipelining;
use crate::Clock;
use crate::outbox::{COUNTED, KEY_LIFETIME};
use crate::store::delivery::suppressions;
use crate::store::keys::dkim;
use crate::store::messages::{idempotency, retention};
use crate::store::notifications::webhook_deliveries;
use crate::store::recipients::counts;
use crate::store::relays::{health_changes, pipelining_trials, usage};
use crate::store::{Store, StoreError, audit, commit, figures};

/// The minimum time that rows of the audit log are kept.
const AUDIT_MINIMUM: Duration = Duration::from_hours(30 * 24);

/// How long the changes of the health of relays are kept: pages show 30 days.
const HEALTH_HISTORY: Duration = Duration::from_hours(35 * 24);

/// The maximum number of rows of a table that a transaction deletes.
const BATCH: i64 = 500;

/// How often old messages are deleted.
const INTERVAL: Duration = Duration::from_secs(3600);

/// Deletes for as long as it is polled.
pub(super) async fn run(kept: Retention, store: &Store, clock: &Clock) {
    loop {
        if let Err(error) = delete_old(kept, store, clock).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old messages cannot be deleted"
            );
        }
        sleep(INTERVAL).await;
    }
}

async fn delete_old(kept: Retention, store: &Store, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now();
    for (age, what) in [
        (kept.bodies, retention::RetainedPart::Bodies),
        (kept.rows, retention::RetainedPart::Messages),
    ] {
        let mut from = Some(String::new());
        while let Some(start) = from {
            let batch = {
                let mut connection = store.read().await?;
                retention::done_before(&mut connection, what, &start, now - age).await?
            };
            // Final states do not change between the two transactions.
            if !batch.ids.is_empty() {
                let mut work = store.begin().await?;
                retention::delete(&mut work, what, &batch.ids).await?;
                commit(work).await?;
            }
            from = batch.next;
        }
    }
    let before = now - kept.audit.max(AUDIT_MINIMUM);
    loop {
        let mut work = store.begin().await?;
        let expired = suppressions::remove_expired(&mut work, BATCH, now).await?;
        let sent = now - WEBHOOK_RETENTION;
        let deliveries = webhook_deliveries::delete_before(&mut work, sent, BATCH).await?;
        // Last: it locks the chains of the nodes.
        let rows = audit::delete_before(&mut work, before, now, BATCH).await?;
        commit(work).await?;
        if rows == 0 && expired == 0 && deliveries == 0 {
            break;
        }
    }
    let mut work = store.begin().await?;
    idempotency::forget_all_old(&mut work, now - KEY_LIFETIME).await?;
    pipelining_trials::delete_before(&mut work, now - pipelining::VALID).await?;
    dkim::remove_retired(&mut work, now).await?;
    commit(work).await?;
    let mut work = store.begin().await?;
    if !store.is_local() {
        counts::merge_shards(&mut work).await?;
    }
    counts::delete_before(&mut work, now - 2 * COUNTED).await?;
    usage::delete_old(&mut work, now).await?;
    health_changes::delete_before(&mut work, now - HEALTH_HISTORY).await?;
    commit(work).await?;
    figures::compact(store, now).await
}
