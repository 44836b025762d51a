//! Recording the results of attempts: in the metrics, and in the database until it is written.

use std::sync::Arc;

use domain::outbox::{EventKind, RecipientState, SuppressionLimit};
use tokio::time::sleep;

use super::AttemptResult;
use crate::delivery::limits::in_doubt::InDoubtPermit;
use crate::delivery::task::queued_message::QueuedMessage;
use crate::delivery::worker::{RETRY_WRITE, Worker};
use crate::outbox::{WriteRequest, WriteResult};
use crate::store::delivery::events::NewEvent;
use crate::store::search;

/// A result that is being recorded: a worker that stops waits for it.
struct RecordingGuard(Arc<Worker>);

impl RecordingGuard {
    fn new(worker: Arc<Worker>) -> Self {
        worker.in_doubt.begin_recording();
        Self(worker)
    }
}

impl Drop for RecordingGuard {
    fn drop(&mut self) {
        self.0.in_doubt.end_recording();
        self.0.pool.idle.notify_one();
    }
}

impl Worker {
    /// Records the result of a message while its connection goes on, as long as there is room among
    /// those in doubt; otherwise it returns when the result is on disk. The leases of the message are
    /// renewed until then. `permit`: the message has room already, and the result is not its relay's any
    /// more.
    pub async fn settle(
        self: &Arc<Self>,
        message: QueuedMessage,
        result: AttemptResult,
        mut permit: Option<InDoubtPermit>,
    ) {
        if let Some(permit) = &mut permit {
            permit.answered();
        }
        let recording = RecordingGuard::new(self.clone());
        match permit.or_else(|| self.in_doubt.try_record()) {
            Some(permit) => drop(tokio::spawn(async move {
                recording.0.record(result).await;
                drop((message, permit));
            })),
            None => {
                self.record(result).await;
                drop(message);
            }
        }
    }

    /// Writes a result, and tries again until it is on disk.
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
        #[cfg(feature = "otel")]
        {
            let now = self.services.clock.now();
            self.services.outbox.spans().attempted(&result.settled, now);
        }
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
                Ok(written) => {
                    self.deliver_reports(&written);
                    break;
                }
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
        if !self.pool.may_begin() {
            // Delivery is paused, or there are newer settings.
            self.wake();
        }
    }

    /// Counts the reports that a commit inserted, and claims them.
    pub fn deliver_reports(&self, written: &WriteResult) {
        if written.reports > 0 {
            self.services.outbox.meter().accepted(written.reports);
            self.wake();
        }
    }
}
