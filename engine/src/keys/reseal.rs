//! Seals values anew that another key than the present one sealed, in batches.
//!
//! A pass begins anew after a restart.

use std::time::Duration;

use tokio::time::Instant;

use super::pass::ResealPass;
use super::service::SealingKeys;
use crate::store::keys::sealed_columns::{self, SEALED_COLUMNS, SealedRowKey};
use crate::store::relays::routing;
use crate::store::{StoreError, commit};

/// The most values of a batch, which is one transaction.
const BATCH: i64 = 50;

/// How long after a pass the next one begins: another node may have sealed a value with the key before.
const PASS_PAUSE: Duration = Duration::from_secs(60);

impl SealingKeys {
    /// Seals the next batch of values anew. Returns whether there may be more.
    ///
    /// # Errors
    /// Where the database fails. The batch is repeated.
    pub(super) async fn reseal_batch(&self) -> Result<bool, StoreError> {
        let now = self.clock.monotonic();
        let mut pass = self.pass.lock().await;
        let kid = self.vault.sealing();
        let is_over = |ended_at: Instant| now.saturating_duration_since(ended_at) >= PASS_PAUSE;
        if pass.kid != kid || pass.ended_at.is_some_and(is_over) {
            *pass = ResealPass::of(kid);
        }
        if pass.ended_at.is_some() {
            return Ok(false);
        }
        let others = self.vault.other_prefixes();
        let Some(column) = SEALED_COLUMNS
            .get(pass.column)
            .filter(|_| !others.is_empty())
        else {
            pass.ended_at = Some(now);
            return Ok(false);
        };
        let mut connection = self.store.read().await?;
        let rows =
            sealed_columns::batch(&mut connection, column, &others, &pass.after, BATCH).await?;
        drop(connection);
        let Some(last) = rows.last() else {
            pass.column += 1;
            pass.after = SealedRowKey::default();
            return Ok(true);
        };
        let mut work = self.store.begin().await?;
        // Saves lock the routing before their rows. In another order each would wait for the other.
        routing::lock(&mut work, self.store.for_update()).await?;
        for row in &rows {
            // A value that does not open stays: its key is not retired until it is entered again.
            if let Some(anew) = self.vault.reseal(&row.value) {
                sealed_columns::replace(&mut work, column, row, &anew).await?;
            }
        }
        commit(work).await?;
        pass.after = last.row.clone();
        Ok(true)
    }
}
