//! A run: one connection that delivers one mail after another until there is none.

use std::sync::Arc;

use domain::outbox::{State, What};
use domain::{Failure, Fault, Instant, Stage};
use tokio::time::{Instant as Stopwatch, sleep};

use super::connection::{Connection, part};
use super::judge::{Attempt, Judgement, interrupted, judge};
use super::mail::{Mail, parked};
use super::pool::Start;
use super::route::Route;
use super::{RETRY_WRITE, Worker};
use crate::outbox::writer::{Current, Work};
use crate::smtp::{Broken, Session, Witness};
use crate::store::timeline::Entry;

impl Worker {
    /// Begins as many runs as there is mail for and the relay may have.
    pub fn begin_runs(self: &Arc<Self>) {
        while let Some(start) = self.pool.start(self.postern.now()) {
            let worker = self.clone();
            tokio::spawn(async move {
                let place = Place(worker.clone(), start.trial);
                worker.run(start).await;
                drop(place);
                worker.begin_runs();
            });
        }
    }

    async fn run(&self, start: Start) {
        let Start {
            mut mail,
            route,
            connection,
            grouping,
            trial,
        } = start;
        let mut connection = match self.connected(&route, connection).await {
            Ok(connection) => connection,
            Err(failure) => {
                self.relay_failed(&route, failure, trial);
                self.pool.put_back(mail);
                return;
            }
        };
        connection.trial = trial;
        if !grouping {
            connection.session.without_grouping();
        }
        loop {
            match self.deliver(&route, &mut connection, mail).await {
                After::Mail(next) => mail = next,
                After::Rest => return self.pool.rest(&route, connection),
                After::Part => return part(vec![connection]),
            }
        }
    }

    /// A connection that rests, if the relay kept it; else a new one.
    async fn connected(
        &self,
        route: &Route,
        resting: Option<Connection>,
    ) -> Result<Connection, Failure> {
        if let Some(mut resting) = resting
            && resting.session.is_alive().await
        {
            return Ok(resting);
        }
        let dialer = self.postern.dialer();
        let session = Session::open(dialer, &route.relay, &Witness::nobody()).await?;
        Ok(Connection::new(session, self.postern.outbox().clone()))
    }

    /// Delivers a mail and records what became of it.
    async fn deliver(&self, route: &Route, connection: &mut Connection, mut mail: Mail) -> After {
        if !self.pool.is_ours(&mail, self.delivery.lease) {
            // This process stood still for so long that another may be delivering it.
            return After::Part;
        }
        let parcel = loop {
            match mail.fetched(self.postern.store(), &self.places).await {
                Ok(Some(parcel)) => break parcel,
                Ok(None) => {
                    let now = self.postern.now();
                    let text = "The mail is not there any more.";
                    let gone = mail.recipients.iter().map(|row| parked(row, text, now));
                    let settled = gone.collect();
                    let gone = Judgement {
                        settled,
                        ..Judgement::default()
                    };
                    self.settle(mail, gone).await;
                    return self.after(route);
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
            self.pool.next(route)
        } else {
            None
        };
        connection.used();
        let begun = Stopwatch::now();
        let behind = next.as_ref().and_then(Mail::at_hand);
        let announced = connection.announce(behind.is_some());
        let outcome = connection.session.deliver(&parcel, behind).await;
        drop(parcel);
        let attempt = Attempt {
            relay: &route.name,
            now: self.postern.now(),
            took: begun.elapsed(),
            spread: rand::random(),
        };
        let judgement = match outcome {
            Ok(fates) => judge(&mail, &fates, &attempt),
            Err(broken) => {
                self.broken(route, connection, mail, &broken, &attempt)
                    .await;
                self.return_to_shelf(next);
                return After::Part;
            }
        };
        let taken = judgement.taken || !judgement.complained;
        let sick = judgement.sick.clone();
        if sick.is_none() {
            self.pool.worked(route, taken);
        }
        if announced {
            self.pool.grouping_worked();
        }
        let current = self.settle(mail, judgement).await;
        if let Some(failure) = sick {
            self.relay_failed(route, failure, connection.trial);
        }
        let changed = current.held || current.revision != route.revision;
        if changed {
            self.stir();
        }
        let goes_on = !changed && connection.session.is_ready() && self.pool.trouble().is_none();
        match next {
            Some(next) if goes_on => After::Mail(next),
            None if goes_on => self.after(route),
            // Where one was announced, what comes next would be taken for it.
            next => {
                self.return_to_shelf(next);
                After::Part
            }
        }
    }

    fn after(&self, route: &Route) -> After {
        self.pool.next(route).map_or(After::Rest, After::Mail)
    }

    fn return_to_shelf(&self, next: Option<Mail>) {
        if let Some(mail) = next {
            self.pool.put_back(mail);
        }
    }

    /// The session ended in mid-mail.
    async fn broken(
        &self,
        route: &Route,
        connection: &Connection,
        mail: Mail,
        broken: &Broken,
        attempt: &Attempt<'_>,
    ) {
        let failure = &broken.failure;
        let judgement = interrupted(&mail, failure, broken.may_have_arrived, attempt);
        if let Some(failure) = judgement.sick {
            self.relay_failed(route, failure, connection.trial);
            self.pool.put_back(mail);
            return;
        }
        if broken.grouped {
            self.pool.broke_on_grouping();
        }
        // A relay that was asked in a way it did not understand, or that closes after some mails,
        // said nothing of this one.
        let closed = failure.stage == Stage::Mail
            && matches!(failure.fault, Fault::Closed | Fault::Reset)
            && !connection.is_new();
        if !broken.may_have_arrived && (broken.grouped || closed) {
            self.pool.put_back(mail);
            return;
        }
        self.pool.worked(route, false);
        self.settle(mail, judgement).await;
    }

    /// Writes what became of a mail, however long that takes: until then it is in nobody else's
    /// hands. Gives what delivery has to know before the next.
    pub async fn settle(&self, mail: Mail, judgement: Judgement) -> Current {
        let meter = &self.postern.outbox().meter;
        for row in &judgement.settled {
            match row.state {
                State::Delivered => {
                    let now = Instant(row.settled.unwrap_or(mail.accepted.0));
                    let after = u64::try_from(now.0 - mail.accepted.0).unwrap_or(0);
                    meter.delivered(std::time::Duration::from_millis(after));
                }
                State::Parked => meter.parked(),
                _ => {}
            }
        }
        let deferred = |entry: &&Entry| entry.happening.what == What::Deferred;
        meter.deferred(judgement.happened.iter().filter(deferred).count());
        loop {
            let work = Work::Settle {
                owner: self.id.clone(),
                settled: judgement.settled.clone(),
                happened: judgement.happened.clone(),
                listed: judgement.listed.clone(),
            };
            match self.postern.outbox().writer.write(work).await {
                Ok(written) => return written.current,
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
    }

    fn relay_failed(&self, route: &Route, failure: Failure, trial: bool) {
        tracing::warn!(relay = route.name, stage = failure.stage.name(), fault = ?failure.fault, "the relay takes no mail");
        let chance = (self.postern.now(), rand::random());
        self.pool.failed(route, failure, trial, chance);
    }
}

/// What comes after a mail on a connection.
enum After {
    /// Another; it may have been announced.
    Mail(Mail),
    /// Nothing for now.
    Rest,
    /// Nothing.
    Part,
}

/// A run under way, until this is dropped.
struct Place(Arc<Worker>, bool);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.pool.ended(self.1);
    }
}
