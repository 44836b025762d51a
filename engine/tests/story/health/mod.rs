//! The health of relays: checked at intervals by one node, and its changes reported once.

mod access;
mod mail;
mod readiness;
mod reports;

use std::time::Duration;

use domain::health::{HealthState, HealthView};
use domain::outbox::RecipientState;
use domain::settings::PasswordChange;
use domain::timestamp::DAY;
use domain::{Label, Stage};
use engine::{Actor, Config, Postern};
use testkit::pki::PrivateAuthority;
use testkit::{Relay, RelayScript};
use tokio::sync::oneshot;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, through};
use crate::own_relay::relay;
use crate::wait::wait_for;

pub const CLOSED: &str = "554 5.3.2 closed for maintenance";
pub const MINUTE: Duration = Duration::from_secs(60);

/// The number of checks that a relay answered: delivery sends no NOOP.
pub fn checks(relay: &Relay) -> usize {
    relay.count("NOOP")
}

impl TestEnv {
    /// Has this process make all checks that are due.
    pub async fn check(&self) -> usize {
        self.postern.health().check_due().await.expect("checks")
    }

    /// The health of the first relay that the actor sees.
    pub async fn health(&self, actor: &Actor) -> HealthView {
        let listed = self.postern.health().list(actor).await;
        listed.expect("a list").remove(0)
    }

    /// Lets the time pass until the next check of that relay, and has it made.
    async fn next_check(&self, actor: &Actor) -> HealthView {
        let due = self.health(actor).await.next_check_at.expect("a time");
        self.pass(due.saturating_since(self.clock.now()));
        assert_eq!(self.check().await, 1);
        self.health(actor).await
    }

    /// The state after each of so many further checks.
    pub async fn next_states(&self, actor: &Actor, many: usize) -> Vec<HealthState> {
        let mut states = Vec::new();
        for _ in 0..many {
            states.push(self.next_check(actor).await.state);
        }
        states
    }

    /// The changes of the first relay in the audit log, oldest first.
    async fn changes(&self, admin: &Actor) -> Vec<String> {
        let trail = self.postern.audit().trail(admin, 500).await.expect("a log");
        let changes = trail.into_iter().rev().filter(|entry| {
            let is_change = entry.action == "relay health";
            assert!(!is_change || entry.actor == "Postern", "{entry:?}");
            is_change && entry.detail.starts_with("“Main relay” (global): ")
        });
        let change = |detail: String| {
            let (_, change) = detail.split_once(": ").expect("a relay");
            change.split(", ").next().unwrap_or_default().to_owned()
        };
        changes.map(|entry| change(entry.detail)).collect()
    }

    /// The states in the history of a relay, oldest first.
    pub async fn history(&self, actor: &Actor, id: &str) -> Vec<HealthState> {
        let since = self.clock.now() - 30 * DAY;
        let history = self.postern.health().history(actor, id, since).await;
        let history = history.expect("a history");
        for pair in history.windows(2) {
            assert_eq!(pair[0].until, pair[1].from, "without gaps");
        }
        history.iter().map(|period| period.state).collect()
    }

    /// Another node.
    pub async fn other_node(&self) -> Postern {
        let config = Config {
            browser_key: None,
            ..self.config.clone()
        };
        Postern::open(config).await.expect("opens")
    }
}

async fn a_relay_that_goes_down_and_comes_back_is_reported_once_each(env: TestEnv) {
    use HealthState::{Down, Healthy, Unknown};
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let before = env.health(&admin).await;
    assert_eq!((before.state, before.checked_at), (Unknown, None));
    assert_eq!(before.name, "Main relay");
    assert_eq!(env.check().await, 1, "at once");
    let healthy = env.health(&admin).await;
    assert_eq!((healthy.state, healthy.failure), (Healthy, None));
    assert_eq!(env.check().await, 0, "five minutes later");
    assert_eq!(env.next_states(&admin, 2).await, [Healthy; 2]);
    relay.wait_for_disconnect().await;
    let record = relay.record();
    assert!(record.heard("NOOP") && record.heard("QUIT"));
    assert!(!record.heard("MAIL"));

    relay.reply_to("GREETING", CLOSED);
    let first = env.next_check(&admin).await;
    assert_eq!(first.state, Healthy, "one failure is confirmed first");
    assert_eq!(first.failing_since, first.checked_at);
    let (begun, next) = (first.checked_at, first.next_check_at);
    let (begun, next) = (begun.expect("checked"), next.expect("due"));
    assert!(next.saturating_since(begun) >= Duration::from_secs(20));
    assert!(next.saturating_since(env.clock.now()) <= Duration::from_secs(25));
    let down = env.next_check(&admin).await;
    assert_eq!((down.state, down.since), (Down, begun), "the first failure");
    let failure = down.failure.expect("a failure");
    assert_eq!(failure.stage, Stage::Greeting);
    assert_eq!(failure.reply.as_deref(), Some(CLOSED));
    assert!(!failure.summary.is_empty());
    assert_eq!(env.next_states(&admin, 5).await, [Down; 5]);

    relay.reset();
    assert_eq!(env.next_states(&admin, 3).await, [Down, Down, Healthy]);
    let healthy = env.health(&admin).await;
    assert_eq!((healthy.failing_since, healthy.failure), (None, None));
    assert_eq!(env.next_states(&admin, 5).await, [Healthy; 5]);
    let expected = ["unknown to healthy", "healthy to down", "down to healthy"];
    assert_eq!(env.changes(&admin).await, expected);
    let history = env.history(&admin, "global").await;
    assert_eq!(history, [Unknown, Healthy, Down, Healthy]);

    let (service, now) = (env.postern.health(), env.clock.now());
    assert!(service.now() >= now, "the clock of the engine");
    for (since, expected) in [(now - 30 * DAY, &history[..]), (now, &[Healthy])] {
        let all = service.histories(&admin, since).await.expect("histories");
        let states: Vec<HealthState> = all["global"].iter().map(|period| period.state).collect();
        assert_eq!(states, expected, "since {since}");
    }
}

async fn a_relay_that_fails_every_third_connection_is_degraded_once(env: TestEnv) {
    use HealthState::{Degraded, Healthy};
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    relay.close_every(3);
    assert_eq!(env.check().await, 1);
    let states = env.next_states(&admin, 5).await;
    let [before @ .., last] = &states[..] else {
        panic!("{states:?}");
    };
    assert_eq!((before, *last), (&[Healthy; 4][..], Degraded));
    assert_eq!(env.next_states(&admin, 20).await, [Degraded; 20]);
    let failure = env.health(&admin).await.failure.expect("the last failure");
    assert_eq!(failure.stage, Stage::Greeting);
    relay.reset();
    // What is left of a run of successes counts.
    let mut checks = 0;
    while env.next_check(&admin).await.state == Degraded {
        checks += 1;
        assert!(checks < 10, "healthy after ten successes");
    }
    let expected = [
        "unknown to healthy",
        "healthy to degraded",
        "degraded to healthy",
    ];
    assert_eq!(env.changes(&admin).await, expected);
}

async fn a_relay_with_another_certificate_is_down_until_it_is_trusted(env: TestEnv) {
    use HealthState::{Down, Healthy, Unknown};
    let authority = PrivateAuthority::new();
    let (first, first_pem) = authority.issue(&["relay.test"], 2020, 2999);
    let (second, second_pem) = authority.issue(&["relay.test"], 2020, 2999);
    let script = RelayScript::offering(&["PIPELINING"]).with_starttls(first);
    let (admin, relay) = (env.admin().await, Relay::start(script));
    let trusting = |pem: &str| {
        through(&relay)
            .with(Label::ConnectionType, "TLS")
            .with(Label::CertificateCheck, "Trusted")
            .with(Label::TrustedCertificates, pem)
    };
    let save = async |pem: &str| {
        let saved = env.save_at(&admin, "global", trusting(pem), PasswordChange::Keep);
        saved.await.expect("saved")
    };
    save(&first_pem).await;
    assert_eq!(env.check().await, 1);
    assert_eq!(env.health(&admin).await.state, Healthy);
    relay.change_certificate(second);
    assert_eq!(env.next_states(&admin, 2).await, [Healthy, Down]);
    let failure = env.health(&admin).await.failure.expect("a failure");
    assert_eq!((failure.stage, failure.reply), (Stage::Tls, None));
    save(&second_pem).await;
    let saved = env.health(&admin).await;
    assert_eq!(env.check().await, 1, "new settings are checked at once");
    assert_eq!(env.health(&admin).await.state, Healthy, "after {saved:?}");
    let history = env.history(&admin, "global").await;
    assert_eq!(history, [Unknown, Healthy, Down, Unknown, Healthy]);
}

async fn a_relay_with_another_password_is_not_asked_often(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, relay) = (env.admin().await, relay());
    env.save_signing_in(&admin, &relay, "hunter2").await;
    assert_eq!(env.check().await, 1);
    relay.reply_to("AUTH", "535 5.7.8 authentication failed");
    assert_eq!(env.next_states(&admin, 2).await, [Healthy, Down]);
    let down = env.health(&admin).await;
    let (checked, next) = (down.checked_at, down.next_check_at);
    let (checked, next) = (checked.expect("checked"), next.expect("due"));
    let wait = next.saturating_since(checked);
    assert!(wait >= 30 * MINUTE, "accounts are locked after failures");
    let failure = down.failure.expect("a failure");
    assert_eq!(failure.stage, Stage::Auth);
    assert!(!format!("{failure:?}").contains("hunter2"));
    assert_eq!(env.check().await, 0);

    relay.reset();
    env.save_signing_in(&admin, &relay, "hunter3").await;
    assert_eq!(env.check().await, 1, "new settings are checked at once");
    assert_eq!(env.health(&admin).await.state, Healthy);
    let expected = [
        "unknown to healthy",
        "healthy to down",
        "unknown to healthy",
    ];
    assert_eq!(env.changes(&admin).await, expected);
}

async fn each_relay_is_checked_by_one_of_two_nodes(env: TestEnv) {
    let admin = env.admin().await;
    let relays = [relay(), relay(), relay(), relay()];
    env.save(&admin, &relays[0]).await;
    for (number, relay) in relays.iter().enumerate().skip(1) {
        let id = env.add(&admin, &format!("Relay {number}")).await.id;
        let saved = env.save_at(&admin, &id, through(relay), PasswordChange::Keep);
        saved.await.expect("saved");
    }
    let other = env.other_node().await;
    let both = async || {
        let (one, two) = tokio::join!(env.check(), other.health().check_due());
        one + two.expect("checks")
    };
    let due = async || {
        let listed = env.postern.health().list(&admin).await.expect("a list");
        listed.into_iter().filter_map(|view| view.next_check_at)
    };
    assert_eq!(both().await, relays.len());
    assert_eq!(both().await, 0);
    for round in 1..=3 {
        for relay in &relays {
            assert_eq!(relay.record().connections, round, "by one node");
        }
        let last = due().await.max().expect("a time");
        env.pass(last.saturating_since(env.clock.now()));
        assert_eq!(both().await, relays.len());
    }
    // A change is reported by one of them.
    let state_after_both = async || {
        let due = env.health(&admin).await.next_check_at.expect("a time");
        env.pass(due.saturating_since(env.clock.now()));
        both().await;
        env.health(&admin).await.state
    };
    relays[0].reply_to("GREETING", CLOSED);
    for expected in [HealthState::Healthy, HealthState::Down] {
        assert_eq!(state_after_both().await, expected);
    }
    relays[0].reset();
    for expected in [HealthState::Down, HealthState::Down, HealthState::Healthy] {
        assert_eq!(state_after_both().await, expected);
    }
    let expected = ["unknown to healthy", "healthy to down", "down to healthy"];
    assert_eq!(env.changes(&admin).await, expected);
    // One that died meanwhile.
    env.tamper("UPDATE relay_health SET owner = 'dead' WHERE relay_id = 'global'")
        .await;
    let listed = env.health(&admin).await;
    assert_eq!(listed.next_check_at, None, "a check is under way");
    env.pass(10 * MINUTE);
    assert_eq!(both().await, relays.len(), "after its lease");
    assert_eq!(env.changes(&admin).await, expected);
    other.close().await;
}

async fn many_relays_are_not_checked_at_once(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    for number in 1..=20 {
        let id = env.add(&admin, &format!("Relay {number}")).await.id;
        let saved = env.save_at(&admin, &id, through(&relay), PasswordChange::Keep);
        saved.await.expect("saved");
    }
    let first = env.check().await;
    assert!(first < 5, "{first} at once");
    env.pass(5 * MINUTE);
    assert_eq!(first + env.check().await, 20, "within five minutes");
    assert_eq!(checks(&relay), 20);
    let most = relay.most_connections();
    assert!(most <= 16, "{most} at a time");
}

async fn the_task_checks_a_new_relay_until_it_is_stopped(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    let (stop, stopped) = oneshot::channel::<()>();
    let postern = env.postern.clone();
    let task = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        postern.health().run(stopped).await;
    });
    env.save(&admin, &relay).await;
    let healthy = async || {
        let view = env.health(&admin).await;
        match view.state {
            HealthState::Healthy => Ok(()),
            _ => Err(view),
        }
    };
    wait_for("a healthy relay", healthy).await;
    drop(stop);
    task.await.expect("it ends");
    assert_eq!(checks(&relay), 1);
}

async fn a_relay_with_mail_is_checked_less_often(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    assert_eq!(env.check().await, 1);
    let works = TestWorker::begin(&env, 4);
    let mut connection = env.connection().await;
    // Each round takes 5 to 7 minutes.
    for _ in 0..8 {
        let due = env.health(&admin).await.next_check_at.expect("a time");
        let soon = due - MINUTE;
        env.pass(soon.saturating_since(env.clock.now()));
        let before = env.clock.now();
        let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        env.until(&admin, &id, is(RecipientState::Delivered)).await;
        wait_for("a report of accepted mail", async || {
            let sql = "SELECT COUNT(*) FROM relay_health WHERE mail_at >= $1";
            let query = sqlx::query_scalar(sql).bind(before.0);
            let found: i64 = query.fetch_one(&mut connection).await.expect("a number");
            (found == 1).then_some(()).ok_or(found)
        })
        .await;
        env.next_check(&admin).await;
    }
    assert_eq!(checks(&relay), 2, "half an hour after the first");
    works.end().await;
    env.pass(MINUTE * 5);
    env.next_check(&admin).await;
    assert_eq!(checks(&relay), 3, "without mail");
    assert_eq!(env.changes(&admin).await, ["unknown to healthy"]);
}

async fn a_relay_that_delivery_backs_off_from_is_checked_at_once(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    assert_eq!(env.check().await, 1);
    let works = TestWorker::begin(&env, 4);
    relay.reply_to("GREETING", CLOSED);
    env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    wait_for("a check that is due", async || match env.check().await {
        0 => Err("none is due"),
        _ => Ok(()),
    })
    .await;
    let view = env.health(&admin).await;
    assert!(view.failing_since.is_some(), "{view:?}");
    assert_eq!(env.next_check(&admin).await.state, HealthState::Down);
    works.end().await;
}

stories! {
    both {
        a_relay_that_goes_down_and_comes_back_is_reported_once_each;
        a_relay_that_fails_every_third_connection_is_degraded_once;
        a_relay_with_another_certificate_is_down_until_it_is_trusted;
        a_relay_with_another_password_is_not_asked_often;
        each_relay_is_checked_by_one_of_two_nodes;
        many_relays_are_not_checked_at_once;
        the_task_checks_a_new_relay_until_it_is_stopped;
        a_relay_with_mail_is_checked_less_often;
        a_relay_that_delivery_backs_off_from_is_checked_at_once;
    }
}
