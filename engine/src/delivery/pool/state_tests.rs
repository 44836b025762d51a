//! Tests of the state of a pool: which relay takes which message.

use domain::outbox::Priority;
use domain::settings::relay::RelayLimits;
use domain::{Failure, Fault, Stage};

use super::*;
use crate::store::messages::flows::avoiding;

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
    let half_open = state.relays[index].circuit.begin(now);
    let circuit = &mut state.relays[index].circuit;
    circuit.on_failure(failure, half_open, now, 0);
    circuit.end(half_open);
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

/// The local queue for mail of a queue that is pinned to a relay.
fn pinned(queue: &str, relay: &str) -> Arc<str> {
    let class = QueueClass {
        queue: queue.into(),
        priority: Priority::Normal,
    };
    class.pinned_to(relay).queue
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
    state.relays[0].circuit.begin(at(5));
    let wait = Choice::After(Duration::from_secs(2));
    assert_eq!(state.choose("global", at(5)), wait, "it is tried once");
    state.relays[0].circuit.on_reply(true, at(6));
    assert_eq!(state.choose("global", at(6)), Choice::Relay(0), "again");
}

#[test]
fn mail_that_may_have_arrived_is_pinned_to_its_relay() {
    let (mut state, now) = (state(&[None, None, RULE]), Instant::now());
    let pinned = |relay: &str| pinned("global", relay);
    let queue = pinned("smtp-0");
    assert_eq!(state.choose(&queue, now), Choice::Relay(0));
    let reason = state.choice(&queue, 0, now).to_string();
    assert_eq!(reason, "it may have arrived there");
    fail(&mut state, 0, now);
    assert_eq!(state.choose("global", now), Choice::Relay(1));
    assert!(matches!(state.choose(&queue, now), Choice::After(_)));
    // Also one behind others that are healthy.
    assert_eq!(state.choose(&pinned("smtp-1"), now), Choice::Relay(1));
    for gone in ["smtp-2", "smtp-9"] {
        let queue = pinned(gone);
        assert_eq!(state.choose(&queue, now), Choice::Relay(1), "{gone}");
        let reason = state.choice(&queue, 1, now).to_string();
        assert!(reason.starts_with("failover: smtp-0"), "{reason}");
    }
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
fn mail_avoids_relays_where_others_take_it() {
    let (mut state, now) = (State::new(Clock::default()), Instant::now());
    let ids = [
        "global",
        "01JD0000000000000000000001",
        "01JD0000000000000000000002",
    ];
    for (number, id) in ids.iter().enumerate() {
        let route = Route {
            scope: Scope::of_relay(id).expect("an id"),
            ..Route::of_name(&format!("smtp-{number}"))
        };
        state.relays.push(PooledRelay::new(Arc::new(route), 4));
    }
    let avoided = ids.map(str::to_owned);
    let queue = avoiding("global".into(), &avoided[..2]);
    assert_eq!(state.choose(&queue, now), Choice::Relay(2));
    let reason = state.choice(&queue, 2, now).to_string();
    let expected = "failover: smtp-0 fails its checks, smtp-1 fails its checks";
    assert_eq!(reason, expected);
    fail(&mut state, 2, now);
    assert_eq!(state.choose(&queue, now), Choice::Relay(0), "no other");
    let reason = state.choice(&queue, 0, now).to_string();
    assert!(reason.starts_with("failover: smtp-2 backs off"), "{reason}");
    assert_eq!(state.choose("global", now), Choice::Relay(0));
    assert_eq!(state.choice("global", 0, now).to_string(), "first");
    // The first relay is behind the second one here.
    let avoided = [1, 0].map(|index| ids[index].to_owned());
    let queue = avoiding("global".into(), &avoided);
    assert_eq!(state.choose(&queue, now), Choice::Relay(1), "no other");
    let reason = state.choice(&queue, 1, now).to_string();
    assert!(reason.contains("smtp-0 fails its checks"), "{reason}");
    fail(&mut state, 1, now);
    assert_eq!(state.choose(&queue, now), Choice::Relay(0), "the last");
    let reason = state.choice(&queue, 0, now).to_string();
    assert!(!reason.contains("fails its checks"), "{reason}");
}

#[test]
fn a_relay_at_its_limit_keeps_its_mail() {
    let (mut state, now) = (state(&[None, None]), Instant::now());
    enqueue(&mut state, "global", 9);
    for _ in 0..4 {
        let (_, index) = state.pop_for_new_task(Duration::MAX, now).expect("one");
        assert_eq!(index, 0);
        state.relays[0].circuit.begin(now);
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
    let mut popped = Vec::new();
    while let Some(found) = state.pop_for_new_task(Duration::MAX, now) {
        popped.push(found);
    }
    let taken: Vec<usize> = popped.iter().map(|(_, index)| *index).collect();
    assert_eq!(taken, [0, 0, 1, 1]);
    // One that was not tried leaves its place to another.
    enqueue(&mut state, "global", 1);
    let (requeued, index) = popped.into_iter().next().expect("the first");
    assert_eq!(index, 0);
    state.requeue(requeued);
    for expected in [0, 1] {
        let popped = state.pop_for_new_task(Duration::MAX, now);
        assert_eq!(popped.map(|(_, index)| index), Some(expected));
    }
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
    let chosen = (choice.relay.clone(), choice.reason(|_| "10:42".to_owned()));
    assert_eq!(chosen, reason(&state, "global", 2));
}

/// Adds the own relays of accounts with these numbers.
fn add_own(state: &mut State, accounts: impl IntoIterator<Item = u128>) {
    for account in accounts {
        let scope = Scope::Account(ulid::Ulid(account));
        let route = Route {
            scope,
            ..Route::of_name(&format!("own-{account}"))
        };
        state.own.insert(scope, state.relays.len());
        state.relays.push(PooledRelay::new(Arc::new(route), 20));
    }
}

fn own_queue(account: u128) -> String {
    Scope::Account(ulid::Ulid(account)).to_string()
}

#[test]
fn the_own_relay_of_an_account_comes_before_those_of_the_organisation() {
    let (mut state, now) = (state(&[None, RULE]), Instant::now());
    add_own(&mut state, [1, 2]);
    assert_eq!(state.choose("global", now), Choice::Relay(0));
    assert_eq!(state.choose(&own_queue(1), now), Choice::Relay(2));
    assert_eq!(state.choose(&own_queue(2), now), Choice::Relay(3));
    let removed = own_queue(3);
    assert_eq!(state.choose(&removed, now), Choice::Relay(0), "it is gone");
    fail(&mut state, 2, now);
    assert_eq!(
        state.choose(&own_queue(1), now),
        Choice::Relay(0),
        "failover"
    );
    let of_rule = format!("{}/example.org", own_queue(1));
    assert_eq!(state.choose(&of_rule, now), Choice::Relay(1), "by rule");
    let choice = state.choice(&own_queue(1), 0, now);
    let reason = choice.reason(|_| "10:42".to_owned());
    assert_eq!(reason, "failover: Own relay backs off since 10:42");
    assert!(choice.skipped[0].own && !choice.own);
    assert!(state.choice(&own_queue(2), 3, now).own);
    state.fallback = false;
    let waits = state.choose(&own_queue(1), now);
    assert!(matches!(waits, Choice::After(_)), "{waits:?}");
    assert_eq!(state.choose(&own_queue(2), now), Choice::Relay(3));
}

#[test]
fn mail_of_an_account_that_is_pinned_to_a_relay_takes_the_turns_of_accounts() {
    let (mut state, now) = (state(&[None]), Instant::now());
    add_own(&mut state, [1, 2]);
    enqueue(&mut state, "global", 4);
    enqueue(&mut state, &own_queue(1), 2);
    enqueue(&mut state, &pinned(&own_queue(2), "own-2"), 2);
    let mut taken = Vec::new();
    while let Some((_, index)) = state.pop_for_new_task(Duration::MAX, now) {
        taken.push(index);
    }
    assert_eq!(taken, [1, 0, 2, 0, 1, 0, 2, 0]);
}

#[test]
fn a_thousand_own_relays_share_the_connections_in_turn() {
    let (mut state, now) = (state(&[None]), Instant::now());
    add_own(&mut state, 0..1000);
    for account in 0..1000 {
        enqueue(&mut state, &own_queue(account), 2);
    }
    enqueue(&mut state, "global", 1);
    let (mut organisation, mut taken) = (0, Vec::new());
    while let Some((_, index)) = state.pop_for_new_task(Duration::MAX, now) {
        state.relays[index].circuit.begin(now);
        match state.relays[index].route.scope.is_own() {
            true => {
                state.own_tasks += 1;
                taken.push(index);
            }
            false => organisation += 1,
        }
    }
    assert_eq!(organisation, 1, "they leave room for the organisation");
    assert_eq!(taken.len(), OWN_CONNECTIONS);
    taken.dedup();
    assert_eq!(taken.len(), OWN_CONNECTIONS, "one each");
    state.own_tasks -= 1;
    let next = state.pop_for_new_task(Duration::MAX, now).expect("another");
    assert!(!taken.contains(&next.1), "the next account");
    let route = state.relays[taken[0]].route.clone();
    assert!(state.pop_for(&route, Duration::MAX, now).is_some());
    assert!(state.pop_for(&route, Duration::MAX, now).is_none());
    assert!(state.is_queue_empty(&own_queue(0)));
}
