//! A delivery task: one connection that delivers messages until the local queue is empty.

mod ahead;
mod broken_session;
pub(super) mod connection;
pub(super) mod queued_message;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Failure, Fault, Stage};
use tokio::time::{Instant, sleep};

use self::connection::{RelayConnection, quit};
use self::queued_message::{QueuedMessage, failed};
use super::disposition::{Attempt, AttemptResult, by_replies, of_refusing_relay};
use super::limits::in_doubt::InDoubtPermit;
use super::pool::{Pool, TaskStart};
use super::relay::pipelining::PipeliningPermit;
use super::relay::route::Route;
use super::worker::{RETRY_WRITE, Worker};
use crate::smtp::{BrokenSession, OutgoingMessage, RecipientResults, Session, SessionObserver};
use crate::store::relays::pipelining_trials::{self, PipeliningTrial};
use crate::store::{StoreError, commit, in_time};

/// A task under way; the pool counts it until it is dropped.
pub(super) struct DeliveryTask {
    pub worker: Arc<Worker>,
    pub route: Arc<Route>,
    /// It makes the half-open attempt of the relay's backoff.
    pub half_open: bool,
}

/// A transaction by DATA.
struct DataTransaction<'a> {
    message: &'a QueuedMessage,
    outgoing: &'a Arc<OutgoingMessage>,
    /// The message whose commands go behind the body.
    pipelined_next: Option<&'a Arc<OutgoingMessage>>,
}

/// What is known of a transaction at its end of data.
#[derive(Default)]
struct EndOfData {
    /// The permit of the message among those in doubt.
    permit: Option<InDoubtPermit>,
    /// Its leases had ended, so the end of data was not sent.
    is_withdrawn: AtomicBool,
}

/// What a connection does after a message.
#[expect(
    clippy::large_enum_variant,
    reason = "a message is moved, not allocated, for each step"
)]
pub(super) enum NextStep {
    /// Delivers the next message, which may be pipelined.
    Deliver(QueuedMessage),
    /// Waits for messages.
    Idle,
    /// Is closed.
    Quit,
}

impl Worker {
    /// Starts as many tasks as there are messages for and the concurrency limit allows.
    pub fn start_tasks(self: &Arc<Self>) {
        while let Some(start) = self.pool.start(self.services.clock.monotonic()) {
            let worker = self.clone();
            tokio::spawn(async move {
                let task = DeliveryTask {
                    worker: worker.clone(),
                    route: start.route.clone(),
                    half_open: start.half_open,
                };
                task.run(start).await;
                drop(task);
                worker.start_tasks();
            });
        }
    }
}

impl DeliveryTask {
    /// Delivers the first message and those after it.
    async fn run(&self, start: TaskStart) {
        let mut message = start.message;
        let mut connection = match self.connect(start.connection).await {
            Ok(connection) => connection,
            Err(failure) => {
                self.relay_failed(failure);
                self.pool().requeue(message);
                return;
            }
        };
        loop {
            let ahead = self.sends_ahead(&mut connection, &message).await;
            if !connection.session.is_ready() {
                self.pool().requeue(message);
                return quit(vec![connection]);
            }
            let step = match ahead {
                true => self.deliver_ahead(&mut connection, message).await,
                false => self.deliver(&mut connection, message).await,
            };
            match step {
                NextStep::Deliver(next) => message = next,
                NextStep::Idle => return self.pool().keep_idle(&self.route, connection),
                NextStep::Quit => {
                    self.abandon_trial(&mut connection);
                    return quit(vec![connection]);
                }
            }
        }
    }

    /// The idle connection, if it may carry another message and the relay did not close it; else a new
    /// one.
    async fn connect(&self, idle: Option<RelayConnection>) -> Result<RelayConnection, Failure> {
        let services = &self.worker.services;
        let now = services.clock.now();
        let limit = self.pool().messages_per_connection(&self.route, now);
        if let Some(mut idle) = idle
            && idle.session.is_alive().await
        {
            idle.limit_messages(limit);
            if idle.may_continue() {
                return Ok(idle);
            }
            quit(vec![idle]);
        }
        let observer = SessionObserver::none();
        let dialer = match self.route.scope.is_own() {
            true => &services.account_dialer,
            false => &services.dialer,
        };
        let session = Session::open(dialer, &self.route.relay, &observer).await?;
        let outbox = services.outbox.clone();
        let mut connection = RelayConnection::new(session, self.route.scope, outbox);
        connection.limit_messages(limit);
        Ok(connection)
    }

    /// Delivers a message and records the result.
    async fn deliver(
        &self,
        connection: &mut RelayConnection,
        mut message: QueuedMessage,
    ) -> NextStep {
        let pipelined = connection.session.has_pipelined_next();
        let Some(outgoing) = self.load(&mut message).await else {
            self.record_missing(message).await;
            return self.without(pipelined);
        };
        if !message.is_leased(self.worker.config.lease) {
            // It is another worker's.
            return self.without(pipelined);
        }
        if !self.may_begin() {
            self.pool().requeue(message);
            return NextStep::Quit;
        }
        connection.count_message();
        let next = match connection.may_continue() {
            true => self.next_message(),
            false => None,
        };
        let started = Instant::now();
        let loaded = next.as_ref().filter(|next| self.may_follow(&message, next));
        let loaded = loaded.and_then(QueuedMessage::loaded);
        let pipelined_next = loaded.filter(|_| self.may_pipeline(connection));
        let mut end = EndOfData::default();
        let transaction = DataTransaction {
            message: &message,
            outgoing: &outgoing,
            pipelined_next,
        };
        let outcome = self.transact(connection, transaction, &mut end).await;
        drop(outgoing);
        let (permit, is_withdrawn) = (end.permit, end.is_withdrawn.into_inner());
        let replies = match outcome {
            Ok(replies) => replies,
            Err(_) if is_withdrawn => {
                // The message is another worker's.
                self.requeue(next);
                return NextStep::Quit;
            }
            Err(broken) => {
                self.requeue(next);
                self.session_broke(connection, message, &broken, started, permit)
                    .await;
                return NextStep::Quit;
            }
        };
        if pipelined {
            let now = self.worker.services.clock.now();
            let greeting = connection.session.greeting();
            let tried = self.pool().pipelining_worked(&self.route, greeting, now);
            connection.set_trial(false);
            self.store_trial(tried).await;
        } else if !connection.session.has_pipelined_next() {
            // Nothing goes behind a message that is refused before its body.
            self.abandon_trial(connection);
        }
        self.replied(connection, message, &replies, started, permit)
            .await;
        let goes_on = self.may_begin()
            && connection.session.is_ready()
            && !self.pool().is_backing_off(&self.route);
        match next {
            Some(next) if goes_on => NextStep::Deliver(next),
            None if goes_on && connection.may_continue() => self.next_step(),
            // Behind a pipelined message the relay would take another one's commands for its own.
            next => {
                self.requeue(next);
                NextStep::Quit
            }
        }
    }

    /// Goes on without a message whose turn it was. `pipelined`: the relay has its commands.
    fn without(&self, pipelined: bool) -> NextStep {
        match pipelined {
            true => NextStep::Quit,
            false => self.next_step(),
        }
    }

    /// Whether a transaction may begin, by the newest control state that the worker knows.
    pub fn may_begin(&self) -> bool {
        self.pool().may_begin() && self.pool().is_current(&self.route)
    }

    /// Whether the commands of `next` may go behind the body of `message`: one that ended a session
    /// goes alone.
    fn may_follow(&self, message: &QueuedMessage, next: &QueuedMessage) -> bool {
        let interruptions = &self.worker.interruptions;
        !interruptions.is_suspect(&message.id) && !interruptions.is_suspect(&next.id)
    }

    pub fn attempt(&self, message: &QueuedMessage, started: Instant) -> Attempt<'_> {
        Attempt {
            relay: &self.route.name,
            scope: self.route.scope,
            offers_dsn: false,
            choice: message.choice.clone(),
            settings: &self.route.relay.settings,
            now: self.worker.services.clock.now(),
            took: started.elapsed(),
            jitter: rand::random(),
            suppression_lifetime: self.worker.config.retention.suppressions,
            unanswered_before: HashMap::new(),
        }
    }

    /// Records the replies to a message. Recipients that were too many for one transaction come next.
    pub async fn replied(
        &self,
        connection: &mut RelayConnection,
        mut message: QueuedMessage,
        replies: &RecipientResults,
        started: Instant,
        permit: Option<InDoubtPermit>,
    ) {
        connection.count_answer();
        let mut attempt = self.attempt(&message, started);
        attempt.offers_dsn = connection.session.offers_dsn();
        let mut result = by_replies(&message, replies, &attempt);
        if self.route.scope.is_own() {
            // A reply of one account's relay suppresses an address for no other account.
            result.suppressions.clear();
        }
        if let Some(refusal) = result.relay_wide.take()
            && self.pool().refused(&self.route, refusal.class, &message.id)
        {
            result = of_refusing_relay(&message, &refusal.failure, &attempt);
        }
        if result.accepted {
            self.pool().accepted(&self.route, connection.answered());
            connection.set_delivered();
            let interruptions = &self.worker.interruptions;
            interruptions.accepted(self.route.scope, &message.id);
        }
        let relay_failure = result.relay_failure.clone();
        if relay_failure.is_none() {
            let deferred = result.deferred && !result.accepted;
            self.pool().replied(&self.route, deferred, self.now());
        }
        let rest = message.take_recipients(&result.over_limit);
        self.worker.settle(message, result, permit).await;
        self.requeue(rest);
        if let Some(failure) = relay_failure {
            self.relay_failed(failure);
        }
    }

    /// The message to send; `None` where it is no longer in the database.
    async fn load(&self, message: &mut QueuedMessage) -> Option<Arc<OutgoingMessage>> {
        let worker = &self.worker;
        loop {
            match message
                .load(&worker.services.store, &worker.memory, self.route.scope)
                .await
            {
                Ok(outgoing) => return outgoing,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a message cannot be read"
                    );
                    sleep(RETRY_WRITE).await;
                }
            }
        }
    }

    /// One transaction, until it ends or the worker abandons it at shutdown.
    async fn transact(
        &self,
        connection: &mut RelayConnection,
        transaction: DataTransaction<'_>,
        end: &mut EndOfData,
    ) -> Result<RecipientResults, BrokenSession> {
        let DataTransaction {
            message,
            outgoing,
            pipelined_next,
        } = transaction;
        let mut abandoned = self.worker.abandoned.subscribe();
        let EndOfData {
            permit,
            is_withdrawn,
        } = end;
        // The leases may end while the process is suspended, and while the message waits for a permit.
        let is_leased = || {
            let is_leased = message.is_leased(self.worker.config.lease);
            is_withdrawn.fetch_or(!is_leased, Ordering::Relaxed);
            is_leased
        };
        let may_end = async {
            *permit = Some(self.worker.in_doubt.enter(self.route.scope).await);
            is_leased()
        };
        let session = &mut connection.session;
        tokio::select! {
            outcome = session.deliver_if(outgoing, pipelined_next, may_end, &is_leased) => {
                return outcome;
            }
            _ = abandoned.wait_for(|abandoned| *abandoned) => {}
        }
        let detail = "Postern was stopped before the relay answered";
        Err(BrokenSession {
            failure: Failure::new(Stage::Data, Fault::Deadline, detail),
            may_have_arrived: connection.session.may_have_arrived(),
            pipelined: false,
        })
    }

    /// Whether the commands of the next message may go behind a body. The first connection tries it.
    /// Not where whole messages can go behind each other.
    fn may_pipeline(&self, connection: &mut RelayConnection) -> bool {
        let ahead = self.chunking_permit(connection) != PipeliningPermit::Denied;
        if ahead || !connection.session.offers_pipelining() {
            return false;
        }
        let now = self.worker.services.clock.now();
        let greeting = connection.session.greeting();
        let permit = self.pool().pipelining_permit(&self.route, greeting, now);
        if permit == PipeliningPermit::Trial {
            connection.set_trial(true);
        }
        permit != PipeliningPermit::Denied
    }

    /// Ends a trial without an outcome, so that another connection makes it.
    fn abandon_trial(&self, connection: &mut RelayConnection) {
        if connection.is_trial() {
            self.pool()
                .pipelining_abandoned(&self.route, connection.session.greeting());
            connection.set_trial(false);
        }
    }

    /// Stores the outcome of a trial, for other nodes and the next start.
    pub async fn store_trial(&self, tried: Option<PipeliningTrial>) {
        let Some(trial) = tried else {
            return;
        };
        if !trial.works {
            tracing::info!(
                relay = self.route.name,
                "the relay breaks on a pipelined next transaction; none is pipelined for a week"
            );
        }
        let store = &self.worker.services.store;
        let write = async {
            let mut work = store.begin().await?;
            pipelining_trials::write(&mut work, &self.route.name, &trial).await?;
            commit(work).await
        };
        if let Err(error) = in_time(write).await {
            let error: StoreError = error;
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a pipelining trial cannot be stored; it is made again after a restart"
            );
        }
    }

    fn next_step(&self) -> NextStep {
        self.next_message()
            .map_or(NextStep::Idle, NextStep::Deliver)
    }

    /// The next message that the relay takes.
    pub fn next_message(&self) -> Option<QueuedMessage> {
        self.pool().next(&self.route, self.now())
    }

    pub fn requeue(&self, next: Option<QueuedMessage>) {
        if let Some(message) = next {
            self.pool().requeue(message);
        }
    }

    async fn record_missing(&self, message: QueuedMessage) {
        let now = self.worker.services.clock.now();
        let text = "The message is no longer stored.";
        let recipients = message.recipients.iter();
        let missing = AttemptResult {
            settled: recipients.map(|row| failed(row, text, now)).collect(),
            ..AttemptResult::default()
        };
        self.worker.settle(message, missing, None).await;
    }

    pub fn now(&self) -> Instant {
        self.worker.services.clock.monotonic()
    }

    pub fn pool(&self) -> &Pool {
        &self.worker.pool
    }

    pub fn relay_failed(&self, failure: Failure) {
        self.warn_of(&failure);
        self.pool()
            .failed(&self.route, failure, self.half_open, self.now());
        // What waits for this relay alone is released.
        self.worker.wake();
    }

    pub fn warn_of(&self, failure: &Failure) {
        tracing::warn!(
            relay = self.route.name,
            stage = failure.stage.as_str(),
            fault = ?failure.fault,
            "the relay accepts no messages"
        );
    }
}

impl Drop for DeliveryTask {
    fn drop(&mut self) {
        self.worker.pool.ended(&self.route, self.half_open);
    }
}
