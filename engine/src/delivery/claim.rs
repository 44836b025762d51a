//! Taking mail that is due, as much as there is room for.

use std::sync::Arc;
use std::time::Duration;

use domain::{Refusal, Timestamp};
use tokio::time::{Instant, sleep_until};

use super::disposition::AttemptResult;
use super::leases::LeaseGuard;
use super::mail::{Mail, SMALL, sorted};
use super::pool::Demand;
use super::route::Route;
use super::{RETRY_WRITE, Worker};
use crate::outbox::writer::{Current, Work};
use crate::store::messages::{self, StoredMessage};
use crate::store::recipients::{self, Claimed, Settled};
use crate::store::{commit, in_time};

/// How often it is looked for mail that nobody told of.
const LOOK: Duration = Duration::from_secs(1);

/// After the database was away, others have so long to write what they did meanwhile.
const COMING_BACK: Duration = Duration::from_secs(10);

impl Worker {
    /// Takes mail for as long as it is polled.
    pub async fn claim_mail(self: Arc<Self>) {
        while self.postern.store().is_local() {
            match self.take_back().await {
                Ok(()) => break,
                Err(_) => tokio::time::sleep(RETRY_WRITE).await,
            }
        }
        let mut away: Option<Instant> = None;
        loop {
            // Leases that ended while nobody could renew them say nothing of whose they were.
            let of_others = away.is_none_or(|away| away.elapsed() >= COMING_BACK);
            let until = match in_time(self.look(of_others)).await {
                Ok(Some(until)) => until,
                Ok(None) => continue,
                Err(_) => {
                    let now = Instant::now();
                    away = Some(now);
                    now + RETRY_WRITE
                }
            };
            let until = until.min(Instant::now() + LOOK);
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.postern.outbox().wake.notified() => {}
                () = self.wake.notified() => {}
                () = self.pool.room.notified() => {}
            }
        }
    }

    /// Whoever had mail before is gone: this is the only worker.
    async fn take_back(&self) -> Result<(), Refusal> {
        let mut work = self.postern.store().begin().await?;
        recipients::take_back(&mut work, self.postern.now().0).await?;
        commit(work).await?;
        Ok(())
    }

    /// Looks for mail once, also for what others had whose leases are over. Gives when to look again
    /// if nothing is told before; none where there is more to be had at once.
    async fn look(self: &Arc<Self>, of_others: bool) -> Result<Option<Instant>, Refusal> {
        self.pool.sweep();
        let (current, next_due) = {
            let mut connection = self.postern.store().read().await?;
            let hold_mail = self.postern.outbox().hold_mail;
            let current = Current::read(&mut connection, hold_mail).await?;
            (current, recipients::next_due(&mut connection).await?)
        };
        self.follow(current).await?;
        let (now, moment) = (self.postern.now(), self.postern.monotonic());
        self.reservations
            .set_backlog(next_due.is_some_and(|due| due <= now.0));
        if next_due.is_none() {
            self.pool.clear_expired_backoff(moment);
        }
        if self.pool.is_stuck(moment) {
            self.return_queue().await;
        }
        self.start_tasks();
        let most = match self.pool.demand(moment) {
            Demand::Messages(most) => most,
            Demand::After(left) => return Ok(Some(Instant::now() + left)),
            Demand::None => return Ok(Some(Instant::now() + LOOK)),
        };
        match next_due {
            Some(due) if due <= now.0 => {}
            Some(due) => return Ok(Some(from_now(now, Timestamp(due)))),
            None => return Ok(Some(Instant::now() + LOOK)),
        }
        let got = self.claim((most, of_others), now).await?;
        self.reservations.set_backlog(got == most);
        self.start_tasks();
        Ok((got == 0).then(|| Instant::now() + LOOK))
    }

    /// Takes up to `most` mails; how many recipients' it were.
    async fn claim(
        self: &Arc<Self>,
        (most, of_others): (usize, bool),
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let work = Work::Claim {
            owner: self.id.clone(),
            lease: now + self.delivery.lease,
            most: i64::try_from(most).unwrap_or(i64::MAX),
            of_others,
        };
        let since = Instant::now();
        let written = self.clone().reserve_claim().claim(work).await?;
        let got = written.claimed.len();
        if got == 0 {
            return Ok(0);
        }
        let taken = self.pool.leases.acquire_all(written.claimed, since);
        let places = taken.iter().map(|(row, _)| row.place()).collect();
        match self.stored(&taken, written.current).await {
            Ok(stored) => self.enqueue(sorted(taken, stored, now)),
            Err(refusal) => {
                self.give_back(places).await;
                return Err(refusal);
            }
        }
        Ok(got)
    }

    /// The stored of what was taken, and the settings to send them with.
    async fn stored(
        &self,
        taken: &[(Claimed, LeaseGuard)],
        current: Current,
    ) -> Result<Vec<StoredMessage>, Refusal> {
        self.follow(current).await?;
        let mut ids: Vec<String> = taken.iter().map(|(row, _)| row.message.clone()).collect();
        ids.dedup();
        let mut connection = self.postern.store().read().await?;
        Ok(messages::load(&mut connection, &ids, SMALL).await?)
    }

    /// Puts mails at hand, and settles what cannot be sent.
    pub fn enqueue(self: &Arc<Self>, (mails, settled): (Vec<Mail>, Vec<Settled>)) {
        self.pool.enqueue(mails);
        if !settled.is_empty() {
            let unsent = AttemptResult {
                settled,
                ..AttemptResult::default()
            };
            let worker = self.clone();
            tokio::spawn(async move { worker.record(unsent).await });
        }
    }

    /// Sends by the newest settings from here on.
    async fn follow(&self, current: Current) -> Result<(), Refusal> {
        self.pool.observe(current);
        let known = self.pool.revision();
        if known == Some(current.revision) || (known.is_none() && current.revision == 0) {
            return Ok(());
        }
        let route = Route::read(&self.postern).await?;
        self.pool.set_route(route.map(Arc::new));
        Ok(())
    }

    /// Gives back what waits here, so that others may try.
    async fn return_queue(&self) {
        let mails: Vec<Mail> = self.pool.drain_queue();
        let places = mails.iter().flat_map(Mail::places).collect();
        self.give_back(places).await;
    }
}

fn from_now(now: Timestamp, at: Timestamp) -> Instant {
    let wait = u64::try_from(at.0 - now.0).unwrap_or(0);
    Instant::now() + Duration::from_millis(wait).min(LOOK)
}
