//! Reports of a worker to the checks of relays: which accept mail, and which began to back off.

use std::time::Duration;

use tokio::time::sleep;

use crate::delivery::worker::Worker;
use crate::store::relays::reports::{self, RelayReports};
use crate::store::{StoreError, commit, in_time};

/// How often there may be something to report. A backoff that begins is reported at once.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many relays a transaction reports, so that other writers do not wait for long.
pub(in crate::delivery) const BATCH: usize = 200;

impl Worker {
    /// Reports for as long as it is polled. What cannot be written is left: the next check comes all
    /// the same.
    pub async fn report_relays(&self) {
        loop {
            tokio::select! {
                () = sleep(INTERVAL) => {}
                () = self.pool.backoff_began.notified() => {}
            }
            let reports = self.pool.take_reports(self.services.clock.now());
            if let Err(error) = in_time(self.write_reports(reports)).await {
                let error: StoreError = error;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the state of relays cannot be reported to their checks"
                );
            }
        }
    }

    async fn write_reports(&self, reports: RelayReports) -> Result<(), StoreError> {
        let now = self.services.clock.now();
        for relays in reports.accepting.chunks(BATCH) {
            let mut work = self.services.store.begin().await?;
            reports::accepted_mail(&mut work, relays, now).await?;
            commit(work).await?;
        }
        for relays in reports.failing.chunks(BATCH) {
            let mut work = self.services.store.begin().await?;
            reports::backed_off(&mut work, relays, now).await?;
            commit(work).await?;
        }
        Ok(())
    }
}
