//! What the end of a session within a transaction means for its message and for the relay.

use std::collections::HashMap;

use domain::{Failure, Fault, Stage};
use tokio::time::{Instant, sleep};

use super::DeliveryTask;
use super::connection::RelayConnection;
use super::queued_message::QueuedMessage;
use crate::delivery::disposition::{Unanswered, of_broken_session};
use crate::delivery::limits::in_doubt::InDoubtPermit;
use crate::delivery::worker::RETRY_WRITE;
use crate::smtp::BrokenSession;
use crate::store::delivery::events;
use crate::store::{StoreError, in_time};

impl DeliveryTask {
    /// The session ended during the transaction of a message.
    pub async fn session_broke(
        &self,
        connection: &RelayConnection,
        message: QueuedMessage,
        broken: &BrokenSession,
        started: Instant,
        permit: Option<InDoubtPermit>,
    ) {
        let failure = &broken.failure;
        let refused = failure.fault == Fault::Rejected;
        // A relay that limits the messages of a connection (RFC 5321 section 3.8).
        if failure.stage == Stage::Mail && refused && connection.has_delivered() {
            self.pool().requeue(message);
            return;
        }
        let now = self.worker.services.clock.now();
        if broken.pipelined {
            let greeting = connection.session.greeting();
            let tried = self.pool().broke_on_pipelining(&self.route, greeting, now);
            self.store_trial(tried).await;
        }
        // A relay that closes after some messages replied nothing about this one and is healthy.
        let closed = failure.stage == Stage::Mail
            && matches!(failure.fault, Fault::Closed | Fault::Reset)
            && connection.answered() > 0;
        if closed {
            let answered = connection.answered();
            self.pool().connection_closed(&self.route, answered, now);
        }
        if closed && !broken.may_have_arrived {
            self.pool().requeue(message);
            return;
        }
        let stopped = failure.fault == Fault::Deadline;
        let interruptions = &self.worker.interruptions;
        // A relay that backs off has accepted nothing since: its attempts say nothing about their messages.
        let own = !stopped
            && interruptions.interrupted(self.route.scope, &message.id)
            && !self.pool().is_backing_off(&self.route);
        // A relay that broke on pipelined commands, or that ends a session which has delivered, may
        // be healthy.
        let may_be_healthy =
            broken.pipelined && failure.reply.is_none() || refused && connection.has_delivered();
        let unanswered = if broken.may_have_arrived {
            self.left_unanswered(connection, failure);
            Unanswered::MayHaveArrived
        } else if own {
            Unanswered::EndedSession
        } else if may_be_healthy {
            // Behind the others, which show it.
            self.pool().enqueue(vec![message]);
            return;
        } else {
            self.relay_failed(failure.clone());
            Unanswered::Untouched
        };
        let mut attempt = self.attempt(&message, started);
        if unanswered == Unanswered::MayHaveArrived {
            attempt.unanswered_before = self.times_unanswered(&message.id).await;
        }
        let result = of_broken_session(&message, failure, unanswered, &attempt);
        self.worker.record(result).await;
        drop((message, permit));
    }

    /// A relay did not answer a message that may have arrived. One that lets all its time pass may be
    /// silent for good, one that ends the session is there.
    fn left_unanswered(&self, connection: &RelayConnection, failure: &Failure) {
        let (route, now) = (&self.route, self.now());
        if failure.fault != Fault::TimedOut {
            self.pool().replied(route, true, now);
            return;
        }
        let silent = connection.session.last_progress().elapsed();
        let half_open = self.half_open;
        let pool = self.pool();
        if pool.timed_out(route, failure.clone(), half_open, silent, now) {
            self.warn_of(failure);
            self.worker.wake();
        }
    }

    /// How often a message was the first without a reply before, by the position of its recipient.
    async fn times_unanswered(&self, id: &str) -> HashMap<i64, i64> {
        let store = &self.worker.services.store;
        loop {
            let read = async {
                let mut connection = store.read().await?;
                events::times_unanswered(&mut connection, id).await
            };
            let read: Result<_, StoreError> = in_time(read).await;
            match read {
                Ok(times) => return times,
                Err(_) => sleep(RETRY_WRITE).await,
            }
        }
    }
}
