//! The background task of keys: follows other nodes, reseals values, and reminds of what is due.

use std::time::Duration;

use domain::Refusal;
use domain::crypto::keys::SealingKeyState;
use tokio::time::{Instant, sleep};

use super::service::SealingKeys;
use crate::store::keys::SealingKey;
use crate::store::{commit, keys};

/// How often the keys are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// The pause between batches, so that other writers come first.
const BATCH_PAUSE: Duration = Duration::from_millis(20);

/// How often a node reports the key files that it has.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// How often the log reminds of what is due.
const REMINDER: Duration = Duration::from_secs(24 * 3600);

impl SealingKeys {
    /// Maintains the keys until `stop` completes.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut fails = false;
        loop {
            let more = match self.maintain().await {
                Ok(more) => {
                    fails = false;
                    more
                }
                Err(refusal) => {
                    if !fails {
                        tracing::warn!(%refusal, "keys cannot be maintained now; it is tried again");
                    }
                    fails = true;
                    false
                }
            };
            let pause = if more { BATCH_PAUSE } else { INTERVAL };
            tokio::select! {
                () = &mut stop => break,
                () = self.wake.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Does once what is due: reads new key files, reports its own, has a key seal that every node has, and
    /// seals a batch of values anew. Returns whether more values may be to be sealed anew.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn maintain(&self) -> Result<bool, Refusal> {
        let known = self.follow().await?;
        self.report(&known).await?;
        self.browser.refresh().await?;
        self.remind().await?;
        Ok(self.reseal_batch().await?)
    }

    /// Reports the key files of this node, and has a key seal that waits until every node has its file.
    async fn report(&self, known: &[SealingKey]) -> Result<(), Refusal> {
        let waits = known.iter().any(SealingKey::is_waiting);
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        let folder = self.vault.key_folder();
        let is_reported = {
            let last = self.reported.lock();
            last.as_ref().is_some_and(|(before, at)| {
                *before == folder && monotonic.saturating_duration_since(*at) < HEARTBEAT
            })
        };
        // A database of this machine has one folder.
        if self.store.is_local() || (is_reported && !waits) {
            return Ok(());
        }
        let mut work = self.store.begin_on_sealing_keys().await?;
        self.report_folder(&mut work, now).await?;
        let known = keys::sealing(&mut work).await?;
        if let Some(waiting) = known.iter().find(|key| key.is_waiting()) {
            self.activate_where_everywhere(&mut work, &waiting.kid, now)
                .await?;
        }
        commit(work).await?;
        *self.reported.lock() = Some((folder, monotonic));
        self.follow().await?;
        Ok(())
    }

    /// Logs once a day what a person has to do.
    async fn remind(&self) -> Result<(), Refusal> {
        let now = self.clock.monotonic();
        let is_due = |at: Instant| now.saturating_duration_since(at) >= REMINDER;
        if !self.reminded.lock().is_none_or(is_due) {
            return Ok(());
        }
        let view = self.read().await?;
        *self.reminded.lock() = Some(now);
        if let Some(made) = view.due_for_rotation() {
            tracing::warn!(
                "the key that seals passwords was made on {made}; rotate it with: postern keys rotate"
            );
        }
        for key in &view.sealing {
            if !key.state.opens() && key.number() > 0 {
                tracing::error!(
                    kid = key.id,
                    values = key.counted(),
                    "a key is lost or damaged: restore its file, or enter again what it sealed"
                );
            }
            if key.state == SealingKeyState::Waiting {
                tracing::warn!(
                    kid = key.id,
                    nodes = view.without_file.join(", "),
                    "a key waits until its file is copied to every node"
                );
            }
        }
        Ok(())
    }
}
