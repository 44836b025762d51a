//! The local queue, the connections and the tasks of a worker, and the state of its relay.

mod relay;
mod state;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::{RelayConnection, quit};
use super::leases::Leases;
use super::queued_message::QueuedMessage;
use super::route::Route;
use state::State;

/// The pool of a worker.
pub(super) struct Pool {
    state: Mutex<State>,
    /// The local queue has room.
    pub room: Notify,
    /// The status in the heartbeat changed.
    pub status_changed: Notify,
    /// No task is left.
    pub idle: Notify,
    pub leases: Leases,
    max_connections: usize,
    /// How long a lease runs.
    lease: Duration,
}

/// What a worker may claim.
#[derive(Debug, PartialEq)]
pub(super) enum Demand {
    /// So many recipients.
    Messages(usize),
    /// None for so long.
    After(Duration),
    /// None until a task ends.
    None,
}

/// What a task starts with.
pub(super) struct TaskStart {
    pub message: QueuedMessage,
    pub route: Arc<Route>,
    pub connection: Option<RelayConnection>,
    /// It makes the half-open attempt of the relay's backoff.
    pub half_open: bool,
}

impl Pool {
    pub fn new(max_connections: usize, lease: Duration) -> Self {
        Self {
            state: Mutex::new(State::new(max_connections)),
            room: Notify::new(),
            status_changed: Notify::new(),
            idle: Notify::new(),
            leases: Leases::default(),
            max_connections,
            lease,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The capacity of the local queue: a commit brings many messages, and each connection looks
    /// ahead by one.
    fn queue_capacity(&self) -> usize {
        (self.max_connections * 8).clamp(64, 512)
    }

    /// What to claim now.
    pub fn demand(&self, now: Instant) -> Demand {
        let state = self.state();
        if !state.may_begin() || state.is_silent() {
            return Demand::None;
        }
        if let Some(remaining) = state.backoff_remaining(now) {
            return Demand::After(remaining);
        }
        match &state.backoff {
            // One message for the half-open attempt.
            Some(_) if !state.half_open && state.queue.is_empty() => Demand::Messages(1),
            Some(_) => Demand::None,
            None if state.queue.len() * 2 <= self.queue_capacity() => {
                Demand::Messages(self.queue_capacity() - state.queue.len())
            }
            None => Demand::None,
        }
    }

    /// How many messages that are being accepted the local queue admits: half of its capacity, and
    /// none while they could not be sent soon. The other half is for claimed messages.
    pub fn spare_capacity(&self) -> usize {
        let state = self.state();
        let soon = state.may_begin() && state.backoff.is_none() && !state.is_silent();
        match soon {
            true => (self.queue_capacity() / 2).saturating_sub(state.queue.len()),
            false => 0,
        }
    }

    /// Whether a transaction may begin, by the last control state.
    pub fn may_begin(&self) -> bool {
        self.state().may_begin()
    }

    /// Whether the local queue should be released, so that other workers and people can act on it.
    pub fn is_stuck(&self, now: Instant) -> bool {
        let state = self.state();
        let waits =
            state.backoff_remaining(now).is_some() || state.half_open && state.backoff.is_some();
        state.paused || state.route.is_none() || waits || state.is_silent()
    }

    /// Appends messages to the local queue.
    pub fn enqueue(&self, messages: Vec<QueuedMessage>) {
        self.state().queue.extend(messages);
    }

    /// Puts a message that was not tried in front of the local queue.
    pub fn requeue(&self, message: QueuedMessage) {
        self.state().queue.push_front(message);
    }

    /// Empties the local queue.
    pub fn drain_queue(&self) -> Vec<QueuedMessage> {
        self.state().queue.drain(..).collect()
    }

    /// Starts another task; `None` where there is no message, or at the concurrency limit.
    pub fn start(&self, now: Instant) -> Option<TaskStart> {
        let mut state = self.state();
        let may = match &state.backoff {
            Some(backoff) => backoff.remaining(now).is_none() && !state.half_open,
            None => state.active < state.limit.current(),
        };
        if !may || !state.may_begin() {
            return None;
        }
        let route = state.route.clone()?;
        let message = state.pop(self.lease)?;
        if state.active == 0 {
            state.awaiting_since = Some(Instant::now());
        }
        state.active += 1;
        state.tasks += 1;
        let half_open = state.backoff.is_some();
        state.half_open |= half_open;
        Some(TaskStart {
            message,
            route,
            connection: state.idle_connections.pop(),
            half_open,
        })
    }

    /// The next message for a task.
    pub fn next(&self, route: &Route) -> Option<QueuedMessage> {
        let mut state = self.state();
        if !state.may_begin()
            || !state.is_on(route)
            || state.active > state.limit.current()
            || state.backoff.is_some()
        {
            return None;
        }
        let message = state.pop(self.lease);
        if state.queue.len() * 2 <= self.queue_capacity() {
            self.room.notify_one();
        }
        message
    }

    /// Keeps a connection for the next task.
    pub fn keep_idle(&self, route: &Route, mut connection: RelayConnection) {
        let mut state = self.state();
        if state.is_on(route) && state.may_begin() && connection.may_continue() {
            connection.set_idle();
            state.idle_connections.push(connection);
        } else {
            drop(state);
            quit(vec![connection]);
        }
    }

    /// Closes connections that were idle for too long.
    pub fn close_idle_connections(&self) {
        let expired: Vec<RelayConnection> = {
            let mut state = self.state();
            let expired = |connection: &mut RelayConnection| connection.is_expired();
            state.idle_connections.extract_if(.., expired).collect()
        };
        quit(expired);
    }

    /// A task on the route of this revision ended.
    pub fn ended(&self, revision: i64, half_open: bool) {
        let mut state = self.state();
        state.tasks -= 1;
        if state.revision() == Some(revision) {
            state.active = state.active.saturating_sub(1);
            state.half_open &= !half_open;
        }
        if state.tasks == 0 {
            self.idle.notify_one();
        }
        self.room.notify_one();
    }

    /// Whether no task is under way.
    pub fn is_idle(&self) -> bool {
        self.state().tasks == 0
    }

    /// Starts no more tasks.
    pub fn stop(&self) {
        let idle = {
            let mut state = self.state();
            state.stopping = true;
            std::mem::take(&mut state.idle_connections)
        };
        quit(idle);
    }
}
