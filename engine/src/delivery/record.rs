//! Recording the results of attempts: in the metrics, and in the database until it is written.

use domain::outbox::{EventKind, RecipientState, SuppressionLimit};
use tokio::time::sleep;

use super::disposition::AttemptResult;
use super::worker::{RETRY_WRITE, Worker};
use crate::outbox::WriteRequest;
use crate::store::delivery_events::NewEvent;
use crate::store::search;

impl Worker {
    /// Writes a result, and tries again until it is on disk: the leases are held until then.
    pub async fn record(&self, result: AttemptResult) {
        let meter = self.services.outbox.meter();
        for row in &result.settled {
            match (row.state, row.settled) {
                (RecipientState::Delivered, Some(at)) => {
                    let accepted = search::accepted(&row.key.message_id);
                    meter.delivered(at.saturating_since(accepted));
                }
                (RecipientState::Failed, _) => meter.failed(),
                _ => {}
            }
        }
        let deferred = |entry: &&NewEvent| entry.event.kind == EventKind::Deferred;
        meter.deferred(result.events.iter().filter(deferred).count());
        let suppression_limit = match result.suppressions.first() {
            Some(listed) => self.services.outbox.suppression_limit(&listed.relay).await,
            None => SuppressionLimit::MINIMUM,
        };
        loop {
            let request = WriteRequest::Settle {
                owner: self.id.clone(),
                settled: result.settled.clone(),
                events: result.events.clone(),
                suppressions: result.suppressions.clone(),
                suppression_limit,
            };
            match self.write(request).await {
                Ok(_) => return,
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
    }
}
