//! A change of the health of a relay from its cause to the webhook and the mail, with two nodes.

use std::collections::HashSet;
use std::time::Duration;

use domain::account::Role;
use domain::health::{HealthState, HealthView};
use domain::settings::PasswordChange;
use domain::{Label, Stage, Timestamp};
use engine::{Actor, Postern};
use serde_json::{Value, json};
use testkit::pki::PrivateAuthority;
use testkit::{AcceptedMail, Relay, RelayScript};

use crate::environment::TestEnv;
use crate::health::mail::text;
use crate::health::{CLOSED, MINUTE};
use crate::outbox::{TestWorker, through};
use crate::own_relay::{own_form, relay};
use crate::settings::relays::switched;
use crate::wait::wait_for;
use crate::webhooks::{answered, claim, event, record};

const URL: &str = "https://hooks.example.org/postern";

/// The administrators.
const ADMINS: [&str; 2] = ["admin@example.org", "night@example.org"];

const DOWN: &str = "Relay Main relay is down";
const DEGRADED: &str = "Relay Main relay fails now and then";
const RECOVERED: &str = "Relay Main relay is healthy again";

/// Two nodes on one database, and what was reported of a relay.
struct TwoNodes {
    env: TestEnv,
    other: Postern,
    /// The relay that changes is the first that this actor sees.
    watcher: Actor,
    /// The events that the webhook took.
    events: Vec<Value>,
    event_ids: HashSet<String>,
    /// The recipients and the subjects of all mails.
    mails: Vec<(&'static str, &'static str)>,
}

impl TwoNodes {
    async fn begin(env: TestEnv, admin: &Actor, watcher: Actor) -> Self {
        env.webhook(admin, URL).await;
        let other = env.other_node().await;
        Self {
            env,
            other,
            watcher,
            events: Vec::new(),
            event_ids: HashSet::new(),
            mails: Vec::new(),
        }
    }

    /// Has both nodes check, mail and send what is due, at the same time. Returns how many relays were
    /// checked.
    async fn work(&mut self) -> usize {
        let (one, two) = tokio::join!(self.env.check(), self.other.health().check_due());
        let checked = one + two.expect("checks");
        let (one, two) = tokio::join!(
            self.env.postern.notifications().send_due_mail(),
            self.other.notifications().send_due_mail(),
        );
        one.and(two).expect("the database answers");
        loop {
            let (mut due, of_other) = tokio::join!(claim(&self.env.postern), claim(&self.other));
            due.extend(of_other);
            if due.is_empty() {
                return checked;
            }
            for attempt in &due {
                assert!(self.event_ids.insert(event(attempt)), "twice");
                let body = serde_json::from_str(attempt.body()).expect("JSON");
                self.events.push(body);
                record(&self.env.postern, attempt, &answered(204)).await;
            }
        }
    }

    async fn health(&self) -> HealthView {
        self.env.health(&self.watcher).await
    }

    /// Lets the time pass until the next check of the relay.
    async fn next_check(&mut self) -> HealthView {
        let due = self.health().await.next_check_at.expect("a time");
        self.env.pass(due.saturating_since(self.env.clock.now()));
        assert!(self.work().await > 0);
        self.health().await
    }

    /// The number of events that the webhook took, and of mails in the outbox.
    async fn reports(&self) -> (usize, i64) {
        let mut connection = self.env.connection().await;
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM message");
        let mails: i64 = query.fetch_one(&mut connection).await.expect("a number");
        (self.events.len(), mails)
    }

    /// Lets the time pass until the relay is in this state. Before that nothing is reported.
    async fn change_to(&mut self, state: HealthState) -> HealthView {
        let before = self.reports().await;
        for _ in 0..20 {
            let view = self.next_check().await;
            if view.state == state {
                return view;
            }
            assert_eq!(self.reports().await, before, "{view:?}");
        }
        panic!("not {state:?} after 20 checks");
    }

    /// Makes so many further checks, which report nothing.
    async fn stays(&mut self, state: HealthState, checks: usize) {
        let before = self.reports().await;
        for _ in 0..checks {
            assert_eq!(self.next_check().await.state, state);
        }
        assert_eq!(self.reports().await, before);
    }

    /// Checks that the newest event is of this kind, and about this change. Returns its time.
    fn event_of(
        &self,
        kind: &str,
        view: &HealthView,
        failing_since: Option<Timestamp>,
    ) -> Timestamp {
        let event = self.events.last().expect("an event");
        let data = &event["data"];
        let failure = view.failure.as_ref();
        for (found, expected) in [
            (&event["type"], json!(kind)),
            (&data["since"], json!(view.since.rfc3339())),
            (&data["relay_id"], json!(view.relay_id)),
            (&data["relay_name"], json!("Main relay")),
            (&data["state"], json!(view.state.as_str())),
            (
                &data["failing_since"],
                json!(failing_since.map(Timestamp::rfc3339)),
            ),
            (
                &data["stage"],
                json!(failure.map(|failure| failure.stage.as_str())),
            ),
            (
                &data["cause"],
                json!(failure.map(|failure| &failure.summary)),
            ),
        ] {
            assert_eq!(*found, expected, "{event}");
        }
        let at = event["timestamp"].as_str().and_then(Timestamp::parse);
        let at = at.expect("a time");
        let checked = view.checked_at.expect("checked");
        // The event has whole seconds.
        assert!(at.0 / 1000 >= checked.0 / 1000, "{event} of {view:?}");
        assert!(at <= self.env.clock.now(), "{event}");
        at
    }

    /// Has the mails delivered, and checks that each of these got one more, with this subject and this
    /// line.
    async fn mailed(
        &mut self,
        relays: &[&Relay],
        to: &[&'static str],
        subject: &'static str,
        line: &str,
    ) {
        self.mails.extend(to.iter().map(|to| (*to, subject)));
        self.mails.sort_unstable();
        let expected = self.mails.len();
        let works = TestWorker::begin(&self.env, 4);
        let mails = wait_for("the mails", async || {
            let accepted = relays.iter().flat_map(|relay| relay.accepted());
            let accepted: Vec<AcceptedMail> = accepted.collect();
            if accepted.len() >= expected {
                Ok(accepted)
            } else {
                Err(accepted.len())
            }
        })
        .await;
        works.end().await;
        let mut found: Vec<(&str, &str)> = mails
            .iter()
            .map(|mail| {
                (
                    mail.to[0].as_str(),
                    mail.header("Subject").unwrap_or("none"),
                )
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, self.mails);
        let stored = self.reports().await.1;
        assert_eq!(usize::try_from(stored), Ok(expected), "in the outbox");
        let with_subject = mails
            .iter()
            .filter(|mail| mail.header("Subject") == Some(subject));
        let texts: Vec<String> = with_subject.map(text).collect();
        let with_line = texts.iter().filter(|text| text.contains(line));
        assert_eq!(with_line.count(), to.len(), "{line} in {texts:#?}");
    }

    /// The first relay changes to a state of failure, which the webhook and each administrator learn.
    async fn fails(&mut self, relays: &[&Relay], state: HealthState, stage: Stage) -> Timestamp {
        let events = self.events.len();
        let view = self.change_to(state).await;
        let failure = view.failure.as_ref().expect("a failure");
        assert_eq!(failure.stage, stage);
        let (kind, subject) = match state {
            HealthState::Degraded => ("relay.degraded", DEGRADED),
            _ => ("relay.down", DOWN),
        };
        let since = view.failing_since.expect("a failure");
        assert_eq!(view.since, since, "from the first failure on");
        self.event_of(kind, &view, Some(since));
        assert_eq!(self.events.len(), events + 1);
        let line = format!("It fails since {since}.");
        self.mailed(relays, &ADMINS, subject, &line).await;
        since
    }

    /// The first relay became healthy, which the webhook and each administrator learn, with the beginning
    /// of the outage.
    async fn recovered(&mut self, relays: &[&Relay], since: Timestamp) {
        let view = self.health().await;
        assert_eq!(view.state, HealthState::Healthy);
        let at = self.event_of("relay.recovered", &view, Some(since));
        let line = format!("It failed from {since} until {at}.");
        self.mailed(relays, &ADMINS, RECOVERED, &line).await;
    }
}

impl TwoNodes {
    /// Switches the first relay on or off, and has both nodes do what is due. Returns how many relays were
    /// checked.
    async fn switch(&mut self, admin: &Actor, on: bool) -> usize {
        let relays = self.env.postern.relays();
        let changed = relays.change(admin, "global", switched(on), None);
        changed.await.expect("switched");
        self.work().await
    }
}

/// Saves settings of the first relay: it signs in over TLS, with a certificate that is trusted.
async fn save(env: &TestEnv, admin: &Actor, relay: &Relay, pem: &str, password: &str) {
    let form = through(relay)
        .with(Label::ConnectionType, "TLS")
        .with(Label::CertificateCheck, "Trusted")
        .with(Label::TrustedCertificates, pem)
        .with(Label::Username, "alerts")
        .with(Label::AuthenticationType, "Plain");
    let password = env.sealed(password).await;
    let saved = env.save_at(admin, "global", form, password);
    saved.await.expect("saved");
}

async fn each_change_is_reported_once_through_another_relay(env: TestEnv) {
    use HealthState::{Degraded, Down, Healthy};
    let authority = PrivateAuthority::new();
    let (first, first_pem) = authority.issue(&["relay.test"], 2020, 2999);
    let (second, second_pem) = authority.issue(&["relay.test"], 2020, 2999);
    let script = RelayScript::pipelining().with_starttls(first);
    let (main, backup) = (Relay::start(script), relay());
    let relays = [&main, &backup];
    let admin = env.admin().await;
    env.sign_in(ADMINS[1], Role::Admin).await;
    save(&env, &admin, &main, &first_pem, "hunter2").await;
    let id = env.add(&admin, "Backup").await.id;
    let saved = env.save_at(&admin, &id, through(&backup), PasswordChange::Keep);
    saved.await.expect("saved");
    let mut nodes = TwoNodes::begin(env, &admin, admin.clone()).await;
    assert_eq!(nodes.work().await, 2);
    let connections = relays.map(|relay| relay.record().connections);
    assert_eq!(connections, [1, 1], "one node checks each");
    assert_eq!(nodes.reports().await, (0, 0), "a relay begins as healthy");

    // It refuses all connections, and then no more.
    main.reply_to("GREETING", CLOSED);
    let since = nodes.fails(&relays, Down, Stage::Greeting).await;
    assert_eq!(backup.accepted().len(), 2, "through the other relay");
    nodes.stays(Down, 10).await;
    main.reset();
    nodes.change_to(Healthy).await;
    nodes.recovered(&relays, since).await;
    nodes.stays(Healthy, 3).await;

    // It fails every third connection, and then none.
    let before = backup.accepted().len();
    main.close_every(3);
    let since = nodes.fails(&relays, Degraded, Stage::Greeting).await;
    assert_eq!(backup.accepted().len(), before + 2, "not through it");
    nodes.stays(Degraded, 10).await;
    main.reset();
    nodes.change_to(Healthy).await;
    nodes.recovered(&relays, since).await;

    // It has another certificate, which an administrator then trusts.
    let before = backup.accepted().len();
    main.change_certificate(second);
    let since = nodes.fails(&relays, Down, Stage::Tls).await;
    assert_eq!(backup.accepted().len(), before + 2);
    save(&nodes.env, &admin, &main, &second_pem, "hunter2").await;
    assert!(nodes.work().await > 0, "at once");
    nodes.recovered(&relays, since).await;

    // It has another password, which an administrator then enters.
    let before = backup.accepted().len();
    main.reply_to("AUTH", "535 5.7.8 authentication failed");
    let since = nodes.fails(&relays, Down, Stage::Auth).await;
    assert_eq!(backup.accepted().len(), before + 2);
    main.reset();
    save(&nodes.env, &admin, &main, &second_pem, "hunter3").await;
    assert!(nodes.work().await > 0, "at once");
    nodes.recovered(&relays, since).await;

    nodes.stays(Healthy, 3).await;
    assert_eq!(nodes.reports().await, (8, 16));
    nodes.other.close().await;
}

async fn an_outage_lasts_while_its_relay_is_switched_off(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, main, backup) = (env.admin().await, relay(), relay());
    env.sign_in(ADMINS[1], Role::Admin).await;
    env.save(&admin, &main).await;
    env.add_relay(&admin, &backup, None).await;
    let relays = [&main, &backup];
    let mut nodes = TwoNodes::begin(env, &admin, admin.clone()).await;
    assert_eq!(nodes.work().await, 2);
    main.reply_to("GREETING", CLOSED);
    let since = nodes.fails(&relays, Down, Stage::Greeting).await;
    let reports = nodes.reports().await;
    assert_eq!(reports, (1, 2));

    // It still fails when it is switched on again.
    nodes.switch(&admin, false).await;
    nodes.env.pass(10 * MINUTE);
    assert!(nodes.work().await > 0, "the other relay");
    assert!(nodes.switch(&admin, true).await > 0, "at once");
    let down = nodes.change_to(Down).await;
    assert_eq!(down.failing_since, Some(since), "as the event says");
    nodes.stays(Down, 3).await;
    assert_eq!(nodes.reports().await, reports, "no second announcement");

    // It works when it is switched on again.
    nodes.switch(&admin, false).await;
    nodes.env.pass(10 * MINUTE);
    nodes.work().await;
    main.reset();
    assert!(nodes.switch(&admin, true).await > 0, "at once");
    nodes.recovered(&relays, since).await;
    nodes.stays(Healthy, 3).await;
    assert_eq!(nodes.reports().await, (2, 4));
    nodes.other.close().await;
}

async fn a_withheld_mail_waits_while_its_relay_is_switched_off(env: TestEnv) {
    use HealthState::Down;
    let (admin, main) = (env.admin().await, relay());
    env.sign_in(ADMINS[1], Role::Admin).await;
    env.save(&admin, &main).await;
    let mut nodes = TwoNodes::begin(env, &admin, admin.clone()).await;
    assert_eq!(nodes.work().await, 1);
    main.reply_to("GREETING", CLOSED);
    let since = nodes.change_to(Down).await.failing_since;
    let since = since.expect("a failure");
    assert_eq!(nodes.switch(&admin, false).await, 0);
    nodes.env.pass(10 * MINUTE);
    assert_eq!(nodes.work().await, 0);
    main.reset();
    assert_eq!(nodes.switch(&admin, true).await, 1, "at once");
    nodes.recovered(&[&main], since).await;
    let stage = format!("Stage: {}", Stage::Greeting.title());
    for mail in main.accepted() {
        assert!(text(&mail).contains(&stage), "{stage} in {}", text(&mail));
    }
    assert_eq!(nodes.reports().await, (2, 2));
    nodes.other.close().await;
}

async fn a_failure_without_another_relay_is_mailed_with_the_recovery(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, main, news) = (env.admin().await, relay(), relay());
    env.sign_in(ADMINS[1], Role::Admin).await;
    env.save(&admin, &main).await;
    // Mail from other domains does not leave through it.
    env.add_relay(&admin, &news, Some("news.example")).await;
    env.add(&admin, "Without settings").await;
    let mut nodes = TwoNodes::begin(env, &admin, admin.clone()).await;
    assert_eq!(nodes.work().await, 2);
    main.reply_to("GREETING", CLOSED);
    let down = nodes.change_to(Down).await;
    nodes.event_of("relay.down", &down, down.failing_since);
    nodes.stays(Down, 12).await;
    assert_eq!(nodes.reports().await, (1, 0), "no relay takes the mail");

    main.reset();
    nodes.change_to(Healthy).await;
    let since = down.failing_since.expect("a failure");
    nodes.recovered(&[&main], since).await;
    let stage = format!("Stage: {}", Stage::Greeting.title());
    for mail in main.accepted() {
        assert!(text(&mail).contains(&stage), "{stage} in {}", text(&mail));
    }
    nodes.stays(Healthy, 3).await;
    assert!(news.accepted().is_empty());
    assert_eq!(nodes.reports().await, (2, 2));
    nodes.other.close().await;
}

async fn a_change_of_an_own_relay_is_mailed_to_its_account_alone(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, user) = (env.admin().await, env.user().await);
    env.sign_in("eve@example.org", Role::User).await;
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let mut nodes = TwoNodes::begin(env, &admin, user).await;
    assert_eq!(nodes.work().await, 2);
    let to = ["ann@example.org"];
    let relays = [&organisation, &own];

    own.reply_to("GREETING", CLOSED);
    let since = nodes.change_to(Down).await.failing_since;
    let since = since.expect("a failure");
    let line = format!("It fails since {since}.");
    nodes
        .mailed(&relays, &to, "Your relay is down", &line)
        .await;
    nodes.stays(Down, 3).await;
    own.reset();
    nodes.change_to(Healthy).await;
    let line = format!("It failed from {since} until ");
    nodes
        .mailed(&relays, &to, "Your relay is healthy again", &line)
        .await;
    nodes.stays(Healthy, 3).await;
    assert_eq!(
        organisation.accepted().len(),
        2,
        "not through the own relay"
    );
    assert_eq!(nodes.reports().await, (0, 2), "no event");
    nodes.other.close().await;
}

async fn a_withheld_mail_about_an_own_relay_that_is_removed_is_dropped(env: TestEnv) {
    use HealthState::{Down, Healthy};
    let (admin, user) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&user, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    organisation.reply_to("GREETING", CLOSED);
    let mut nodes = TwoNodes::begin(env, &admin, user.clone()).await;
    assert_eq!(nodes.work().await, 2);
    nodes.env.pass(Duration::from_secs(25));
    assert_eq!(nodes.work().await, 1, "the confirmation");
    assert_eq!(nodes.env.health(&admin).await.state, Down);
    own.reply_to("GREETING", CLOSED);
    nodes.change_to(Down).await;
    assert_eq!(nodes.reports().await, (1, 0), "no relay takes a mail");

    let settings = nodes.env.postern.settings().of_account(&user);
    let removed = settings.expect("an account").remove(&user).await;
    assert_eq!(removed, Ok(true));
    organisation.reset();
    nodes.watcher = admin;
    nodes.change_to(Healthy).await;
    nodes.stays(Healthy, 3).await;
    assert_eq!(nodes.reports().await, (2, 1), "to the administrator alone");
    nodes.other.close().await;
}

stories! {
    both {
        each_change_is_reported_once_through_another_relay;
        an_outage_lasts_while_its_relay_is_switched_off;
        a_withheld_mail_waits_while_its_relay_is_switched_off;
        a_failure_without_another_relay_is_mailed_with_the_recovery;
        a_change_of_an_own_relay_is_mailed_to_its_account_alone;
        a_withheld_mail_about_an_own_relay_that_is_removed_is_dropped;
    }
}
