//! The state of a pool, behind its lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::concurrency_limit::ConcurrencyLimit;
use crate::delivery::connection::RelayConnection;
use crate::delivery::pipelining::PipeliningTrials;
use crate::delivery::queued_message::QueuedMessage;
use crate::delivery::relay_backoff::RelayBackoff;
use crate::delivery::route::Route;

/// A relay that has messages and has replied to none for so long is silent.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct State {
    /// The local queue: leased, and waiting for a connection.
    pub queue: VecDeque<QueuedMessage>,
    /// Tasks on the current route.
    pub active: usize,
    /// Tasks on any route.
    pub tasks: usize,
    pub idle_connections: Vec<RelayConnection>,
    pub limit: ConcurrencyLimit,
    pub route: Option<Arc<Route>>,
    /// `None` while the relay is healthy.
    pub backoff: Option<RelayBackoff>,
    /// A task makes the half-open attempt.
    pub half_open: bool,
    /// The last reply to a transaction.
    pub last_reply: Option<Instant>,
    /// Since when the relay has messages without a reply to any.
    pub awaiting_since: Option<Instant>,
    /// Consecutive failures of the relay.
    pub failures: usize,
    /// The newest revision of the settings.
    pub newest: i64,
    pub paused: bool,
    /// When `paused` was read.
    pub read_at: Instant,
    /// Whether the relay bears pipelined next transactions.
    pub pipelining: PipeliningTrials,
    pub stopping: bool,
}

impl State {
    pub fn new(max_connections: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            active: 0,
            tasks: 0,
            idle_connections: Vec::new(),
            limit: ConcurrencyLimit::new(max_connections),
            route: None,
            backoff: None,
            half_open: false,
            last_reply: None,
            awaiting_since: None,
            failures: 0,
            newest: 0,
            paused: false,
            read_at: Instant::now(),
            pipelining: PipeliningTrials::default(),
            stopping: false,
        }
    }

    pub fn revision(&self) -> Option<i64> {
        self.route.as_ref().map(|route| route.revision)
    }

    /// Whether a transaction may begin: on the newest settings, and not while delivery is paused.
    pub fn may_begin(&self) -> bool {
        self.revision() == Some(self.newest) && !self.paused && !self.stopping
    }

    /// The time until the relay's half-open attempt.
    pub fn backoff_remaining(&self, now: Instant) -> Option<Duration> {
        self.backoff.as_ref()?.remaining(now)
    }

    pub fn is_on(&self, route: &Route) -> bool {
        self.revision() == Some(route.revision)
    }

    /// Whether the relay has messages and does not reply.
    pub fn is_silent(&self) -> bool {
        let since = self.awaiting_since.filter(|_| self.active > 0);
        since.is_some_and(|since| since.elapsed() >= SILENCE)
    }

    /// The next message whose leases still run: they may have ended while the process was suspended.
    pub fn pop(&mut self, lease: Duration) -> Option<QueuedMessage> {
        while let Some(message) = self.queue.pop_front() {
            if message.is_leased(lease) {
                return Some(message);
            }
        }
        None
    }
}
