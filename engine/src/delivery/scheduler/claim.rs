//! Claiming messages that are due, as many as the local queue has capacity for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::{Refusal, Timestamp};
use futures::future::join_all;
use tokio::time::{Instant, sleep, sleep_until};

use super::claim_shares::{ClaimShare, claim_shares, in_turn};
use crate::delivery::disposition::AttemptResult;
use crate::delivery::leases::LeasedRecipient;
use crate::delivery::pool::Demand;
use crate::delivery::relay::route::Routes;
use crate::delivery::task::queued_message::{GroupedMessages, QueuedMessage, group_by_message};
use crate::delivery::worker::{RETRY_WRITE, Worker};
use crate::outbox::{ControlState, WriteRequest, WriteResult};
use crate::store::delivery::events;
use crate::store::messages::flows::{self, QueueClass, WaitingFlow};
use crate::store::recipients::RecipientKey;
use crate::store::{commit, in_time, messages, recipients};

/// How often to poll for messages without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// After the database was unreachable, other workers have this long to write their results before
/// their ended leases are taken over.
const OUTAGE_GRACE: Duration = Duration::from_secs(10);

/// The maximum number of recipients without an attempt that are recorded at once: their senders may want
/// reports, which are written in the same commit.
const UNSENDABLE: usize = 100;

/// When to poll again.
struct NextPoll {
    at: Instant,
    /// Messages are due that the local queues have no capacity for: poll as soon as one has. Without them
    /// a poll on every freed slot would cost more than the messages themselves.
    backlog: bool,
}

impl Worker {
    /// Claims messages for as long as it is polled.
    pub async fn claim_messages(self: Arc<Self>) {
        self.record_turn();
        while self.services.store.is_local() {
            match self.expire_leases().await {
                Ok(()) => break,
                Err(_) => sleep(RETRY_WRITE).await,
            }
            self.record_turn();
        }
        let mut outage: Option<Instant> = None;
        loop {
            self.record_turn();
            // Leases that ended during an outage could not be renewed: their owners may live.
            let expired_leases = outage.is_none_or(|outage| outage.elapsed() >= OUTAGE_GRACE);
            let next = match in_time(self.poll(expired_leases)).await {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(_) => {
                    let now = Instant::now();
                    outage = Some(now);
                    NextPoll {
                        at: now + RETRY_WRITE,
                        backlog: false,
                    }
                }
            };
            let until = next.at.min(Instant::now() + POLL_INTERVAL);
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.services.outbox.woken() => {}
                () = self.wake.notified() => {}
                () = self.pool.capacity_freed.notified(), if next.backlog => {}
            }
        }
    }

    fn record_turn(&self) {
        let now = self.services.clock.monotonic();
        self.services.last_turn.record(now);
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
    async fn poll(self: &Arc<Self>, expired_leases: bool) -> Result<Option<NextPoll>, Refusal> {
        self.pool.close_idle_connections();
        let (control, waiting) = {
            let mut connection = self.services.store.read().await?;
            let hold_mail = self.services.outbox.hold_mail();
            let now = self.services.clock.now();
            let control = ControlState::read(&mut connection, hold_mail, now).await?;
            (control, flows::waiting(&mut connection, now).await?)
        };
        self.apply(control).await?;
        let now = self.services.clock.now();
        let monotonic = self.services.clock.monotonic();
        let due: Vec<&WaitingFlow> = waiting.iter().filter(|flow| flow.due <= now).collect();
        self.reservations.set_backlog(due.iter().copied());
        self.release(self.pool.drain_stuck_queues(monotonic)).await;
        self.start_tasks();
        let next_due = waiting.iter().map(|flow| flow.due);
        let next_due = next_due.filter(|due| *due > now).min();
        let mut until = next_due.map_or(POLL_INTERVAL, |due| due.saturating_since(now));
        let mut shares = Vec::new();
        for class in classes(&due) {
            match self.pool.demand(&class[0].class, monotonic) {
                Demand::Messages(capacity) => {
                    let after = self.last_claimed.load(Ordering::Relaxed);
                    shares.extend(claim_shares(&class, capacity, after));
                }
                Demand::After(wait) => until = until.min(wait),
                Demand::None => {}
            }
        }
        let claimed = self.claim_and_enqueue(shares, expired_leases, now).await?;
        self.start_tasks();
        Ok((claimed == 0).then(|| NextPoll {
            at: Instant::now() + until.min(POLL_INTERVAL),
            backlog: !due.is_empty(),
        }))
    }

    /// Claims the recipients of several flows in one commit. Returns how many it got.
    async fn claim_and_enqueue(
        self: &Arc<Self>,
        shares: Vec<ClaimShare>,
        expired_leases: bool,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let Some(last) = shares.iter().map(|share| share.flow).max() else {
            return Ok(0);
        };
        self.last_claimed.store(last, Ordering::Relaxed);
        let since = Instant::now();
        let claims = shares.iter().map(|share| {
            self.claim(WriteRequest::Claim {
                lease: self.new_lease(),
                flow: share.flow,
                limit: i64::try_from(share.limit).unwrap_or(i64::MAX),
                expired_leases,
                database_time: self.services.store.time(&self.services.clock),
            })
        });
        let (mut emptied, mut backlog) = (Vec::new(), Vec::new());
        // Before `flows`, so that it is dropped after the guards in there: leases that are held stay.
        let mut unqueued = Vec::new();
        let mut claimed = 0;
        let mut failure = None;
        let mut flows: Vec<Vec<QueuedMessage>> = Vec::new();
        for (share, written) in shares.iter().zip(join_all(claims).await) {
            let loaded = match written {
                Ok((written, leases)) => {
                    claimed += written.claimed.len();
                    match written.claimed.len() < share.limit {
                        true => emptied.push(&share.class),
                        false => backlog.push(&share.class),
                    }
                    let loaded = self.load(&share.class, written, since, now).await;
                    if loaded.is_ok() {
                        unqueued.push(leases);
                    }
                    loaded
                }
                Err(refusal) => {
                    backlog.push(&share.class);
                    Err(refusal)
                }
            };
            match loaded {
                Ok(messages) => flows.push(messages),
                Err(refusal) => failure = Some(refusal),
            }
        }
        // Another account of the class may have more.
        for class in emptied.iter().filter(|class| !backlog.contains(class)) {
            self.reservations.clear_backlog(class);
        }
        self.pool.enqueue(in_turn(flows));
        for leases in unqueued {
            leases.queued();
        }
        failure.map_or(Ok(claimed), Err)
    }

    /// The messages of claimed recipients; before, the settings to send them with.
    async fn load(
        self: &Arc<Self>,
        class: &QueueClass,
        written: WriteResult,
        since: Instant,
        now: Timestamp,
    ) -> Result<Vec<QueuedMessage>, Refusal> {
        if written.claimed.is_empty() {
            return Ok(Vec::new());
        }
        let mut leased = self.pool.leases.acquire_all(written.claimed, since);
        let read = async {
            self.apply(written.control).await?;
            let ids = leased.iter().map(|leased| &leased.recipient.key.message_id);
            let mut ids: Vec<String> = ids.cloned().collect();
            ids.dedup();
            let size = self.memory.claim_size(ids.len());
            let tried = leased.iter().filter(|leased| leased.recipient.was_tried);
            let tried: Vec<&RecipientKey> = tried.map(|leased| &leased.recipient.key).collect();
            let mut connection = self.services.store.read().await?;
            let relays = events::may_have_arrived_at(&mut connection, &tried).await?;
            let stored = messages::load(&mut connection, &ids, size).await?;
            Ok::<_, Refusal>((stored, relays))
        };
        let (stored, mut relays) = read.await?;
        for LeasedRecipient { recipient, .. } in &mut leased {
            recipient.pinned_to = relays.remove(&recipient.key);
        }
        let grouped = group_by_message(class, leased, stored, &self.memory, now);
        let messages = self.record_unsendable(grouped);
        Ok(self.defer_pinned(messages).await)
    }

    /// Defers messages that are pinned to a relay which takes none now, although others may take the rest of
    /// their queue. Returns the others.
    async fn defer_pinned(&self, messages: Vec<QueuedMessage>) -> Vec<QueuedMessage> {
        let now = self.services.clock.monotonic();
        let (mut ready, mut waiting) = (Vec::with_capacity(messages.len()), Vec::new());
        for message in messages {
            match self.pool.pinned_wait(&message.class, now) {
                None => ready.push(message),
                Some(wait) => waiting.push((message, wait)),
            }
        }
        let deferred = waiting
            .iter()
            .map(|(message, wait)| self.defer(message.keys().collect(), *wait));
        join_all(deferred).await;
        ready
    }

    /// Records the recipients that cannot be sent to, and returns the messages of the others.
    pub fn record_unsendable(self: &Arc<Self>, grouped: GroupedMessages) -> Vec<QueuedMessage> {
        if !grouped.unsendable.is_empty() {
            let worker = self.clone();
            let mut settled = grouped.unsendable;
            tokio::spawn(async move {
                while !settled.is_empty() {
                    let rest = settled.split_off(settled.len().min(UNSENDABLE));
                    let result = AttemptResult {
                        settled,
                        ..AttemptResult::default()
                    };
                    worker.record(result).await;
                    settled = rest;
                }
            });
        }
        grouped.messages
    }

    /// Reads the routes again where the control state names a newer version.
    async fn apply(&self, control: ControlState) -> Result<(), Refusal> {
        self.pool.observe(control);
        let known = self.pool.version();
        if known == Some(control.version) {
            return Ok(());
        }
        let services = &self.services;
        let (before, now) = (self.pool.routes(), services.clock.now());
        let routes = Routes::read(&services.relays, &services.store, &before, now).await?;
        self.pool.set_routes(routes);
        Ok(())
    }

    /// Releases messages that cannot be sent soon, so that other workers and people can act on them.
    async fn release(&self, messages: Vec<QueuedMessage>) {
        let keys = messages.iter().flat_map(QueuedMessage::keys).collect();
        self.release_leases(keys).await;
    }
}

/// The flows of each class of a queue.
fn classes<'a>(flows: &[&'a WaitingFlow]) -> Vec<Vec<&'a WaitingFlow>> {
    let mut classes: Vec<Vec<&WaitingFlow>> = Vec::new();
    let mut known: HashMap<&QueueClass, usize> = HashMap::new();
    for flow in flows {
        let at = *known.entry(&flow.class).or_insert(classes.len());
        match classes.get_mut(at) {
            Some(class) => class.push(flow),
            None => classes.push(vec![flow]),
        }
    }
    classes
}
