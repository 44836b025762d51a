//! Home: since when mail can leave, after a pause, an outage, or a time without delivery.

use std::time::Duration;

use domain::Timestamp;
use domain::account::Role;
use domain::health::HealthState;
use domain::home::{HomeFacts, MailStatus};
use domain::outbox::RecipientState;
use domain::timestamp::DAY;
use engine::Actor;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::health::CLOSED;
use crate::home::is_stopped;
use crate::outbox::{TestWorker, is};
use crate::wait::wait_for;

/// Less than [`GONE`].
const SHORT: Duration = Duration::from_secs(1);

/// The time after which a process without a heartbeat is gone.
const GONE: Duration = Duration::from_secs(20);

impl TestEnv {
    /// An administrator and a user, with a relay that was found healthy.
    async fn with_healthy_relay(&self) -> (Relay, [Actor; 2]) {
        let (admin, relay) = (self.admin().await, Relay::start(RelayScript::pipelining()));
        self.save(&admin, &relay).await;
        assert_eq!(self.check().await, 1);
        let user = self.sign_in("user@example.org", Role::User).await;
        self.pass(SHORT);
        (relay, [admin, user])
    }

    /// Since when mail can leave, once so many processes deliver.
    async fn since_when_delivered_by(&self, actor: &Actor, processes: usize) -> Timestamp {
        let outbox = self.postern.outbox();
        wait_for("the processes", async || {
            let overview = outbox.overview(actor).await.expect("an overview");
            let workers = overview.workers;
            (workers.len() == processes).then_some(()).ok_or(workers)
        })
        .await;
        self.leaves_since(actor).await
    }

    /// Since when mail can leave.
    async fn leaves_since(&self, actor: &Actor) -> Timestamp {
        match self.mail_status(actor).await {
            MailStatus::Running { since: Some(since) } => since,
            other => panic!("{other:?}"),
        }
    }

    /// The row of another process that delivers for good, since 1970.
    async fn add_foreign_worker(&self) {
        self.tamper(
            "INSERT INTO worker (id, host, seen_at, connections, per_minute, relays, delivering_since) \
             VALUES ('other', 'other', 4102444800000, 0, 0, 1, 0)",
        )
        .await;
    }
}

async fn mail_can_leave_since_a_pause_ended(env: TestEnv) {
    let (_relay, actors) = env.with_healthy_relay().await;
    let [admin, _] = &actors;
    let works = TestWorker::begin(&env, 1);
    env.since_when_delivered_by(admin, 1).await;
    let outbox = env.postern.outbox();
    outbox.pause_delivery(admin, true).await.expect("paused");
    env.pass(SHORT);
    let before = env.clock.now();
    outbox.pause_delivery(admin, false).await.expect("resumed");
    let after = env.clock.now();
    env.pass(SHORT);
    // There is no pause that this would end.
    outbox.pause_delivery(admin, false).await.expect("runs");
    for actor in &actors {
        let since = env.leaves_since(actor).await;
        assert!((before..=after).contains(&since), "{since:?}");
    }
    works.end().await;
}

async fn mail_can_leave_since_a_process_delivers(env: TestEnv) {
    let (_relay, actors) = env.with_healthy_relay().await;
    let [admin, _] = &actors;
    for _ in 0..2 {
        let before = env.clock.now();
        let works = TestWorker::begin(&env, 1);
        let first = env.since_when_delivered_by(admin, 1).await;
        let after = env.clock.now();
        assert!((before..=after).contains(&first), "{first:?}");
        env.pass(SHORT);
        env.until_heartbeat().await;
        for actor in &actors {
            assert_eq!(env.leaves_since(actor).await, first);
        }
        works.end().await;
        assert_eq!(env.mail_status(admin).await, MailStatus::NoWorker);
        env.pass(DAY);
    }

    // A process that was away for longer than its heartbeats count begins again.
    let works = TestWorker::begin(&env, 1);
    env.since_when_delivered_by(admin, 1).await;
    env.pass(DAY);
    let before = env.clock.now();
    let since = env.since_when_delivered_by(admin, 1).await;
    assert!(since >= before, "{since:?}");
    works.end().await;
}

async fn mail_can_leave_since_no_process_holds_it(env: TestEnv) {
    let (_relay, [admin, _]) = env.with_healthy_relay().await;
    env.add_foreign_worker().await;
    let holds = env.process_that_holds().await;
    let status = env.mail_status(&admin).await;
    assert_eq!(status, MailStatus::Paused { since: None });
    env.pass(SHORT);
    let before = env.clock.now();
    holds.close().await;
    let closed = env.leaves_since(&admin).await;
    assert!((before..=env.clock.now()).contains(&closed), "{closed:?}");

    // The hold of a process that is killed expires with its heartbeat.
    env.pass(SHORT);
    let before = env.clock.now();
    drop(env.process_that_holds().await);
    let after = env.clock.now();
    env.pass(GONE + SHORT);
    let expired = env.leaves_since(&admin).await;
    let range = before + GONE..=after + GONE;
    assert!(range.contains(&expired), "{expired:?}");
    let works = TestWorker::begin(&env, 1);
    assert_eq!(env.since_when_delivered_by(&admin, 2).await, expired);
    works.end().await;
}

async fn a_process_that_takes_over_leaves_no_gap(env: TestEnv) {
    let (_relay, [admin, _]) = env.with_healthy_relay().await;
    let works = TestWorker::begin(&env, 1);
    let since = env.since_when_delivered_by(&admin, 1).await;
    env.tamper(
        "INSERT INTO worker (id, host, seen_at, connections, per_minute, relays, delivering_since) \
         SELECT 'other', host, seen_at + 3600000, 0, 0, 1, delivering_since FROM worker",
    )
    .await;
    works.end().await;
    env.pass(SHORT);
    let works = TestWorker::begin(&env, 1);
    assert_eq!(env.since_when_delivered_by(&admin, 2).await, since);
    env.tamper("DELETE FROM worker WHERE id = 'other'").await;
    assert_eq!(env.since_when_delivered_by(&admin, 1).await, since);
    works.end().await;
}

async fn mail_can_leave_since_the_relay_for_all_mail_is_healthy(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (relay, [admin, user]) = env.with_healthy_relay().await;
    env.add_foreign_worker().await;
    let first = env.health(&admin).await.since;
    assert_eq!(env.leaves_since(&admin).await, first);

    relay.reply_to("GREETING", CLOSED);
    assert_eq!(env.next_states(&admin, 2).await, [Healthy, Down]);
    let down = env.health(&admin).await.since;
    let status = env.mail_status(&admin).await;
    assert_eq!((status.can_leave(), status.since()), (false, Some(down)));

    relay.reset();
    assert_eq!(env.next_states(&admin, 3).await, [Down, Down, Healthy]);
    let healthy = env.health(&admin).await.since;
    assert!(healthy > down, "{healthy:?}");
    for actor in [&admin, &user] {
        assert_eq!(env.leaves_since(actor).await, healthy);
    }
}

async fn mail_can_leave_since_the_relay_takes_it_again(env: TestEnv) {
    let (relay, actors) = env.with_healthy_relay().await;
    let [admin, _] = &actors;
    // Checks send no MAIL, and find nothing.
    relay.reply_to("MAIL", "535 5.7.8 who are you");
    let works = TestWorker::begin(&env, 1);
    env.submit_mail(admin, &["desk@example.net"], "Fire").await;
    env.until_home(admin, is_stopped).await;
    relay.reset();
    let before = env.clock.now();
    // Its backoff is over then.
    env.pass(GONE / 2);
    let id = env.submit_mail(admin, &["desk@example.net"], "Out").await;
    env.until(admin, &id, is(RecipientState::Delivered)).await;
    let runs = |facts: &HomeFacts| matches!(MailStatus::of(facts), MailStatus::Running { .. });
    for actor in &actors {
        let facts = env.until_home(actor, runs).await;
        let since = MailStatus::of(&facts).since();
        assert!(since >= Some(before), "{facts:?}");
    }
    works.end().await;
}

stories! {
    both {
        mail_can_leave_since_a_pause_ended;
        mail_can_leave_since_a_process_delivers;
        mail_can_leave_since_no_process_holds_it;
        a_process_that_takes_over_leaves_no_gap;
        mail_can_leave_since_the_relay_for_all_mail_is_healthy;
        mail_can_leave_since_the_relay_takes_it_again;
    }
}
