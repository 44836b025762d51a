//! The state of a pool, behind its lock: which relay takes the messages of which queue.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{RelayChoice, SkippedRelay};
use tokio::time::Instant;

use super::local_queue::LocalQueue;
use crate::Clock;
use crate::delivery::connection::RelayConnection;
use crate::delivery::pipelining::PipeliningTrials;
use crate::delivery::queued_message::QueuedMessage;
use crate::delivery::refusal_streak::RefusalStreak;
use crate::delivery::relay_health::{Availability, RelayHealth};
use crate::delivery::relay_quota::RelayQuota;
use crate::delivery::route::Route;
use crate::store::Scope;
use crate::store::flows::QueueClass;

/// A relay of the pool. Nothing of it outlives its settings.
pub(super) struct PooledRelay {
    pub route: Arc<Route>,
    pub health: RelayHealth,
    pub idle_connections: Vec<RelayConnection>,
    /// Whether the relay bears pipelined next transactions.
    pub pipelining: PipeliningTrials,
    /// Whether the relay refuses any message.
    pub refusals: RefusalStreak,
}

impl PooledRelay {
    pub fn new(route: Arc<Route>, max_connections: usize) -> Self {
        let limit = route
            .limits
            .max_connections
            .map_or(max_connections, |limit| {
                usize::try_from(limit).unwrap_or(usize::MAX)
            });
        Self {
            health: RelayHealth::new(&route.name, limit.min(max_connections)),
            idle_connections: Vec::new(),
            pipelining: PipeliningTrials::of(route.pipelining.clone()),
            refusals: RefusalStreak::default(),
            route,
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

pub(super) struct State {
    /// By name.
    queues: BTreeMap<Arc<str>, LocalQueue>,
    /// The queue that was served last.
    served: Arc<str>,
    /// In the order in which they take over from each other.
    pub relays: Vec<PooledRelay>,
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
            served: "".into(),
            relays: Vec::new(),
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

    /// The messages of a class that wait here.
    pub fn waiting(&self, class: &QueueClass) -> usize {
        let queue = self.queues.get(&class.queue);
        queue.map_or(0, |queue| queue.len(class.priority))
    }

    /// Whether more messages of a class should be claimed.
    pub fn has_room(&self, class: &QueueClass, now: Instant) -> bool {
        match self.choose(&class.queue, now) {
            Choice::Relay(index) => {
                let capacity = self.relays[index].health.queue_capacity();
                self.waiting(class) * 2 <= capacity
            }
            Choice::After(_) | Choice::None => false,
        }
    }

    /// The relay of a route that is still current.
    pub fn relay(&self, route: &Arc<Route>) -> Option<&PooledRelay> {
        let mut relays = self.relays.iter();
        relays.find(|relay| Arc::ptr_eq(&relay.route, route))
    }

    /// As [`State::relay`].
    pub fn relay_mut(&mut self, route: &Arc<Route>) -> Option<&mut PooledRelay> {
        let mut relays = self.relays.iter_mut();
        relays.find(|relay| Arc::ptr_eq(&relay.route, route))
    }

    /// The relay that takes the messages of a queue: the first of its relays that is usable.
    pub fn choose(&self, queue: &str, now: Instant) -> Choice {
        let mut next: Option<Duration> = None;
        let routes = self.relays.iter().map(|relay| &*relay.route);
        for index in Route::of_queue(routes, queue) {
            match self.relays[index].health.availability(now) {
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

    /// The relay at a position, and why it takes the messages of a queue at this moment.
    fn choice(&self, queue: &str, chosen: usize, now: Instant) -> RelayChoice {
        let routes = self.relays.iter().map(|relay| &*relay.route);
        let before = Route::of_queue(routes, queue).take_while(|index| *index != chosen);
        let skipped = before.filter_map(|index| {
            let relay = &self.relays[index];
            let day = self.clock.now();
            let condition = relay.health.condition(day, now).or_else(|| {
                let quota = self.quotas.get(&relay.route.scope)?;
                quota.condition(&relay.route.limits, day)
            })?;
            Some(SkippedRelay {
                relay: relay.route.title.clone(),
                condition,
            })
        });
        let route = &self.relays[chosen].route;
        RelayChoice {
            relay: route.title.clone(),
            rule: route.from_domain.clone(),
            skipped: skipped.collect(),
        }
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
        self.served = name;
        self.count(index);
        Some(message)
    }

    /// How long a relay takes no messages because of its limits; `None` where it takes some.
    pub fn quota_wait(&self, index: usize) -> Option<Duration> {
        let route = &self.relays[index].route;
        let quota = self.quotas.get(&route.scope)?;
        quota.wait(&route.limits, self.clock.now())
    }

    /// Counts a message that begins at a relay.
    fn count(&mut self, index: usize) {
        let route = &self.relays[index].route;
        if let Some(quota) = self.quotas.get_mut(&route.scope) {
            quota.count(self.clock.now());
        }
    }

    /// The names of the queues with messages, the one after the last served first.
    fn turns(&self) -> Vec<Arc<str>> {
        let waiting =
            |(name, queue): (&Arc<str>, &LocalQueue)| (!queue.is_empty()).then(|| name.clone());
        let mut names: Vec<Arc<str>> = self.queues.iter().filter_map(waiting).collect();
        let after = names.partition_point(|name| *name <= self.served);
        names.rotate_left(after);
        names
    }

    /// A message that a relay takes on another connection, and the position of the relay.
    pub fn pop_for_new_task(
        &mut self,
        lease: Duration,
        now: Instant,
    ) -> Option<(QueuedMessage, usize)> {
        for name in self.turns() {
            let Choice::Relay(index) = self.choose(&name, now) else {
                continue;
            };
            let availability = self.relays[index].health.availability(now);
            if availability == Availability::AtLimit {
                continue;
            }
            if let Some(message) = self.pop(name, index, lease, now) {
                return Some((message, index));
            }
        }
        None
    }

    /// A message for a connection to a relay.
    pub fn pop_for(
        &mut self,
        route: &Arc<Route>,
        lease: Duration,
        now: Instant,
    ) -> Option<QueuedMessage> {
        for name in self.turns() {
            let Choice::Relay(index) = self.choose(&name, now) else {
                continue;
            };
            if !Arc::ptr_eq(&self.relays[index].route, route) {
                continue;
            }
            if let Some(message) = self.pop(name, index, lease, now) {
                return Some(message);
            }
        }
        None
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
mod tests {
    use domain::outbox::Priority;
    use domain::relay::RelayLimits;
    use domain::{Failure, Fault, Stage};

    use super::*;

    const RULE: Option<&str> = Some("example.org");

    /// The relays `smtp-0`, `smtp-1` … with these rules.
    fn state(rules: &[Option<&str>]) -> State {
        let mut state = State::new(Clock::default());
        for (number, rule) in rules.iter().enumerate() {
            let route = Route {
                from_domain: rule.map(str::to_owned),
                ..Route::of_name(&format!("smtp-{number}"))
            };
            state.relays.push(PooledRelay::new(Arc::new(route), 4));
        }
        state
    }

    fn fail(state: &mut State, index: usize, now: Instant) {
        let failure = Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused");
        let half_open = state.relays[index].health.begin(now);
        let health = &mut state.relays[index].health;
        health.on_failure(failure, half_open, now, 0);
        health.end(half_open);
    }

    fn enqueue(state: &mut State, queue: &str, many: usize) {
        for _ in 0..many {
            let mut message = QueuedMessage::of(Vec::new());
            message.class = QueueClass {
                queue: queue.into(),
                priority: Priority::Normal,
            };
            state.queue(&queue.into()).push_back(message);
        }
    }

    #[test]
    fn the_first_healthy_relay_takes_the_mail() {
        let (mut state, begun) = (state(&[None, None]), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(state.choose("global", at(0)), Choice::Relay(0));
        fail(&mut state, 0, at(0));
        assert_eq!(state.choose("global", at(0)), Choice::Relay(1), "failover");
        fail(&mut state, 1, at(2));
        let wait = Choice::After(Duration::from_secs(3));
        assert_eq!(state.choose("global", at(2)), wait);
        assert_eq!(state.choose("global", at(5)), Choice::Relay(0), "half-open");
        state.relays[0].health.begin(at(5));
        let wait = Choice::After(Duration::from_secs(2));
        assert_eq!(state.choose("global", at(5)), wait, "it is tried once");
        state.relays[0].health.on_reply(true, at(6));
        assert_eq!(state.choose("global", at(6)), Choice::Relay(0), "again");
    }

    #[test]
    fn mail_of_a_rule_goes_only_through_its_relays() {
        let (mut state, now) = (state(&[None, RULE, RULE]), Instant::now());
        let queue = "domain:example.org";
        assert_eq!(state.choose(queue, now), Choice::Relay(1));
        assert_eq!(state.choose("global", now), Choice::Relay(0));
        fail(&mut state, 1, now);
        assert_eq!(state.choose(queue, now), Choice::Relay(2));
        fail(&mut state, 2, now);
        assert!(matches!(state.choose(queue, now), Choice::After(_)));
        let other = "domain:example.com";
        assert_eq!(
            state.choose(other, now),
            Choice::Relay(0),
            "its rule is gone"
        );
    }

    #[test]
    fn a_relay_at_its_limit_keeps_its_mail() {
        let (mut state, now) = (state(&[None, None]), Instant::now());
        enqueue(&mut state, "global", 9);
        for _ in 0..4 {
            let (_, index) = state.pop_for_new_task(Duration::MAX, now).expect("one");
            assert_eq!(index, 0);
            state.relays[0].health.begin(now);
        }
        assert!(state.pop_for_new_task(Duration::MAX, now).is_none());
        let route = state.relays[1].route.clone();
        assert!(state.pop_for(&route, Duration::MAX, now).is_none());
        let route = state.relays[0].route.clone();
        assert!(state.pop_for(&route, Duration::MAX, now).is_some());
    }

    #[test]
    fn queues_are_served_in_turn_and_those_without_a_relay_released() {
        let (mut state, now) = (state(&[None, RULE]), Instant::now());
        enqueue(&mut state, "global", 3);
        enqueue(&mut state, "domain:example.com", 3);
        enqueue(&mut state, "domain:example.org", 3);
        fail(&mut state, 1, now);
        let mut served = Vec::new();
        while let Some((message, index)) = state.pop_for_new_task(Duration::MAX, now) {
            assert_eq!(index, 0);
            served.push(message.class.queue.trim_start_matches("domain:").to_owned());
        }
        let turn = ["example.com", "global"];
        assert_eq!(served, [turn, turn, turn].concat());
        let stuck = state.drain_stuck_queues(now);
        assert_eq!(stuck.len(), 3);
        assert!(
            stuck
                .iter()
                .all(|message| &*message.class.queue == "domain:example.org")
        );
    }

    #[test]
    fn a_relay_at_its_limit_of_messages_is_followed_by_the_next() {
        let (mut state, now) = (state(&[None, None]), Instant::now());
        let route = Route {
            limits: RelayLimits {
                per_day: Some(2),
                ..RelayLimits::default()
            },
            ..Route::of_name("smtp-0")
        };
        state.relays[0] = PooledRelay::new(Arc::new(route), 4);
        state
            .quotas
            .insert(Scope::Global, RelayQuota::new(Scope::Global));
        state.relays[1] = PooledRelay::new(
            Arc::new(Route {
                scope: Scope::Relay(ulid::Ulid::new()),
                ..Route::of_name("smtp-1")
            }),
            4,
        );
        enqueue(&mut state, "global", 4);
        let mut taken = Vec::new();
        while let Some((_, index)) = state.pop_for_new_task(Duration::MAX, now) {
            taken.push(index);
        }
        assert_eq!(taken, [0, 0, 1, 1]);
        state.relays.truncate(1);
        assert!(matches!(state.choose("global", now), Choice::After(_)));
    }

    #[test]
    fn a_choice_names_the_rule_and_the_relays_before() {
        let (mut state, now) = (state(&[None, RULE, None, RULE]), Instant::now());
        let reason = |state: &State, queue: &str, chosen: usize| {
            let choice = state.choice(queue, chosen, now);
            (choice.relay.clone(), choice.reason(|_| "10:42".to_owned()))
        };
        let named = |relay: &str, reason: &str| (relay.to_owned(), reason.to_owned());
        let rule = "domain:example.org";
        assert_eq!(reason(&state, "global", 0), named("smtp-0", "first"));
        let expected = named("smtp-1", "rule example.org");
        assert_eq!(reason(&state, rule, 1), expected);
        fail(&mut state, 0, now);
        fail(&mut state, 1, now);
        let expected = named("smtp-2", "failover: smtp-0 backs off since 10:42");
        assert_eq!(reason(&state, "global", 2), expected);
        let failover = "rule example.org; failover: smtp-1 backs off since 10:42";
        assert_eq!(reason(&state, rule, 3), named("smtp-3", failover));
        enqueue(&mut state, "global", 1);
        let (message, _) = state.pop_for_new_task(Duration::MAX, now).expect("one");
        let choice = message.choice.expect("a choice");
        assert_eq!(*choice, state.choice("global", 2, now));
    }
}
