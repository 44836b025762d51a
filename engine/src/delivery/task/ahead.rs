//! Delivering several messages at once over one connection, to a relay with CHUNKING.

use std::collections::VecDeque;

use domain::{Failure, Fault, Stage};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::RelayConnection;
use super::queued_message::QueuedMessage;
use super::{DeliveryTask, NextStep};
use crate::delivery::disposition::{Unanswered, of_broken_session};
use crate::delivery::limits::in_doubt::InDoubtPermit;
use crate::delivery::relay::pipelining::PipeliningPermit;
use crate::smtp::{BrokenSession, RecipientResults};

/// A message that was sent and is not answered.
struct Sent {
    message: QueuedMessage,
    started: Instant,
    permit: InDoubtPermit,
}

/// The messages on a connection, several at once.
struct Ahead<'a> {
    task: &'a DeliveryTask,
    connection: &'a mut RelayConnection,
    /// Oldest first, as the session has them.
    sent: VecDeque<Sent>,
    /// The message that is sent next.
    next: Option<QueuedMessage>,
    /// Its permit, where it had to be waited for.
    permit: Option<InDoubtPermit>,
}

/// What ended the wait for a reply.
enum Event {
    Answered(RecipientResults),
    Broke(BrokenSession),
    Permitted(InDoubtPermit),
    /// Something was written or may not be, or no transaction may begin any more.
    Recheck,
    Abandoned,
}

impl DeliveryTask {
    /// Whether this message can be sent behind others that are not answered. The first connection
    /// tries whether the relay knows BDAT.
    pub(in crate::delivery) async fn sends_ahead(
        &self,
        connection: &mut RelayConnection,
        message: &QueuedMessage,
    ) -> bool {
        if connection.session.has_pipelined_next() || !self.may_go_ahead(message) {
            return false;
        }
        match self.chunking_permit(connection) {
            PipeliningPermit::Granted => true,
            PipeliningPermit::Denied => false,
            PipeliningPermit::Trial => {
                let works = connection.session.try_chunking().await.unwrap_or(false);
                let greeting = connection.session.greeting();
                self.pool().chunking_tried(&self.route, greeting, works);
                works
            }
        }
    }

    /// Whether messages may be sent in chunks on this connection.
    pub(in crate::delivery) fn chunking_permit(
        &self,
        connection: &RelayConnection,
    ) -> PipeliningPermit {
        if !connection.session.offers_chunking() {
            return PipeliningPermit::Denied;
        }
        let now = self.worker.services.clock.now();
        let greeting = connection.session.greeting();
        self.pool().chunking_permit(&self.route, greeting, now)
    }

    /// A large message waits for the replies to its recipients before its body, and one that ended a
    /// session goes alone.
    fn may_go_ahead(&self, message: &QueuedMessage) -> bool {
        message.loaded().is_some() && !self.worker.interruptions.is_suspect(&message.id)
    }

    /// Delivers a message and those after it, each sent without waiting for the replies before, for
    /// as long as there are messages that may be sent so.
    pub(in crate::delivery) async fn deliver_ahead(
        &self,
        connection: &mut RelayConnection,
        first: QueuedMessage,
    ) -> NextStep {
        let ahead = Ahead {
            task: self,
            connection,
            sent: VecDeque::new(),
            next: Some(first),
            permit: None,
        };
        ahead.run().await
    }
}

impl Ahead<'_> {
    async fn run(mut self) -> NextStep {
        let (task, relay) = (self.task, self.task.route.scope);
        let mut abandoned = task.worker.abandoned.subscribe();
        loop {
            // Before it is looked at, so that no change is missed.
            let none_may_begin = task.pool().none_may_begin.notified();
            self.take_back();
            if self.is_withdrawn() {
                return self.withdraw();
            }
            let is_full = match self.fill().await {
                Ok(is_full) => is_full,
                Err(broken) => return self.broke(broken).await,
            };
            let is_empty = self.sent.is_empty();
            if is_empty && !is_full {
                return self.end();
            }
            let not_begun = is_empty || self.connection.session.not_begun() > 0;
            let (sent, lease) = (&self.sent, task.worker.config.lease);
            let leased = |position: usize| {
                let sent = sent.get(position);
                sent.is_some_and(|sent| sent.message.is_leased(lease))
            };
            let event = tokio::select! {
                biased;
                next = self.connection.session.next_progress(leased), if !is_empty => match next {
                    Ok(Some(results)) => Event::Answered(results),
                    Ok(None) => Event::Recheck,
                    Err(broken) => Event::Broke(broken),
                },
                permit = task.worker.in_doubt.enter(relay), if is_full => Event::Permitted(permit),
                () = none_may_begin, if not_begun => Event::Recheck,
                () = is_set(&mut abandoned) => Event::Abandoned,
            };
            match event {
                Event::Answered(results) => self.answered(&results).await,
                Event::Broke(broken) => return self.broke(broken).await,
                Event::Permitted(permit) => self.permit = Some(permit),
                Event::Recheck => {}
                Event::Abandoned => {
                    if let Some(results) = self.connection.session.take_accepted() {
                        self.answered(&results).await;
                    }
                    let arrived = self.connection.session.unanswered();
                    let detail = "Postern was stopped before the relay answered";
                    let broken = BrokenSession {
                        failure: Failure::new(Stage::Data, Fault::Deadline, detail),
                        may_have_arrived: arrived.first().copied().unwrap_or(false),
                        pipelined: false,
                    };
                    return self.broke(broken).await;
                }
            }
        }
    }

    /// Whether another message may begin. After an interruption, also on another connection, one waits for the
    /// reply to the one before.
    fn goes_on(&self) -> bool {
        let (pool, route) = (self.task.pool(), &self.task.route);
        let healthy = self.task.half_open || !pool.is_backing_off(route);
        let usable = self.connection.session.is_ready() && self.connection.may_continue();
        let waits = !self.sent.is_empty() && pool.is_interrupted(route);
        healthy && usable && !waits && self.task.may_begin()
    }

    /// Sends messages while there are some and permits for them. Returns whether only a permit is missing.
    async fn fill(&mut self) -> Result<bool, BrokenSession> {
        while self.goes_on() {
            let in_doubt = &self.task.worker.in_doubt;
            let relay = self.task.route.scope;
            let permit = self.permit.take().or_else(|| in_doubt.try_enter(relay));
            let Some(permit) = permit else {
                return Ok(true);
            };
            let next = self.next.take();
            let Some(message) = next.or_else(|| self.task.next_message()) else {
                return Ok(false);
            };
            if !self.task.may_go_ahead(&message) || !self.goes_on() {
                self.next = Some(message);
                return Ok(false);
            }
            self.send(message, permit).await?;
        }
        // Others may need it.
        self.permit = None;
        Ok(false)
    }

    /// Takes back messages of which no octet is written: all while no transaction may begin, otherwise
    /// those from the first on whose lease has ended.
    fn take_back(&mut self) {
        let not_begun = self.connection.session.not_begun();
        if not_begun == 0 {
            return;
        }
        let begun = self.sent.len() - not_begun;
        let kept = match self.task.may_begin() {
            true => {
                let lease = self.task.worker.config.lease;
                let is_leased = |sent: &&Sent| sent.message.is_leased(lease);
                self.sent.range(begun..).take_while(is_leased).count()
            }
            false => 0,
        };
        self.connection.session.take_back(not_begun - kept);
        self.requeue_from(begun + kept);
    }

    /// Requeues the messages from this position on. The newest first, so that the oldest is in front of the
    /// local queue.
    fn requeue_from(&mut self, position: usize) {
        for sent in self.sent.drain(position..).rev() {
            self.task.pool().requeue(sent.message);
        }
    }

    /// Whether the oldest message is partly written, and its lease has ended.
    fn is_withdrawn(&self) -> bool {
        let lease = self.task.worker.config.lease;
        let is_leased = |oldest: &Sent| oldest.message.is_leased(lease);
        self.connection.session.partly_written() == Some(0)
            && self.sent.front().is_some_and(|oldest| !is_leased(oldest))
    }

    /// Gives up the oldest message, of which a part is written: it is another worker's. The relay discards
    /// it when the connection is closed.
    fn withdraw(mut self) -> NextStep {
        self.sent.pop_front();
        self.task.requeue(self.next.take());
        self.requeue_from(0);
        NextStep::Quit
    }

    /// Sends a message. One whose lease has ended is another worker's.
    async fn send(
        &mut self,
        message: QueuedMessage,
        permit: InDoubtPermit,
    ) -> Result<(), BrokenSession> {
        let Some(outgoing) = message.loaded() else {
            return Ok(());
        };
        if !message.is_leased(self.task.worker.config.lease) {
            return Ok(());
        }
        self.connection.count_message();
        let started = Instant::now();
        let refused = self.connection.session.send_ahead(outgoing).await;
        self.sent.push_back(Sent {
            message,
            started,
            permit,
        });
        if let Some(results) = refused?
            && let Some(sent) = self.sent.pop_back()
        {
            self.conclude(sent, &results).await;
        }
        Ok(())
    }

    /// The relay answered the oldest message.
    async fn answered(&mut self, results: &RecipientResults) {
        let Some(sent) = self.sent.pop_front() else {
            return;
        };
        if !self.sent.is_empty() {
            let now = self.task.worker.services.clock.now();
            let greeting = self.connection.session.greeting();
            self.task
                .pool()
                .pipelining_worked(&self.task.route, greeting, now);
        }
        self.conclude(sent, results).await;
    }

    async fn conclude(&mut self, sent: Sent, results: &RecipientResults) {
        let permit = Some(sent.permit);
        self.task
            .replied(self.connection, sent.message, results, sent.started, permit)
            .await;
    }

    /// The session ended with messages that are not answered. The first of them ended it; only for
    /// this one it is an attempt.
    async fn broke(mut self, broken: BrokenSession) -> NextStep {
        let task = self.task;
        let session = &self.connection.session;
        let arrived = session.unanswered();
        // By DATA each message has a 354 of its own, which shows a reply too many before the message is sent.
        let is_out_of_place = broken.failure.fault == Fault::Malformed;
        if !session.offers_chunking() || is_out_of_place {
            task.pool()
                .chunking_tried(&task.route, session.greeting(), false);
        }
        if arrived.iter().filter(|arrived| **arrived).count() > 1 {
            task.pool().pipelining_interrupted(&task.route);
        }
        let first = self.sent.pop_front();
        task.requeue(self.next.take());
        // The newest first, so that the oldest is in front of the local queue.
        let behind = self.sent.drain(..).zip(arrived.into_iter().skip(1));
        let behind: Vec<(Sent, bool)> = behind.collect();
        for (sent, arrived) in behind.into_iter().rev() {
            if !arrived {
                task.pool().requeue(sent.message);
                continue;
            }
            let attempt = task.attempt(&sent.message, sent.started);
            let unanswered = Unanswered::MayHaveArrivedBehind;
            let result = of_broken_session(&sent.message, &broken.failure, unanswered, &attempt);
            let permit = Some(sent.permit);
            task.worker.settle(sent.message, result, permit).await;
        }
        if let Some(Sent {
            message,
            started,
            permit,
        }) = first
        {
            if self.connection.session.offers_chunking() {
                task.session_broke(self.connection, message, &broken, started, Some(permit))
                    .await;
            } else {
                task.pool().requeue(message);
            }
        }
        NextStep::Quit
    }

    /// What the connection does when everything on it is answered.
    fn end(mut self) -> NextStep {
        let goes_on = self.goes_on() && !self.task.pool().is_backing_off(&self.task.route);
        match self.next.take() {
            Some(next) if goes_on => NextStep::Deliver(next),
            None if goes_on => NextStep::Idle,
            next => {
                self.task.requeue(next);
                NextStep::Quit
            }
        }
    }
}

async fn is_set(flag: &mut watch::Receiver<bool>) {
    drop(flag.wait_for(|set| *set).await);
}
