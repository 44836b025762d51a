//! Claiming messages that are due, as many as the local queue has room for.

use std::sync::Arc;
use std::time::Duration;

use domain::{Refusal, Timestamp};
use tokio::time::{Instant, sleep, sleep_until};

use super::disposition::AttemptResult;
use super::leases::LeasedRecipient;
use super::pool::Demand;
use super::queued_message::{GroupedMessages, QueuedMessage, SMALL, group_by_message};
use super::route::Route;
use super::worker::{RETRY_WRITE, Worker};
use crate::outbox::{ControlState, WriteRequest};
use crate::store::messages::{self, StoredMessage};
use crate::store::{commit, in_time, recipients};

/// How often to poll for messages without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// After the database was unreachable, other workers have this long to write their results before
/// their ended leases are taken over.
const OUTAGE_GRACE: Duration = Duration::from_secs(10);

impl Worker {
    /// Claims messages for as long as it is polled.
    pub async fn claim_messages(self: Arc<Self>) {
        while self.services.store.is_local() {
            match self.expire_leases().await {
                Ok(()) => break,
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
        let mut outage: Option<Instant> = None;
        loop {
            // Leases that ended during an outage could not be renewed: their owners may live.
            let expired_leases = outage.is_none_or(|outage| outage.elapsed() >= OUTAGE_GRACE);
            let until = match in_time(self.poll(expired_leases)).await {
                Ok(Some(until)) => until,
                Ok(None) => continue,
                Err(_) => {
                    let now = Instant::now();
                    outage = Some(now);
                    now + RETRY_WRITE
                }
            };
            let until = until.min(Instant::now() + POLL_INTERVAL);
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.services.outbox.woken() => {}
                () = self.wake.notified() => {}
                () = self.pool.room.notified() => {}
            }
        }
    }

    /// Ends leases of earlier processes: on SQLite this is the only worker.
    async fn expire_leases(&self) -> Result<(), Refusal> {
        let mut work = self.services.store.begin().await?;
        recipients::expire_all_leases(&mut work, self.services.clock.now()).await?;
        commit(work).await?;
        Ok(())
    }

    /// Claims once. Returns when to poll again without a notification; `None` for at once, because
    /// there is more to claim.
    async fn poll(self: &Arc<Self>, expired_leases: bool) -> Result<Option<Instant>, Refusal> {
        self.pool.close_idle_connections();
        let (control, next_due) = {
            let mut connection = self.services.store.read().await?;
            let hold_mail = self.services.outbox.hold_mail();
            let now = self.services.clock.now();
            let control = ControlState::read(&mut connection, hold_mail, now).await?;
            (control, recipients::next_due(&mut connection, now).await?)
        };
        self.apply(control).await?;
        let now = self.services.clock.now();
        let monotonic = self.services.clock.monotonic();
        self.reservations
            .set_backlog(next_due.is_some_and(|due| due <= now));
        if next_due.is_none() {
            self.pool.clear_expired_backoff(monotonic);
        }
        if self.pool.is_stuck(monotonic) {
            self.release_queue().await;
        }
        self.start_tasks();
        let limit = match self.pool.demand(monotonic) {
            Demand::Messages(limit) => limit,
            Demand::After(wait) => return Ok(Some(Instant::now() + wait)),
            Demand::None => return Ok(Some(Instant::now() + POLL_INTERVAL)),
        };
        match next_due {
            Some(due) if due <= now => {}
            Some(due) => return Ok(Some(poll_at(due, now))),
            None => return Ok(Some(Instant::now() + POLL_INTERVAL)),
        }
        let claimed = self.claim_and_enqueue(limit, expired_leases, now).await?;
        self.reservations.set_backlog(claimed == limit);
        self.start_tasks();
        Ok((claimed == 0).then(|| Instant::now() + POLL_INTERVAL))
    }

    /// Claims up to `limit` recipients. Returns how many it got.
    async fn claim_and_enqueue(
        self: &Arc<Self>,
        limit: usize,
        expired_leases: bool,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let request = WriteRequest::Claim {
            lease: self.new_lease(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            expired_leases,
        };
        let since = Instant::now();
        let written = self.claim(request).await?;
        let claimed = written.claimed.len();
        if claimed == 0 {
            return Ok(0);
        }
        let leased = self.pool.leases.acquire_all(written.claimed, since);
        let keys = leased
            .iter()
            .map(|leased| leased.recipient.key.clone())
            .collect();
        match self.load(&leased, written.control).await {
            Ok(stored) => self.enqueue_grouped(group_by_message(leased, stored, now)),
            Err(refusal) => {
                self.release_leases(keys).await;
                return Err(refusal);
            }
        }
        Ok(claimed)
    }

    /// The messages of leased recipients; before, the settings to send them with.
    async fn load(
        &self,
        leased: &[LeasedRecipient],
        control: ControlState,
    ) -> Result<Vec<StoredMessage>, Refusal> {
        self.apply(control).await?;
        let ids = leased.iter().map(|leased| &leased.recipient.key.message_id);
        let mut ids: Vec<String> = ids.cloned().collect();
        ids.dedup();
        let mut connection = self.services.store.read().await?;
        Ok(messages::load(&mut connection, &ids, SMALL).await?)
    }

    /// Puts messages into the local queue, and records those that cannot be sent.
    pub fn enqueue_grouped(self: &Arc<Self>, grouped: GroupedMessages) {
        self.pool.enqueue(grouped.messages);
        if !grouped.unsendable.is_empty() {
            let result = AttemptResult {
                settled: grouped.unsendable,
                ..AttemptResult::default()
            };
            let worker = self.clone();
            tokio::spawn(async move { worker.record(result).await });
        }
    }

    /// Reads the route again where the control state names other settings.
    async fn apply(&self, control: ControlState) -> Result<(), Refusal> {
        self.pool.observe(control);
        let known = self.pool.revision();
        if known == Some(control.revision) || (known.is_none() && control.revision == 0) {
            return Ok(());
        }
        let route = Route::read(&self.services.settings, &self.services.store).await?;
        self.pool.set_route(route.map(Arc::new));
        Ok(())
    }

    /// Releases the local queue, so that other workers and people can act on it.
    async fn release_queue(&self) {
        let messages: Vec<QueuedMessage> = self.pool.drain_queue();
        let keys = messages.iter().flat_map(QueuedMessage::keys).collect();
        self.release_leases(keys).await;
    }
}

fn poll_at(due: Timestamp, now: Timestamp) -> Instant {
    Instant::now() + due.saturating_since(now).min(POLL_INTERVAL)
}
