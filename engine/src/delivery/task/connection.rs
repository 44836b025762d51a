//! A connection to the relay: limits on its use, and how it waits between messages.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::outbox::Outbox;
use crate::smtp::Session;
use crate::store::Scope;

/// A connection is closed after this number of messages or this age, so that a relay behind a load
/// balancer can move it to another machine.
const MAX_MESSAGES: usize = 1000;
const MAX_AGE: Duration = Duration::from_secs(300);

/// How long a connection waits for the next message.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to the relay.
pub(in crate::delivery) struct RelayConnection {
    pub session: Session,
    _counted: Counted,
    opened: Instant,
    idle_since: Instant,
    messages: usize,
    /// How many of them are answered.
    answered: usize,
    max_messages: usize,
    /// The relay accepted a message on it.
    has_delivered: bool,
    /// It tries whether the relay supports a pipelined next transaction.
    is_trial: bool,
}

impl RelayConnection {
    /// A connection to the relay `relay`.
    pub fn new(mut session: Session, relay: Scope, outbox: Arc<Outbox>) -> Self {
        session.use_delivery_timeouts();
        Self {
            session,
            _counted: Counted::new(outbox, relay),
            opened: Instant::now(),
            idle_since: Instant::now(),
            messages: 0,
            max_messages: MAX_MESSAGES,
            answered: 0,
            has_delivered: false,
            is_trial: false,
        }
    }

    /// How many messages on it were answered.
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// Counts the answer to a message.
    pub fn count_answer(&mut self) {
        self.answered += 1;
    }

    /// Whether the relay accepted a message on it.
    pub fn has_delivered(&self) -> bool {
        self.has_delivered
    }

    /// Records that the relay accepted a message.
    pub fn set_delivered(&mut self) {
        self.has_delivered = true;
    }

    /// Whether it tries a pipelined next transaction, without an outcome yet.
    pub fn is_trial(&self) -> bool {
        self.is_trial
    }

    /// Begins or ends the trial.
    pub fn set_trial(&mut self, is_trial: bool) {
        self.is_trial = is_trial;
    }

    /// Counts a message.
    pub fn count_message(&mut self) {
        self.messages += 1;
    }

    /// Limits it to this number of messages; `None` where the relay has no limit of its own.
    pub fn limit_messages(&mut self, messages: Option<usize>) {
        self.max_messages = messages.map_or(MAX_MESSAGES, |limit| limit.min(MAX_MESSAGES));
    }

    /// Starts to wait for the next message.
    pub fn set_idle(&mut self) {
        self.idle_since = Instant::now();
    }

    /// Whether it has waited for too long.
    pub fn is_expired(&self) -> bool {
        self.idle_since.elapsed() >= IDLE_TIMEOUT
    }

    /// Whether another message may follow those that were counted.
    pub fn may_continue(&self) -> bool {
        self.messages < self.max_messages && self.opened.elapsed() < MAX_AGE
    }
}

/// Counts an open connection in the metrics.
struct Counted {
    outbox: Arc<Outbox>,
    relay: Scope,
}

impl Counted {
    fn new(outbox: Arc<Outbox>, relay: Scope) -> Self {
        outbox.meter().connected(relay);
        Self { outbox, relay }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.outbox.meter().disconnected(self.relay);
    }
}

/// Sends QUIT on connections, in tasks of their own.
pub(in crate::delivery) fn quit(connections: Vec<RelayConnection>) {
    for connection in connections {
        tokio::spawn(async move { connection.session.quit().await });
    }
}
