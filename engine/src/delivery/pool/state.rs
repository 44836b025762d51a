//! The state of a pool, behind its lock: which relay takes the messages of which queue.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use tokio::time::Instant;

use super::local_queue::LocalQueue;
use super::replaced::ReplacedConnections;
use crate::Clock;
use crate::delivery::relay::circuit::{Availability, RelayCircuit};
use crate::delivery::relay::messages_per_connection::MessagesPerConnection;
use crate::delivery::relay::observations::RelayObservations;
use crate::delivery::relay::pipelining::PipeliningTrials;
use crate::delivery::relay::quota::{CountedMessage, RelayQuota};
use crate::delivery::relay::refusal_streak::RefusalStreak;
use crate::delivery::relay::route::Route;
use crate::delivery::task::connection::RelayConnection;
use crate::delivery::task::queued_message::QueuedMessage;
use crate::store::Scope;
use crate::store::messages::flows::{
    PINNED_QUEUE, QueueClass, QueueTarget, is_of_account, is_pinned, unpinned,
};

/// A relay of the pool. Nothing of it outlives its settings but [`ReplacedConnections`].
pub(super) struct PooledRelay {
    pub route: Arc<Route>,
    pub circuit: RelayCircuit,
    pub idle_connections: Vec<RelayConnection>,
    /// Whether the relay supports pipelined next transactions.
    pub pipelining: PipeliningTrials,
    /// How many messages the relay takes on a connection.
    pub per_connection: MessagesPerConnection,
    /// Whether the relay refuses any message.
    pub refusals: RefusalStreak,
    /// What its checks have to know.
    pub observed: RelayObservations,
}

/// The maximum number of connections to the own relay of an account, and to all of them together. One
/// that is idle is closed where another account needs it.
const OWN_RELAY_CONNECTIONS: usize = 4;
pub(super) const OWN_CONNECTIONS: usize = 200;

/// How many messages of an account may wait in this process for its own relay: there can be as many of
/// these queues as accounts.
const OWN_QUEUE_CAPACITY: usize = 8;

impl PooledRelay {
    pub fn new(route: Arc<Route>, max_connections: usize) -> Self {
        let limit = match route.scope.is_own() {
            true => OWN_RELAY_CONNECTIONS,
            false => route
                .limits
                .max_connections
                .map_or(max_connections, |limit| {
                    usize::try_from(limit).unwrap_or(usize::MAX)
                }),
        };
        Self {
            circuit: RelayCircuit::new(&route.name, limit.min(max_connections)),
            idle_connections: Vec::new(),
            pipelining: PipeliningTrials::of(route.pipelining.clone()),
            per_connection: MessagesPerConnection::default(),
            refusals: RefusalStreak::default(),
            observed: RelayObservations::default(),
            route,
        }
    }

    /// How many messages of a class may wait in this process for the relay.
    pub fn queue_capacity(&self) -> usize {
        match self.route.scope.is_own() {
            true => OWN_QUEUE_CAPACITY,
            false => self.circuit.queue_capacity(),
        }
    }
}

/// The relay for the messages of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The first that is healthy or makes its half-open attempt, by its position in the list.
    Relay(usize),
    /// All back off; the first attempt follows after this time.
    After(Duration),
    /// None until a task ends or the settings change.
    None,
}

/// The queues that were served last.
#[derive(Default)]
struct LastServed {
    /// Among those of the organisation.
    organisation: Arc<str>,
    /// Among those of accounts with relays of their own.
    own: Arc<str>,
    /// Whether the last of all was one of an account.
    is_own: bool,
}

impl LastServed {
    fn record(&mut self, queue: Arc<str>) {
        self.is_own = is_of_account(&queue);
        match self.is_own {
            true => self.own = queue,
            false => self.organisation = queue,
        }
    }
}

pub(super) struct State {
    /// By name.
    queues: BTreeMap<Arc<str>, LocalQueue>,
    served: LastServed,
    /// Those of the organisation in the order in which they take over from each other, and after them
    /// those of accounts.
    pub relays: Vec<PooledRelay>,
    /// The names that administrators gave the relays of the organisation.
    pub titles: HashMap<Scope, String>,
    /// The positions of the relays of accounts.
    pub own: HashMap<Scope, usize>,
    /// Whether the relays of the organisation take over from those of accounts.
    pub fallback: bool,
    /// Tasks on relays of accounts, also on routes that were replaced.
    pub own_tasks: usize,
    /// Connections by settings that were replaced.
    pub replaced: ReplacedConnections,
    /// Of relays whose messages are limited, also after a change of their settings.
    pub quotas: HashMap<Scope, RelayQuota>,
    clock: Clock,
    /// The version of the routes; `None` before they are read.
    pub version: Option<i64>,
    /// The newest version of the routes.
    pub newest: i64,
    /// Tasks, also on routes that were replaced.
    pub tasks: usize,
    pub paused: bool,
    /// When `paused` was read.
    pub read_at: Instant,
    pub stopping: bool,
}

impl State {
    pub fn new(clock: Clock) -> Self {
        Self {
            queues: BTreeMap::new(),
            served: LastServed::default(),
            relays: Vec::new(),
            titles: HashMap::new(),
            own: HashMap::new(),
            fallback: true,
            own_tasks: 0,
            replaced: ReplacedConnections::default(),
            quotas: HashMap::new(),
            clock,
            version: None,
            newest: 0,
            tasks: 0,
            paused: false,
            read_at: Instant::now(),
            stopping: false,
        }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Monotonic time.
    pub fn monotonic(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Whether a transaction may begin: on the newest settings, and not while delivery is paused.
    pub fn may_begin(&self) -> bool {
        self.version == Some(self.newest) && !self.paused && !self.stopping
    }

    /// The local queue of a name.
    pub fn queue(&mut self, name: &Arc<str>) -> &mut LocalQueue {
        self.queues.entry(name.clone()).or_default()
    }

    pub fn is_queue_empty(&self, name: &str) -> bool {
        self.queues.get(name).is_none_or(LocalQueue::is_empty)
    }

    /// The messages of a class that wait here, with those that are pinned to a relay.
    pub fn waiting(&self, class: &QueueClass) -> usize {
        let name = unpinned(&class.queue);
        let from = (Bound::Included(PINNED_QUEUE), Bound::Unbounded);
        let pinned = self.queues.range::<str, _>(from);
        let pinned = pinned.take_while(|(queue, _)| is_pinned(queue));
        let pinned = pinned.filter(|(queue, _)| unpinned(queue) == name);
        let queues = pinned.map(|(_, queue)| queue).chain(self.queues.get(name));
        queues.map(|queue| queue.len(class.priority)).sum()
    }

    /// Whether more messages of a class should be claimed.
    pub fn has_capacity(&self, class: &QueueClass, now: Instant) -> bool {
        match self.choose(unpinned(&class.queue), now) {
            Choice::Relay(index) => {
                let capacity = self.relays[index].queue_capacity();
                self.waiting(class) * 2 <= capacity
            }
            Choice::After(_) | Choice::None => false,
        }
    }

    /// The relays of the organisation.
    pub fn of_organisation(&self) -> &[PooledRelay] {
        &self.relays[..self.relays.len() - self.own.len()]
    }

    /// The relays of accounts.
    pub fn of_accounts(&mut self) -> &mut [PooledRelay] {
        let first = self.relays.len() - self.own.len();
        &mut self.relays[first..]
    }

    /// The position of the relay of a route that is still current.
    fn position(&self, route: &Arc<Route>) -> Option<usize> {
        let is_of = |relay: &PooledRelay| Arc::ptr_eq(&relay.route, route);
        match route.scope.is_own() {
            true => {
                let found = self.own.get(&route.scope).copied();
                found.filter(|index| is_of(&self.relays[*index]))
            }
            false => self.of_organisation().iter().position(is_of),
        }
    }

    /// The relay of a route that is still current.
    pub fn relay(&self, route: &Arc<Route>) -> Option<&PooledRelay> {
        self.position(route).map(|index| &self.relays[index])
    }

    /// As [`State::relay`].
    pub fn relay_mut(&mut self, route: &Arc<Route>) -> Option<&mut PooledRelay> {
        self.position(route).map(|index| &mut self.relays[index])
    }

    /// The positions of the relays for the messages of a queue, in the order in which they are tried. Of those
    /// that are pinned to a relay no other is one, unless that relay was removed or switched off.
    pub fn candidates<'a>(&'a self, queue: &'a str) -> impl Iterator<Item = usize> + 'a {
        let target = QueueTarget::of(queue);
        let is_named =
            move |index: usize| target.pinned_to == Some(&*self.relays[index].route.name);
        let pinned = target.pinned_to.is_some() && self.of_target(target).any(is_named);
        self.of_target(target)
            .filter(move |index| !pinned || is_named(*index))
    }

    /// The positions of the relays for a target, whichever it is pinned to.
    fn of_target<'a>(&'a self, target: QueueTarget<'a>) -> impl Iterator<Item = usize> + 'a {
        let own = target.own.and_then(|scope| self.own.get(&scope)).copied();
        let takes_over = own.is_none() || self.fallback;
        let of_organisation = takes_over.then(|| {
            let others = self.of_organisation_for(target, false);
            others.chain(self.avoided(target))
        });
        own.into_iter().chain(of_organisation.into_iter().flatten())
    }

    /// The positions of the relays of the organisation for a target, in their order: those that it
    /// avoids, or the others.
    fn of_organisation_for<'a>(
        &'a self,
        target: QueueTarget<'a>,
        avoided: bool,
    ) -> impl Iterator<Item = usize> + 'a {
        let routes = self.of_organisation().iter().map(|relay| &*relay.route);
        let is_wanted = move |index: &usize| {
            let scope = self.relays[*index].route.scope;
            target.avoids(scope) == avoided
        };
        Route::of_rule(routes, target.rule).filter(is_wanted)
    }

    /// The positions of the relays of the organisation that a target avoids, in the order in which it
    /// names them.
    pub fn avoided<'a>(&'a self, target: QueueTarget<'a>) -> impl Iterator<Item = usize> + 'a {
        target.avoided_ids().flat_map(move |id| {
            let is_named = move |index: &usize| self.relays[*index].route.scope.relay_id() == id;
            self.of_organisation_for(target, true).filter(is_named)
        })
    }

    /// The relay that takes the messages of a queue: the first of its relays that is usable.
    pub fn choose(&self, queue: &str, now: Instant) -> Choice {
        let mut next: Option<Duration> = None;
        for index in self.candidates(queue) {
            match self.relays[index].circuit.availability(now) {
                usable if usable.is_usable() => match self.quota_wait(index) {
                    None => return Choice::Relay(index),
                    Some(wait) => next = Some(earlier(next, wait)),
                },
                Availability::BackingOff(remaining) => next = Some(earlier(next, remaining)),
                _ => {}
            }
        }
        next.map_or(Choice::None, Choice::After)
    }

    /// The next message of a queue for the relay at a position.
    fn pop(
        &mut self,
        name: Arc<str>,
        index: usize,
        lease: Duration,
        now: Instant,
    ) -> Option<QueuedMessage> {
        let mut message = self.queue(&name).pop(lease)?;
        message.choice = Some(Arc::new(self.choice(&name, index, now)));
        // There can be as many as accounts, and as relays for each.
        if self.is_queue_empty(&name) && (is_of_account(&name) || is_pinned(&name)) {
            self.queues.remove(&name);
        }
        self.served.record(name);
        message.counted = self.count(index);
        Some(message)
    }

    /// Puts a message that was not tried in front of its local queue. The limits of the relay that it was for
    /// no longer count it.
    pub fn requeue(&mut self, mut message: QueuedMessage) {
        if let Some(counted) = message.counted.take()
            && let Some(quota) = self.quotas.get_mut(&counted.scope)
        {
            quota.take_back(*counted);
        }
        message.unload();
        self.queue(&message.class.queue.clone()).push_front(message);
    }

    /// How long a relay takes no messages because of its limits; `None` where it takes some.
    pub fn quota_wait(&self, index: usize) -> Option<Duration> {
        let route = &self.relays[index].route;
        let quota = self.quotas.get(&route.scope)?;
        quota.wait(&route.limits, self.clock.now())
    }

    /// Counts a message that begins at a relay.
    fn count(&mut self, index: usize) -> Option<Box<CountedMessage>> {
        let route = &self.relays[index].route;
        let quota = self.quotas.get_mut(&route.scope)?;
        Some(Box::new(quota.count(self.clock.now())))
    }

    /// The names of the queues with messages, in turn: those of accounts and of the organisation after
    /// each other. All accounts get their turn, although their relays share connections and the queues
    /// of the organisation are served meanwhile.
    fn turns(&self) -> impl Iterator<Item = &Arc<str>> {
        let own_first = !self.served.is_own;
        self.turns_of(own_first).chain(self.turns_of(!own_first))
    }

    /// The names of the queues of accounts, or of the organisation, with messages, the one after the
    /// last served first.
    fn turns_of(&self, own: bool) -> impl Iterator<Item = &Arc<str>> {
        let served: &str = match own {
            true => &self.served.own,
            false => &self.served.organisation,
        };
        let after = (Bound::Excluded(served), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Included(served));
        let queues = self.queues.range::<str, _>(after);
        let queues = queues.chain(self.queues.range::<str, _>(before));
        queues
            .filter(move |(name, queue)| is_of_account(name) == own && !queue.is_empty())
            .map(|(name, _)| name)
    }

    /// A message that a relay takes on another connection, and the position of the relay.
    pub fn pop_for_new_task(
        &mut self,
        lease: Duration,
        now: Instant,
    ) -> Option<(QueuedMessage, usize)> {
        loop {
            let mut turns = self.turns();
            let (name, index) = turns.find_map(|name| match self.choose(name, now) {
                Choice::Relay(index) if self.may_connect(index, now) => Some((name.clone(), index)),
                _ => None,
            })?;
            drop(turns);
            // One whose leases have all ended is empty now.
            if let Some(message) = self.pop(name, index, lease, now) {
                return Some((message, index));
            }
        }
    }

    /// Whether another connection to a usable relay may get a message.
    fn may_connect(&self, index: usize, now: Instant) -> bool {
        let relay = &self.relays[index];
        let all_taken = relay.route.scope.is_own() && self.own_tasks >= OWN_CONNECTIONS;
        !all_taken && relay.circuit.availability(now) != Availability::AtLimit
    }

    /// A message for a connection to a relay.
    pub fn pop_for(
        &mut self,
        route: &Arc<Route>,
        lease: Duration,
        now: Instant,
    ) -> Option<QueuedMessage> {
        loop {
            let is_for = |name: &&Arc<str>| {
                let own = QueueTarget::of(name).own;
                // Its own relay is tried first: looking at the others of accounts costs more.
                let is_of_another = route.scope.is_own() && own != Some(route.scope);
                let chosen = || self.choose(name, now);
                !is_of_another
                    && matches!(chosen(), Choice::Relay(index)
                        if Arc::ptr_eq(&self.relays[index].route, route))
            };
            let name = self.turns().find(is_for)?.clone();
            let index = self.position(route)?;
            if let Some(message) = self.pop(name, index, lease, now) {
                return Some(message);
            }
        }
    }

    /// Closes an idle connection to the relay of an account, where so many are open that another one
    /// would be too many.
    pub fn make_room(&mut self) -> Option<RelayConnection> {
        let tasks = self.own_tasks;
        let relays = self.of_accounts();
        let idle: usize = relays
            .iter()
            .map(|relay| relay.idle_connections.len())
            .sum();
        if tasks + idle < OWN_CONNECTIONS {
            return None;
        }
        relays
            .iter_mut()
            .find_map(|relay| relay.idle_connections.pop())
    }

    /// Empties the queues that no relay takes messages of, or all while delivery is paused.
    pub fn drain_stuck_queues(&mut self, now: Instant) -> Vec<QueuedMessage> {
        let is_stuck =
            |name: &Arc<str>| self.paused || !matches!(self.choose(name, now), Choice::Relay(_));
        let stuck: Vec<Arc<str>> = self
            .queues
            .keys()
            .filter(|name| is_stuck(name))
            .cloned()
            .collect();
        let drain = |name: Arc<str>| self.queues.remove(&name);
        let drained = stuck.into_iter().filter_map(drain);
        drained.flat_map(|mut queue| queue.drain()).collect()
    }
}

/// The earlier of two times to wait.
fn earlier(next: Option<Duration>, wait: Duration) -> Duration {
    next.map_or(wait, |next| next.min(wait))
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
