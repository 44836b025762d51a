//! Reports of messages that are delayed and not tried, because no relay takes them.

use std::time::Duration;

use domain::outbox::{DELAYED_AFTER, MAXIMAL_QUEUE_LIFETIME};
use domain::{Refusal, Timestamp};
use tokio::time::sleep;

use super::worker::Worker;
use crate::outbox::WriteRequest;
use crate::store::{StoreError, in_time, messages, search};

/// How often to look for messages that are delayed by now.
const INTERVAL: Duration = Duration::from_secs(5);

/// Messages are looked at again for as long after they are delayed: a row that another transaction has locked
/// is skipped, and is not always about to be settled.
const AGAIN: Duration = Duration::from_secs(20);

/// The longest span of times of acceptance that is looked through at once: after a start the messages of days
/// are, and all of them in one query could take longer than a query may.
const SPAN: Duration = Duration::from_hours(1);

/// The maximum number of messages of a commit.
const BATCH: i64 = 50;

impl Worker {
    /// Reports delays for as long as it is polled. A message that is tried while it is delayed is reported
    /// with the result of the attempt.
    pub async fn report_delays(&self) {
        // What became delayed while no worker ran is reported too.
        let mut from = self.services.clock.now() - DELAYED_AFTER - MAXIMAL_QUEUE_LIFETIME;
        loop {
            let delayed = self.services.clock.now() - DELAYED_AFTER;
            let to = span_end(from, delayed);
            match self.report_accepted_between(from, to).await {
                Ok(()) => {
                    from = from.max(to - AGAIN);
                    if to < delayed {
                        continue;
                    }
                }
                Err(refusal) => {
                    tracing::warn!(%refusal, "delays could not be reported; it is tried again");
                }
            }
            sleep(INTERVAL).await;
        }
    }

    async fn report_accepted_between(&self, from: Timestamp, to: Timestamp) -> Result<(), Refusal> {
        let (mut from, to) = (search::first_id(from), search::first_id(to));
        loop {
            let read = async {
                let mut connection = self.services.store.read().await?;
                messages::waiting_with_delays(&mut connection, &from, &to, BATCH).await
            };
            let ids: Result<Vec<String>, StoreError> = in_time(read).await;
            let ids = ids?;
            let Some(last) = ids.last() else {
                return Ok(());
            };
            from.clone_from(last);
            let written = self.write(WriteRequest::ReportDelays(ids)).await?;
            self.deliver_reports(&written);
        }
    }
}

/// The end of the span to look through that begins at `from`. What was accepted by `delayed` is delayed.
fn span_end(from: Timestamp, delayed: Timestamp) -> Timestamp {
    delayed.min(from + SPAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_days_are_looked_through_by_the_hour() {
        const HOUR: i64 = 3_600_000;
        for (from, delayed, expected) in [
            (0, 5 * HOUR, HOUR),
            (4 * HOUR, 5 * HOUR, 5 * HOUR),
            (5 * HOUR, 5 * HOUR + 7, 5 * HOUR + 7),
            // A clock that was set back.
            (5 * HOUR, 3 * HOUR, 3 * HOUR),
        ] {
            let end = span_end(Timestamp(from), Timestamp(delayed));
            assert_eq!(end, Timestamp(expected), "{from} {delayed}");
        }
    }
}
