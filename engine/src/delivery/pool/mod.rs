//! The local queues, connections and tasks of a worker, and the relays they go to.

mod choice;
#[cfg(test)]
mod four_weeks;
mod local_queue;
mod relay;
mod replaced;
mod state;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::leases::Leases;
use super::relay::circuit::Availability;
use super::relay::route::Route;
use super::task::connection::{RelayConnection, quit};
use super::task::queued_message::QueuedMessage;
use crate::Clock;
use crate::store::messages::flows::QueueClass;
use state::{Choice, State};

/// The pool of a worker.
pub(super) struct Pool {
    state: Mutex<State>,
    /// A local queue has free capacity.
    pub capacity_freed: Notify,
    /// The status in the heartbeat changed.
    pub status_changed: Notify,
    /// A relay began to back off.
    pub backoff_began: Notify,
    /// No transaction may begin any more.
    pub none_may_begin: Notify,
    /// No task is left.
    pub idle: Notify,
    pub leases: Leases,
    /// The maximum number of connections to a relay.
    max_connections: usize,
    /// How long a lease runs.
    lease: Duration,
}

/// What a worker may claim of a class of a queue.
#[derive(Debug, PartialEq)]
pub(super) enum Demand {
    /// At most this number of recipients.
    Messages(usize),
    /// None for this time.
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
    pub fn new(max_connections: usize, lease: Duration, clock: Clock) -> Self {
        Self {
            leases: Leases::new(clock.clone()),
            state: Mutex::new(State::new(clock)),
            capacity_freed: Notify::new(),
            status_changed: Notify::new(),
            backoff_began: Notify::new(),
            none_may_begin: Notify::new(),
            idle: Notify::new(),
            max_connections,
            lease,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// What to claim now.
    pub fn demand(&self, class: &QueueClass, now: Instant) -> Demand {
        let state = self.state();
        if !state.may_begin() {
            return Demand::None;
        }
        match state.choose(&class.queue, now) {
            Choice::Relay(index) => {
                let relay = &state.relays[index];
                let (capacity, waiting) = (relay.queue_capacity(), state.waiting(class));
                match relay.circuit.availability(now) {
                    // One message for the half-open attempt. It may be pinned to another relay.
                    Availability::HalfOpen => {
                        match state.is_queue_empty(&class.queue) && waiting < capacity {
                            true => Demand::Messages(1),
                            false => Demand::None,
                        }
                    }
                    _ if waiting * 2 <= capacity => Demand::Messages(capacity - waiting),
                    _ => Demand::None,
                }
            }
            Choice::After(remaining) => Demand::After(remaining),
            Choice::None => Demand::None,
        }
    }

    /// How many messages of a class that are being accepted the local queue admits: half of its
    /// capacity, and none while they could not be sent soon. The other half is for claimed messages.
    pub fn spare_capacity(&self, class: &QueueClass, now: Instant) -> usize {
        let state = self.state();
        match state.choose(&class.queue, now) {
            Choice::Relay(index) if state.may_begin() => {
                let relay = &state.relays[index];
                match relay.circuit.availability(now) {
                    Availability::HalfOpen => 0,
                    _ => (relay.queue_capacity() / 2).saturating_sub(state.waiting(class)),
                }
            }
            _ => 0,
        }
    }

    /// Whether a transaction may begin, by the last control state.
    pub fn may_begin(&self) -> bool {
        self.state().may_begin()
    }

    /// Appends messages to their local queues.
    pub fn enqueue(&self, messages: Vec<QueuedMessage>) {
        let mut state = self.state();
        for message in messages {
            state.queue(&message.class.queue.clone()).push_back(message);
        }
    }

    /// Puts a message that was not tried in front of its local queue.
    pub fn requeue(&self, message: QueuedMessage) {
        self.state().requeue(message);
    }

    /// Empties the local queues whose messages cannot be sent soon, so that other workers and people
    /// can act on them.
    pub fn drain_stuck_queues(&self, now: Instant) -> Vec<QueuedMessage> {
        self.state().drain_stuck_queues(now)
    }

    /// Starts another task; `None` where there is no message that a relay takes now.
    pub fn start(&self, now: Instant) -> Option<TaskStart> {
        let mut state = self.state();
        if !state.may_begin() {
            return None;
        }
        let (message, index) = state.pop_for_new_task(self.lease, now)?;
        state.tasks += 1;
        let relay = &mut state.relays[index];
        let is_own = relay.route.scope.is_own();
        let start = TaskStart {
            message,
            half_open: relay.circuit.begin(now),
            route: relay.route.clone(),
            connection: relay.idle_connections.pop(),
        };
        let closed = match &start.connection {
            None if is_own => state.make_room(),
            _ => None,
        };
        state.own_tasks += usize::from(is_own);
        drop(state);
        quit(closed.into_iter().collect());
        Some(start)
    }

    /// The next message for a task on a route.
    pub fn next(&self, route: &Arc<Route>, now: Instant) -> Option<QueuedMessage> {
        let mut state = self.state();
        if !state.may_begin() || !state.relay(route)?.circuit.may_continue() {
            return None;
        }
        let message = state.pop_for(route, self.lease, now);
        if message
            .as_ref()
            .is_none_or(|message| state.has_capacity(&message.class, now))
        {
            self.capacity_freed.notify_one();
        }
        message
    }

    /// Keeps a connection for the next task.
    pub fn keep_idle(&self, route: &Arc<Route>, mut connection: RelayConnection) {
        let mut state = self.state();
        let may_begin = state.may_begin();
        match state.relay_mut(route) {
            Some(relay) if may_begin && connection.may_continue() => {
                connection.set_idle();
                relay.idle_connections.push(connection);
            }
            _ => {
                drop(state);
                quit(vec![connection]);
            }
        }
    }

    /// Closes connections that were idle for too long.
    pub fn close_idle_connections(&self) {
        let expired: Vec<RelayConnection> = {
            let mut state = self.state();
            let expired = |connection: &mut RelayConnection| connection.is_expired();
            let relays = state.relays.iter_mut();
            relays
                .flat_map(|relay| relay.idle_connections.extract_if(.., expired))
                .collect()
        };
        quit(expired);
    }

    /// A task on a route ended.
    pub fn ended(&self, route: &Arc<Route>, half_open: bool) {
        let mut state = self.state();
        state.tasks -= 1;
        state.own_tasks -= usize::from(route.scope.is_own());
        match state.relay_mut(route) {
            Some(relay) => relay.circuit.end(half_open),
            None => {
                let now = state.monotonic();
                state.replaced.ended(route);
                let connections = state.replaced.count(route);
                let mut relays = state.relays.iter_mut();
                if let Some(relay) = relays.find(|relay| relay.route.is_same_server(route)) {
                    relay.circuit.set_replaced(connections, now);
                }
            }
        }
        if state.tasks == 0 {
            self.idle.notify_one();
        }
        self.capacity_freed.notify_one();
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
            let relays = state.relays.iter_mut();
            relays
                .flat_map(|relay| relay.idle_connections.drain(..))
                .collect()
        };
        self.none_may_begin.notify_waiters();
        quit(idle);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use domain::outbox::Priority;
    use domain::{Failure, Fault, Stage};

    use super::state::PooledRelay;
    use super::*;
    use crate::delivery::relay::route::Routes;

    /// A pool with the relays `smtp-0` and `smtp-1`.
    fn pool() -> Pool {
        let pool = Pool::new(4, Duration::MAX, Clock::default());
        let mut state = pool.state();
        state.version = Some(0);
        for name in ["smtp-0", "smtp-1"] {
            let route = Arc::new(Route::of_name(name));
            state.relays.push(PooledRelay::new(route, 4));
        }
        drop(state);
        pool
    }

    fn class(priority: Priority) -> QueueClass {
        QueueClass {
            queue: "global".into(),
            priority,
        }
    }

    fn messages(class: &QueueClass, number: usize) -> Vec<QueuedMessage> {
        let message = || {
            let mut message = QueuedMessage::of(Vec::new());
            message.class = class.clone();
            message
        };
        (0..number).map(|_| message()).collect()
    }

    /// The routes after a save of the settings of a relay.
    fn saved(pool: &Pool, name: &str) -> Arc<Route> {
        let route = Arc::new(Route::of_name(name));
        pool.set_routes(Routes {
            version: 0,
            relays: vec![route.clone()],
            titles: HashMap::new(),
            fallback: true,
            usage: Vec::new(),
        });
        route
    }

    #[test]
    fn saves_beside_hanging_connections_open_no_more_than_the_cap() {
        let (pool, now) = (pool(), Instant::now());
        let start_all = || std::iter::from_fn(|| pool.start(now)).count();
        let first = saved(&pool, "smtp-0");
        pool.enqueue(messages(&class(Priority::Normal), 32));
        assert_eq!(start_all(), 4);
        // All of them hang.
        let second = saved(&pool, "smtp-0");
        assert_eq!(start_all(), 0);
        pool.ended(&first, false);
        assert_eq!(start_all(), 1, "one has ended");
        let third = saved(&pool, "smtp-0");
        assert_eq!(start_all(), 0);
        pool.ended(&second, false);
        pool.ended(&first, false);
        assert_eq!(start_all(), 2);
        pool.ended(&third, false);
        assert_eq!(start_all(), 1);
        // Another server has none of them.
        saved(&pool, "smtp-1");
        assert_eq!(start_all(), 4);
        saved(&pool, "smtp-0");
        assert_eq!(start_all(), 0);
    }

    #[test]
    fn pinned_mail_is_claimed_within_the_capacity() {
        let (pool, mut now) = (pool(), Instant::now());
        let normal = class(Priority::Normal);
        let pinned = normal.pinned_to("smtp-1");
        let claim_all = |now| {
            let mut claimed = 0;
            while let Demand::Messages(number) = pool.demand(&normal, now) {
                pool.enqueue(messages(&pinned, number));
                claimed += number;
            }
            claimed
        };
        pool.enqueue(messages(&normal, 10));
        assert_eq!(pool.demand(&normal, now), Demand::Messages(22));
        assert_eq!(claim_all(now), 22);
        assert_eq!(pool.spare_capacity(&normal, now), 0);
        let bulk = pool.demand(&class(Priority::Bulk), now);
        assert_eq!(bulk, Demand::Messages(32), "another class");

        // One at a time where the first relay makes its half-open attempt.
        pool.state().queue(&normal.queue).drain();
        pool.state().queue(&pinned.queue).drain();
        let failure = Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused");
        let mut state = pool.state();
        let circuit = &mut state.relays[0].circuit;
        circuit.back_off(failure, false, now, 0);
        now += Duration::from_secs(5);
        let availability = circuit.availability(now);
        drop(state);
        assert_eq!(availability, Availability::HalfOpen);
        assert_eq!(claim_all(now), 32);
    }
}
