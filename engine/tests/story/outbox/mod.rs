//! Acceptance and delivery, and the helpers of all outbox stories.

mod acting;
mod counting;
mod feed;
mod holding;
mod local_leases;
mod open_tracking;
mod searching;
mod suppressing;

use std::time::{Duration, Instant};

use domain::outbox::{BackoffView, EventKind, MessageView, RecipientState, SuppressionSearch};
use domain::settings::PasswordChange;
use domain::{Form, Label};
use engine::{Actor, DeliveryConfig, Retention, Submission, Submissions};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::environment::TestEnv;
use crate::wait::{wait_for, within};
use testkit::{Relay, RelayScript};

/// How the worker of a story delivers.
#[derive(Clone, Copy)]
pub struct WorkerLimits {
    pub connections: usize,
    pub in_doubt: usize,
    /// How soon a lease ends after its last renewal.
    pub lease: Duration,
    /// How long the worker waits for attempts under way when it stops.
    pub grace: Duration,
}

impl WorkerLimits {
    pub fn connections(connections: usize) -> Self {
        Self {
            connections,
            in_doubt: 64,
            lease: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// A worker of the story.
pub struct TestWorker {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl TestWorker {
    pub fn begin(env: &TestEnv, connections: usize) -> Self {
        Self::with(env, WorkerLimits::connections(connections))
    }

    /// A worker that waits so long for attempts under way when it stops.
    pub fn with_grace(env: &TestEnv, connections: usize, grace: Duration) -> Self {
        let limits = WorkerLimits::connections(connections);
        Self::with(env, WorkerLimits { grace, ..limits })
    }

    /// A worker whose leases end so soon after their last renewal.
    pub fn with_lease(env: &TestEnv, connections: usize, lease: Duration) -> Self {
        let limits = WorkerLimits::connections(connections);
        Self::with(env, WorkerLimits { lease, ..limits })
    }

    pub fn with(env: &TestEnv, limits: WorkerLimits) -> Self {
        let postern = env.postern.clone();
        let (stop, stopped) = oneshot::channel();
        let config = DeliveryConfig {
            connections: limits.connections,
            in_doubt: limits.in_doubt,
            lease: limits.lease,
            retention: Retention {
                bodies: Duration::from_secs(7 * 86_400),
                rows: Duration::from_secs(90 * 86_400),
                suppressions: Duration::from_secs(180 * 86_400),
                audit: Duration::from_secs(400 * 86_400),
            },
        };
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            postern.delivery().run(config, limits.grace, stopped).await;
        });
        Self {
            stop: Some(stop),
            task,
        }
    }

    pub async fn end(mut self) {
        drop(self.stop.take());
        let ended = within("the worker to end", self.task).await;
        ended.expect("it ends");
    }
}

pub fn mail(to: &[&str], subject: &str) -> Submission {
    Submission {
        to: to.iter().map(|to| (*to).to_owned()).collect(),
        subject: Some(subject.to_owned()),
        text: Some("Hello.".to_owned()),
        ..Submission::default()
    }
}

pub fn through(relay: &Relay) -> Form {
    Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Host, "127.0.0.1")
        .with(Label::Port, &relay.address.port().to_string())
        .with(Label::ConnectTimeout, "10")
        .with(Label::CommandTimeout, "10")
}

impl TestEnv {
    pub async fn save(&self, admin: &Actor, relay: &Relay) {
        self.postern
            .settings()
            .save(admin, through(relay), PasswordChange::Keep, None)
            .await
            .expect("saves");
    }

    /// As [`TestEnv::save`], signing in with this password.
    pub async fn save_signing_in(&self, admin: &Actor, relay: &Relay, password: &str) {
        let form = through(relay)
            .with(Label::Username, "alerts")
            .with(Label::AuthenticationType, "Plain")
            .with(Label::PlaintextAuth, "1");
        let password = self.sealed(password).await;
        self.postern
            .settings()
            .save(admin, form, password, None)
            .await
            .expect("saves");
    }

    pub async fn submit_mail(&self, actor: &Actor, to: &[&str], subject: &str) -> String {
        let submissions = Submissions::One(Box::new(mail(to, subject)));
        let ids = self.postern.outbox().accept(actor, submissions, None).await;
        ids.expect("accepted").ids.remove(0)
    }

    /// A message that the actor sees.
    pub async fn message(&self, actor: &Actor, id: &str) -> MessageView {
        let message = self.postern.outbox().message(actor, id).await;
        message.expect("there")
    }

    /// Waits until a message is as expected.
    pub async fn until(
        &self,
        actor: &Actor,
        id: &str,
        expected: impl Fn(&MessageView) -> bool,
    ) -> MessageView {
        wait_for("a message as expected", async || {
            let message = self.message(actor, id).await;
            if expected(&message) {
                Ok(message)
            } else {
                Err(message)
            }
        })
        .await
    }

    /// Waits until each of these was delivered to all its recipients.
    pub async fn until_delivered<'a>(
        &self,
        actor: &Actor,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> Vec<MessageView> {
        let mut messages = Vec::new();
        for id in ids {
            messages.push(self.until(actor, id, is(RecipientState::Delivered)).await);
        }
        messages
    }

    /// Waits until the overview shows a backoff of the relay, and another one than `known`.
    pub async fn until_backoff(&self, actor: &Actor, known: Option<&BackoffView>) -> BackoffView {
        // The same one can differ by a millisecond in each heartbeat.
        let next = known.map(|known| known.next + Duration::from_secs(1));
        wait_for("a backoff of the relay", async || {
            let overview = self.postern.outbox().overview(actor).await.expect("there");
            let mut shown = overview.workers.iter();
            let shown = shown.find_map(|worker| worker.backoffs.first().cloned());
            let found = shown.filter(|shown| Some(shown.next) > next);
            found.ok_or(overview.workers)
        })
        .await
    }

    /// Waits for the next heartbeat of a worker: what it would have sent by then is sent.
    pub async fn until_heartbeat(&self) {
        let mut connection = self.connection().await;
        let now = self.clock.now();
        wait_for("a heartbeat", async || {
            let query = sqlx::query_scalar("SELECT COUNT(*) FROM worker WHERE seen_at > $1");
            let found = query.bind(now.0).fetch_one(&mut connection).await;
            let number: i64 = found.expect("a number");
            (number > 0).then_some(()).ok_or(number)
        })
        .await;
    }

    /// As [`TestEnv::until`], also for messages that are deleted.
    pub async fn until_found(
        &self,
        actor: &Actor,
        id: &str,
        expected: impl Fn(Option<&MessageView>) -> bool,
    ) {
        wait_for("a message as expected, or none", async || {
            let message = self.postern.outbox().message(actor, id).await.ok();
            let done = expected(message.as_ref());
            if done { Ok(()) } else { Err(message) }
        })
        .await;
    }
}

/// Whether a message is in this state for all its recipients.
pub fn is(state: RecipientState) -> impl Fn(&MessageView) -> bool {
    move |message| message.recipients.iter().all(|row| row.state == state)
}

pub fn states(message: &MessageView) -> Vec<RecipientState> {
    message.recipients.iter().map(|row| row.state).collect()
}

async fn submitted_mail_is_delivered_with_events_and_counts(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let id = env
        .submit_mail(&admin, &["desk@example.net", "ops@example.net"], "Fire")
        .await;
    let taken = relay.wait_for_mails(1).await;
    assert_eq!(taken[0].from, "alerts@example.org");
    assert_eq!(taken[0].to, ["desk@example.net", "ops@example.net"]);
    assert!(taken[0].data.contains("Subject: Fire\r\n"));
    let done = |message: &MessageView| states(message) == [RecipientState::Delivered; 2];
    let message = env.until(&admin, &id, done).await;
    let timeline = &message.recipients[0].timeline;
    assert_eq!(timeline.len(), 1);
    assert_eq!(
        (timeline[0].kind, timeline[0].reply.as_str()),
        (EventKind::Delivered, "250 2.0.0 queued")
    );
    assert_eq!(message.by, "admin@example.org");
    works.end().await;
}

async fn the_rate_counts_deliveries_of_the_last_seconds(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let rate = async || {
        let overview = env.postern.outbox().overview(&admin).await.expect("there");
        overview.workers.first().map(|worker| worker.per_minute)
    };
    let shows = async |expected: i64| {
        wait_for("a rate", async || match rate().await {
            Some(shown) if shown == expected => Ok(()),
            other => Err(other),
        })
        .await;
    };
    shows(0).await;
    for expected in 1..=2 {
        let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
        env.until(&admin, &id, is(RecipientState::Delivered)).await;
        let delivered = Instant::now();
        shows(expected).await;
        // A worker without deliveries sends its heartbeat every 5 s.
        let age = delivered.elapsed();
        assert!(age < Duration::from_secs(4), "shown after {age:?}");
    }
    works.end().await;
}

async fn one_refused_recipient_does_not_affect_others(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", "550 5.1.1 no such user");
    relay.reply_to("RCPT TO:<full@", "452 4.2.2 mailbox full");
    let works = TestWorker::begin(&env, 4);
    let to = ["desk@example.net", "Nobody@example.net", "full@example.net"];
    relay.reply_to("RCPT TO:<Nobody@", "550 5.1.1 no such user");
    let id = env.submit_mail(&admin, &to, "Fire").await;
    let expected = [
        RecipientState::Delivered,
        RecipientState::Failed,
        RecipientState::Deferred,
    ];
    let message = env
        .until(&admin, &id, |message| states(message) == expected)
        .await;
    assert_eq!(relay.accepted()[0].to, ["desk@example.net"]);
    assert_eq!(
        message.recipients[1].timeline[0].reply,
        "550 5.1.1 no such user"
    );
    let wait = message.recipients[2].due.expect("it is tried again").0 - message.accepted.0;
    assert!((60_000..90_000).contains(&wait), "{wait}");

    // The address is listed, in whatever case; the next mail does not ask the relay.
    let nobody = SuppressionSearch {
        address: "nobody".to_owned(),
        ..SuppressionSearch::default()
    };
    let listed = env.postern.outbox().suppressions(&admin, &nobody).await;
    assert_eq!(listed.expect("listed").len(), 1);
    let asked = relay.count("RCPT TO:<nobody@");
    let again = env
        .submit_mail(&admin, &["nobody@example.net"], "Again")
        .await;
    env.until(&admin, &again, is(RecipientState::Failed)).await;
    assert_eq!(relay.count("RCPT TO:<nobody@"), asked);
    env.postern
        .outbox()
        .remove_suppression(&admin, "NOBODY@example.net")
        .await
        .expect("removed");
    relay.reset();
    let third = env
        .submit_mail(&admin, &["nobody@example.net"], "Third")
        .await;
    env.until(&admin, &third, is(RecipientState::Delivered))
        .await;
    works.end().await;
}

async fn a_failing_relay_fails_no_mail_and_delivery_resumes(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("MAIL", "535 5.7.8 who are you");
    let works = TestWorker::begin(&env, 4);
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(
            env.submit_mail(&admin, &["desk@example.net"], &format!("Mail {number}"))
                .await,
        );
    }
    relay.wait_for("MAIL", 1).await;
    let backoff = env.until_backoff(&admin, None).await;
    assert_eq!(backoff.failure.reply.expect("its words").code, 535);
    let other = Relay::start(RelayScript::pipelining());
    env.save(&admin, &other).await;
    other.wait_for_mails(20).await;
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(
            message.recipients[0].attempts, 1,
            "no attempt was counted against it"
        );
    }
    assert_eq!(other.accepted().len(), 20);
    works.end().await;
}

async fn the_overview_reads_the_settings_of_relays_again_after_a_change(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    let configured = async || {
        let overview = env.postern.outbox().overview(&admin).await;
        overview.expect("there").configured
    };
    assert!(!configured().await);
    env.save(&admin, &relay).await;
    assert!(configured().await);
    // Only a change of the version has them read again.
    env.tamper("DELETE FROM information").await;
    assert!(configured().await);
    env.tamper("UPDATE routing SET version = version + 1").await;
    assert!(!configured().await);
    env.save(&admin, &relay).await;
    assert!(configured().await);
}

stories! {
    both {
        the_overview_reads_the_settings_of_relays_again_after_a_change;
        submitted_mail_is_delivered_with_events_and_counts;
        the_rate_counts_deliveries_of_the_last_seconds;
        one_refused_recipient_does_not_affect_others;
        a_failing_relay_fails_no_mail_and_delivery_resumes;
    }
}
