//! Several relays: failover and return, From-domain rules, and changes under load.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::account::Role;
use domain::outbox::{BackoffView, MessageView, RecipientState, RelayState};
use domain::settings::PasswordChange;
use domain::settings::relay::{Change, RelayChange};
use domain::{Fault, Stage};
use engine::{Actor, Submission, Submissions};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail, through};
use crate::settings::relays::switched;
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

pub const DOWN: &str = "421 4.3.2 shutting down\r\n";

impl TestEnv {
    /// Adds a relay with these settings, and with a rule for a From domain. Returns its id.
    pub async fn add_relay(&self, admin: &Actor, relay: &Relay, rule: Option<&str>) -> String {
        let name = format!("Relay {}", relay.address.port());
        let id = self.add(admin, &name).await.id;
        if let Some(domain) = rule {
            let change = RelayChange {
                from_domain: Change::Set(domain.to_owned()),
                ..RelayChange::default()
            };
            let changed = self.postern.relays().change(admin, &id, change, None);
            changed.await.expect("a rule");
        }
        let saved = self.save_at(admin, &id, through(relay), PasswordChange::Keep);
        saved.await.expect("saved");
        id
    }

    /// Submits mails with the subjects `first`, `first + 1` … and returns their ids.
    pub async fn submit_numbered(&self, actor: &Actor, first: usize, many: usize) -> Vec<String> {
        self.submit_from(actor, None, first, many).await
    }

    /// Waits until these are delivered, and checks by which relay and for which reason.
    async fn until_delivered_by(&self, admin: &Actor, ids: &[String], relay: &str, reason: &str) {
        for message in self.until_delivered(admin, ids).await {
            let events = message.recipients[0].timeline.iter();
            for choice in events.map(|event| event.choice.as_ref().expect("a choice")) {
                let found = choice.to_string();
                assert_eq!(choice.relay, relay, "{found}");
                assert!(found.starts_with(reason), "{found}");
            }
        }
    }

    async fn submit_from(
        &self,
        actor: &Actor,
        from: Option<&str>,
        first: usize,
        many: usize,
    ) -> Vec<String> {
        let one = |number: usize| Submission {
            from: from.map(str::to_owned),
            ..mail(&["desk@example.net"], &number.to_string())
        };
        let mails = Submissions::Many((first..first + many).map(one).collect());
        let accepted = self.postern.outbox().accept(actor, mails, None).await;
        accepted.expect("accepted").ids
    }
}

impl TestEnv {
    /// Waits until the backoffs of the only worker are as expected.
    async fn until_backoffs(
        &self,
        admin: &Actor,
        expected: impl Fn(&[BackoffView]) -> bool,
    ) -> Vec<BackoffView> {
        wait_for("the backoffs", async || {
            let overview = self.postern.outbox().overview(admin).await.expect("there");
            let shown = overview.workers.into_iter().next();
            let shown = shown.map_or_else(Vec::new, |worker| worker.backoffs);
            if expected(&shown) {
                Ok(shown)
            } else {
                Err(shown)
            }
        })
        .await
    }
}

fn relay() -> Relay {
    Relay::start(RelayScript::pipelining())
}

/// The subjects that relays accepted, each once.
fn subjects(relays: &[&Relay]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for subject in relays.iter().flat_map(|relay| relay.subjects()) {
        let number = subject.parse().expect("a number");
        assert!(found.insert(number), "{number} twice");
    }
    found
}

async fn mail_fails_over_to_the_next_relay_and_returns(env: TestEnv) {
    let (admin, first, second) = (env.admin().await, relay(), relay());
    env.save(&admin, &first).await;
    env.add_relay(&admin, &second, None).await;
    let works = TestWorker::begin(&env, 4);
    let ids = env.submit_numbered(&admin, 0, 20).await;
    env.until_delivered_by(&admin, &ids, "Main relay", "first")
        .await;
    assert_eq!((first.accepted().len(), second.accepted().len()), (20, 0));

    first.reply_to("GREETING", DOWN);
    first.reply_to("MAIL", DOWN);
    let ids = env.submit_numbered(&admin, 20, 20).await;
    for message in env.until_delivered(&admin, &ids).await {
        let row = &message.recipients[0];
        assert_eq!(row.attempts, 1, "no attempt is counted for the first");
        assert_eq!(row.timeline[0].by, second.address.to_string());
    }
    let name = format!("Relay {}", second.address.port());
    let reason = "failover: Main relay backs off since 2";
    env.until_delivered_by(&admin, &ids, &name, reason).await;
    assert_eq!((first.accepted().len(), second.accepted().len()), (20, 20));
    let shown = env.until_backoff(&admin, None).await;
    assert_eq!(shown.relay, first.address.to_string());

    first.reset();
    env.pass(Duration::from_secs(3600));
    let ids = env.submit_numbered(&admin, 40, 20).await;
    env.until_delivered(&admin, &ids).await;
    assert!(first.accepted().len() > 20, "one mail tries it again");
    let ids = env.submit_numbered(&admin, 60, 20).await;
    env.until_delivered(&admin, &ids).await;
    let before = second.accepted().len();
    let ids = env.submit_numbered(&admin, 80, 20).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!(second.accepted().len(), before, "the first is healthy");
    assert_eq!(subjects(&[&first, &second]).len(), 100);
    works.end().await;
}

async fn a_failure_is_shown_between_mails_until_an_attempt_succeeds(env: TestEnv) {
    let (admin, first, second, own) = (env.admin().await, relay(), relay(), relay());
    env.save(&admin, &first).await;
    env.add_relay(&admin, &second, None).await;
    env.add_relay(&admin, &own, Some("news.example")).await;
    let works = TestWorker::begin(&env, 4);
    first.reply_to("GREETING", DOWN);
    let ids = env.submit_numbered(&admin, 0, 5).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!(second.accepted().len(), 5);
    let begun = env.until_backoff(&admin, None).await;
    assert_eq!(begun.state, RelayState::BackingOff);

    env.pass(Duration::from_secs(3600));
    let is_half_open = |backoffs: &[BackoffView]| {
        let mut states = backoffs.iter().map(|backoff| backoff.state);
        states.next() == Some(RelayState::HalfOpen) && backoffs.len() == 1
    };
    let shown = env.until_backoffs(&admin, is_half_open).await;
    assert_eq!(shown[0].relay, first.address.to_string());
    assert!(shown[0].since <= begun.since + Duration::from_secs(1));

    // Mail of another queue neither waits for it nor tries it.
    let tried = first.record().connections;
    let news = env.submit_from(&admin, Some("a@news.example"), 5, 5).await;
    env.until_delivered(&admin, &news).await;
    assert_eq!(
        (own.accepted().len(), first.record().connections),
        (5, tried)
    );
    let shown = env.until_backoffs(&admin, is_half_open).await;
    assert_eq!(shown[0].relay, first.address.to_string());

    // Of several mails one tries it.
    let ids = env.submit_numbered(&admin, 10, 20).await;
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    assert_eq!(first.record().connections, tried + 1);

    first.reset();
    env.pass(Duration::from_secs(3600));
    let ids = env.submit_numbered(&admin, 30, 1).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!(first.accepted().len(), 1, "the next mail tries it again");
    env.until_backoffs(&admin, <[BackoffView]>::is_empty).await;
    works.end().await;
}

async fn a_relay_that_is_renamed_keeps_its_connections_and_its_backoff(env: TestEnv) {
    let (admin, first, news) = (env.admin().await, relay(), relay());
    env.save(&admin, &first).await;
    env.add_relay(&admin, &news, Some("news.example")).await;
    let rename = async |name: &str| {
        let change = RelayChange {
            name: Some(name.to_owned()),
            ..RelayChange::default()
        };
        let relays = env.postern.relays();
        let renamed = relays.change(&admin, "global", change, None).await;
        renamed.expect("renamed");
    };
    let works = TestWorker::begin(&env, 1);
    for number in 0..10 {
        let name = format!("Relay {number}");
        rename(&name).await;
        let ids = env.submit_numbered(&admin, number, 1).await;
        env.until_delivered_by(&admin, &ids, &name, "first").await;
    }
    // One that ends its task while the routes are read is closed.
    let connections = first.record().connections;
    assert!(connections < 5, "{connections} connections for ten mails");

    first.reply_to("GREETING", DOWN);
    first.reply_to("MAIL", DOWN);
    env.submit_numbered(&admin, 10, 1).await;
    let begun = env.until_backoff(&admin, None).await;
    env.pass(Duration::from_secs(2));
    rename("Renamed").await;
    // A worker that delivers has read the new name.
    let ids = env.submit_from(&admin, Some("a@news.example"), 11, 1).await;
    env.until_delivered(&admin, &ids).await;
    env.until_heartbeat().await;
    let shown = env.until_backoff(&admin, None).await;
    let same = shown.since <= begun.since + Duration::from_secs(1);
    assert!(same, "{shown:?} after {begun:?}");
    works.end().await;
}

async fn each_attempt_names_its_relay_and_only_administrators_see_the_name(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    let user = env.sign_in("user@example.org", Role::User).await;
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 1);
    let ids = env.submit_numbered(&user, 0, 1).await;
    env.until(&user, &ids[0], is(RecipientState::Deferred))
        .await;
    relay.reset();
    env.pass(Duration::from_secs(80));
    env.until_delivered_by(&admin, &ids, "Main relay", "first")
        .await;
    let shown = env.postern.outbox().message(&user, &ids[0]).await;
    let timeline = &shown.expect("there").recipients[0].timeline;
    assert_eq!(timeline.len(), 2);
    for event in timeline {
        let choice = event.choice.as_ref().expect("a choice");
        let seen = format!("{}: {choice}", choice.relay);
        assert_eq!(seen, "The organisation's relay: no own relay");
    }
    works.end().await;
}

async fn mail_of_a_from_domain_goes_only_through_its_relays(env: TestEnv) {
    let (admin, general, own) = (env.admin().await, relay(), relay());
    env.save(&admin, &general).await;
    let id = env.add_relay(&admin, &own, Some("News.example")).await;
    own.reply_to("GREETING", DOWN);
    let works = TestWorker::begin(&env, 4);
    let news = env
        .submit_from(&admin, Some("Editor <a@news.EXAMPLE>"), 0, 10)
        .await;
    env.until_backoff(&admin, None).await;
    // The other queue flows meanwhile.
    let others = env.submit_numbered(&admin, 10, 50).await;
    env.until_delivered(&admin, &others).await;
    assert_eq!(general.accepted().len(), 50);
    let waiting = env.postern.outbox().message(&admin, &news[0]).await;
    let row = &waiting.expect("there").recipients[0];
    assert_eq!((row.state, row.attempts), (RecipientState::Queued, 0));
    let waits = |message: &MessageView| !message.waits_for.is_empty();
    let waiting = env.until(&admin, &news[0], waits).await;
    let [relay] = waiting.waits_for.as_slice() else {
        panic!("{waiting:?}");
    };
    assert_eq!(relay.name, format!("Relay {}", own.address.port()));
    assert_eq!(relay.backoff.failure.stage, Stage::Greeting);
    assert!(relay.backoff.cause.is_some(), "{relay:?}");

    own.reset();
    env.pass(Duration::from_secs(60));
    let name = format!("Relay {}", own.address.port());
    env.until_delivered_by(&admin, &news, &name, "rule news.example")
        .await;
    let delivered = env.postern.outbox().message(&admin, &news[0]).await;
    assert!(delivered.expect("there").waits_for.is_empty());
    assert_eq!((general.accepted().len(), own.accepted().len()), (50, 10));

    // Without its rule the domain is like any other.
    env.postern
        .relays()
        .remove(&admin, &id, None)
        .await
        .expect("removed");
    let news = env.submit_from(&admin, Some("a@news.example"), 60, 1).await;
    env.until_delivered(&admin, &news).await;
    assert_eq!(general.accepted().len(), 51);
    works.end().await;
}

async fn a_silent_relay_does_not_delay_other_queues(env: TestEnv) {
    let (admin, general, silent) = (env.admin().await, relay(), relay());
    env.save(&admin, &general).await;
    env.add_relay(&admin, &silent, Some("news.example")).await;
    silent.stall();
    let works = TestWorker::begin(&env, 4);
    let news = env
        .submit_from(&admin, Some("a@news.example"), 0, 400)
        .await;
    silent.wait_for("END", 4).await;
    let others = env.submit_numbered(&admin, 400, 100).await;
    env.until_delivered(&admin, &others).await;
    silent.reset();
    env.until_delivered(&admin, &news).await;
    assert_eq!(subjects(&[&general, &silent]).len(), 500);
    works.end().await;
}

async fn one_of_three_relays_fails_under_load_and_no_mail_is_lost(env: TestEnv) {
    let (admin, relays) = (env.admin().await, [relay(), relay(), relay()]);
    env.save(&admin, &relays[0]).await;
    for relay in &relays[1..] {
        env.add_relay(&admin, relay, None).await;
    }
    let works = TestWorker::begin(&env, 8);
    let mut ids = env.submit_numbered(&admin, 0, 300).await;
    relays[0].wait_for_mails(50).await;
    relays[0].reply_to("MAIL", DOWN);
    relays[0].reply_to("GREETING", DOWN);
    ids.extend(env.submit_numbered(&admin, 300, 300).await);
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    let all: BTreeSet<usize> = (0..600).collect();
    assert_eq!(subjects(&[&relays[0], &relays[1], &relays[2]]), all);
    assert!(!relays[1].accepted().is_empty());
    assert!(relays[2].accepted().is_empty(), "the second is healthy");
    works.end().await;
}

async fn relays_change_under_load(env: TestEnv) {
    let (admin, relays) = (env.admin().await, [relay(), relay(), relay()]);
    env.save(&admin, &relays[0]).await;
    let second = env.add_relay(&admin, &relays[1], None).await;
    let works = TestWorker::begin(&env, 4);
    let mut ids = env.submit_numbered(&admin, 0, 200).await;
    relays[0].wait_for_mails(20).await;
    let list = env.postern.relays();
    let off = list.change(&admin, "global", switched(false), None).await;
    off.expect("switched off");
    relays[1].wait_for_mails(20).await;
    let before = relays[0].accepted().len();
    let moved = env.save_at(&admin, &second, through(&relays[2]), PasswordChange::Keep);
    moved.await.expect("saved");
    relays[2].wait_for_mails(20).await;
    ids.extend(env.submit_numbered(&admin, 200, 20).await);
    env.until_delivered(&admin, &ids).await;
    assert!(
        relays[0].accepted().len() <= before + 4,
        "what was under way"
    );
    let all: BTreeSet<usize> = (0..220).collect();
    assert_eq!(subjects(&[&relays[0], &relays[1], &relays[2]]), all);
    let off = list.change(&admin, &second, switched(false), None).await;
    off.expect("switched off");
    let waits = env.submit_numbered(&admin, 220, 1).await;
    let on = list.change(&admin, "global", switched(true), None).await;
    on.expect("switched on");
    env.until_delivered(&admin, &waits).await;
    works.end().await;
}

async fn a_relay_at_its_limit_of_messages_is_followed_by_the_next(env: TestEnv) {
    let (admin, first, second) = (env.admin().await, relay(), relay());
    env.save(&admin, &first).await;
    let limited = RelayChange {
        per_hour: Change::Set(10),
        max_connections: Change::Set(1),
        ..RelayChange::default()
    };
    let list = env.postern.relays();
    let limited = list.change(&admin, "global", limited, None).await;
    limited.expect("limits");
    let works = TestWorker::begin(&env, 4);
    let ids = env.submit_numbered(&admin, 0, 15).await;
    let shown = env.until_backoff(&admin, None).await;
    assert_eq!(shown.failure.fault, Fault::OwnLimit, "{shown:?}");
    assert!(shown.failure.detail.contains("at most 10 messages an hour"));
    assert_eq!(first.accepted().len(), 10);
    assert_eq!(first.record().connections, 1);
    env.add_relay(&admin, &second, None).await;
    env.until_delivered(&admin, &ids).await;
    let name = format!("Relay {}", second.address.port());
    let (first_ten, last_five) = ids.split_at(10);
    env.until_delivered_by(&admin, first_ten, "Main relay", "first")
        .await;
    let reason = "limit: Main relay at its limit of 10 messages an hour until 2";
    env.until_delivered_by(&admin, last_five, &name, reason)
        .await;
    assert_eq!((first.accepted().len(), second.accepted().len()), (10, 5));
    works.end().await;

    // The count outlives the process, and the hour ends.
    let works = TestWorker::begin(&env, 4);
    let ids = env.submit_numbered(&admin, 15, 5).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!((first.accepted().len(), second.accepted().len()), (10, 10));
    env.pass(Duration::from_secs(2 * 3600));
    let ids = env.submit_numbered(&admin, 20, 5).await;
    env.until_delivered(&admin, &ids).await;
    assert_eq!((first.accepted().len(), second.accepted().len()), (15, 10));
    works.end().await;
}

async fn a_relay_that_takes_nothing_uses_up_no_limit(env: TestEnv) {
    let (admin, relay) = (env.admin().await, relay());
    env.save(&admin, &relay).await;
    let limited = RelayChange {
        per_day: Change::Set(2),
        ..RelayChange::default()
    };
    let list = env.postern.relays();
    let limited = list.change(&admin, "global", limited, None).await;
    limited.expect("limits");
    relay.reply_to("GREETING", DOWN);
    let works = TestWorker::begin(&env, 4);
    let ids = env.submit_numbered(&admin, 0, 1).await;
    for attempts in 1..=5 {
        wait_for("the next attempt", async || {
            let made = relay.record().connections;
            (made >= attempts).then_some(()).ok_or(made)
        })
        .await;
        let shown = env.until_backoff(&admin, None).await;
        assert_ne!(shown.failure.fault, Fault::OwnLimit, "{shown:?}");
        env.pass(Duration::from_secs(600));
    }
    relay.reset();
    env.pass(Duration::from_secs(600));
    env.until_delivered(&admin, &ids).await;
    works.end().await;
}

stories! {
    both {
        mail_fails_over_to_the_next_relay_and_returns;
        a_failure_is_shown_between_mails_until_an_attempt_succeeds;
        a_relay_that_is_renamed_keeps_its_connections_and_its_backoff;
        each_attempt_names_its_relay_and_only_administrators_see_the_name;
        mail_of_a_from_domain_goes_only_through_its_relays;
        a_silent_relay_does_not_delay_other_queues;
        one_of_three_relays_fails_under_load_and_no_mail_is_lost;
        relays_change_under_load;
        a_relay_at_its_limit_of_messages_is_followed_by_the_next;
        a_relay_that_takes_nothing_uses_up_no_limit;
    }
}
