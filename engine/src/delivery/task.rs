//! A run: one connection that delivers one mail after another until there is none.

use std::sync::Arc;
use std::time::Duration;

use domain::outbox::{EventKind, RecipientState};
use domain::{Failure, Fault, Stage};
use tokio::time::{Instant, sleep};

use super::connection::{Connection, part};
use super::disposition::{Attempt, AttemptResult, dispose, interrupted};
use super::mail::{Mail, failed};
use super::pool::Pool;
use super::route::Route;
use super::{RETRY_WRITE, Worker};
use crate::outbox::writer::{Current, Work};
use crate::smtp::{BrokenSession, Session, SessionObserver};
use crate::store::delivery_events::Entry;
use crate::store::search;

/// A run under way, until this is dropped.
struct DeliveryTask {
    worker: Arc<Worker>,
    route: Arc<Route>,
    /// It tries for all whether the relay is well again.
    half_open: bool,
}

/// What comes after a mail on a connection.
enum NextStep {
    /// Another; it may have been announced.
    Mail(Mail),
    /// Nothing for now.
    Rest,
    /// Nothing.
    Part,
}

impl Worker {
    /// Begins as many runs as there is mail for and the relay may have.
    pub fn start_tasks(self: &Arc<Self>) {
        while let Some(start) = self.pool.start(self.postern.monotonic()) {
            let worker = self.clone();
            tokio::spawn(async move {
                let run = DeliveryTask {
                    worker: worker.clone(),
                    route: start.route,
                    half_open: start.half_open,
                };
                run.go(start.mail, start.connection, start.grouping).await;
                drop(run);
                worker.start_tasks();
            });
        }
    }

    /// Writes what became of mail, however long that takes: until then it is in nobody else's
    /// hands. Gives what delivery has to know before the next.
    pub async fn record(&self, result: AttemptResult) -> Current {
        let meter = &self.postern.outbox().meter;
        for row in &result.settled {
            match row.state {
                RecipientState::Delivered => {
                    let took = row.settled.unwrap_or(0) - search::accepted(&row.message).0;
                    meter.delivered(Duration::from_millis(u64::try_from(took).unwrap_or(0)));
                }
                RecipientState::Failed => meter.failed(),
                _ => {}
            }
        }
        let deferred = |entry: &&Entry| entry.event.kind == EventKind::Deferred;
        meter.deferred(result.events.iter().filter(deferred).count());
        loop {
            let work = Work::Settle {
                owner: self.id.clone(),
                settled: result.settled.clone(),
                events: result.events.clone(),
                listed: result.listed.clone(),
            };
            match self.write(work).await {
                Ok(written) => return written.current,
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
    }
}

impl DeliveryTask {
    /// Delivers this mail and those that come after it.
    async fn go(&self, mut mail: Mail, resting: Option<Connection>, grouping: bool) {
        let mut connection = match self.connected(resting).await {
            Ok(connection) => connection,
            Err(failure) => {
                self.relay_failed(failure);
                self.pool().requeue(mail);
                return;
            }
        };
        if !grouping {
            connection.session.without_pipelined_next();
        }
        loop {
            match self.deliver(&mut connection, mail).await {
                NextStep::Mail(next) => mail = next,
                NextStep::Rest => return self.pool().rest(&self.route, connection),
                NextStep::Part => return part(vec![connection]),
            }
        }
    }

    /// A connection that rests, if the relay kept it; else a new one.
    async fn connected(&self, resting: Option<Connection>) -> Result<Connection, Failure> {
        if let Some(mut resting) = resting
            && resting.session.is_alive().await
        {
            return Ok(resting);
        }
        let postern = &self.worker.postern;
        let session = Session::open(
            postern.dialer(),
            &self.route.relay,
            &SessionObserver::none(),
        )
        .await?;
        Ok(Connection::new(session, postern.outbox().clone()))
    }

    /// Delivers a mail and records what became of it.
    async fn deliver(&self, connection: &mut Connection, mut mail: Mail) -> NextStep {
        let worker = &self.worker;
        let parcel = loop {
            match mail.fetched(worker.postern.store(), &worker.places).await {
                Ok(Some(parcel)) => break parcel,
                Ok(None) => {
                    let now = worker.postern.now();
                    let text = "The mail is not there any more.";
                    let gone = mail.recipients.iter().map(|row| failed(row, text, now));
                    let settled = gone.collect();
                    let gone = AttemptResult {
                        settled,
                        ..AttemptResult::default()
                    };
                    self.settle(mail, gone).await;
                    return self.after();
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a mail cannot be read"
                    );
                    sleep(RETRY_WRITE).await;
                }
            }
        };
        let next = if connection.may_go_on() {
            self.pool().next(&self.route)
        } else {
            None
        };
        connection.used();
        let begun = Instant::now();
        let behind = next.as_ref().and_then(Mail::loaded);
        let announced = connection.announce(behind.is_some());
        let mut given_up = worker.given_up.subscribe();
        let outcome = tokio::select! {
            outcome = connection.session.deliver(&parcel, behind) => Some(outcome),
            _ = given_up.wait_for(|given_up| *given_up) => None,
        };
        // Postern stops, and the relay still thinks.
        let outcome = outcome.unwrap_or_else(|| {
            let detail = "Postern was stopped before the relay answered";
            Err(BrokenSession {
                failure: Failure::new(Stage::Data, Fault::Deadline, detail),
                may_have_arrived: connection.session.may_have_arrived(),
                pipelined: false,
            })
        });
        drop(parcel);
        let attempt = Attempt {
            relay: &self.route.name,
            now: worker.postern.now(),
            took: begun.elapsed(),
            jitter: rand::random(),
        };
        let result = match outcome {
            Ok(fates) => dispose(&mail, &fates, &attempt),
            Err(broken) => {
                self.broken(connection, mail, &broken, &attempt).await;
                self.requeue(next);
                return NextStep::Part;
            }
        };
        let taken = result.taken || !result.complained;
        let relay_failure = result.relay_failure.clone();
        if relay_failure.is_none() {
            self.pool().worked(&self.route, taken);
        }
        if announced {
            self.pool().grouping_worked();
        }
        let current = self.settle(mail, result).await;
        if let Some(failure) = relay_failure {
            self.relay_failed(failure);
        }
        let changed = current.held || current.revision != self.route.revision;
        if changed {
            worker.wake();
        }
        let goes_on = !changed && connection.session.is_ready() && !self.pool().is_backing_off();
        match next {
            Some(next) if goes_on => NextStep::Mail(next),
            None if goes_on => self.after(),
            // Where one was announced, what comes next would be taken for it.
            next => {
                self.requeue(next);
                NextStep::Part
            }
        }
    }

    fn after(&self) -> NextStep {
        let next = self.pool().next(&self.route);
        next.map_or(NextStep::Rest, NextStep::Mail)
    }

    fn requeue(&self, next: Option<Mail>) {
        if let Some(mail) = next {
            self.pool().requeue(mail);
        }
    }

    /// The session ended in mid-mail.
    async fn broken(
        &self,
        connection: &Connection,
        mail: Mail,
        broken: &BrokenSession,
        attempt: &Attempt<'_>,
    ) {
        let failure = &broken.failure;
        if broken.pipelined {
            self.pool().broke_on_grouping();
        }
        // A relay that was asked in a way it did not understand, or that closes after some mails,
        // said nothing of this one, and is well.
        let closed = failure.stage == Stage::Mail
            && matches!(failure.fault, Fault::Closed | Fault::Reset)
            && !connection.is_new();
        if !broken.may_have_arrived && (broken.pipelined && failure.reply.is_none() || closed) {
            self.pool().requeue(mail);
            return;
        }
        if broken.may_have_arrived {
            self.pool().worked(&self.route, false);
        } else {
            self.relay_failed(failure.clone());
        }
        let result = interrupted(&mail, failure, broken.may_have_arrived, attempt);
        self.settle(mail, result).await;
    }

    /// Records what became of a mail, which is in hand until then.
    async fn settle(&self, mail: Mail, result: AttemptResult) -> Current {
        let current = self.worker.record(result).await;
        drop(mail);
        current
    }

    fn pool(&self) -> &Pool {
        &self.worker.pool
    }

    fn relay_failed(&self, failure: Failure) {
        tracing::warn!(relay = self.route.name, stage = failure.stage.as_str(), fault = ?failure.fault, "the relay takes no mail");
        let chance = (self.worker.postern.monotonic(), rand::random());
        self.pool()
            .failed(&self.route, failure, self.half_open, chance);
    }
}

impl Drop for DeliveryTask {
    fn drop(&mut self) {
        self.worker.pool.ended(self.route.revision, self.half_open);
    }
}
