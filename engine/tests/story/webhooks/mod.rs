//! Webhooks: endpoints of administrators, and events sent in order, once, and again after failures.

mod message_webhooks;
mod outages;

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::webhook::{WEBHOOKS_MAX, WebhookChange, WebhookDelivery, WebhookDeliveryState};
use engine::{Actor, Postern, WebhookAttempt, WebhookOutcome, WebhookOwner, Webhooks};
use sqlx::Row as _;

use crate::environment::{TestEnv, execute};
use crate::outbox::TestWorker;
use crate::wait::wait_for;

pub const URL: &str = "https://hooks.example.org/postern?key=hidden";

pub const MINUTE: Duration = Duration::from_secs(60);

pub fn answered(status: u16) -> WebhookOutcome {
    WebhookOutcome::Answered {
        status,
        text: "words".to_owned(),
    }
}

pub fn failed() -> WebhookOutcome {
    WebhookOutcome::Failed("no answer".to_owned())
}

/// The id of the event of an attempt.
pub fn event(attempt: &WebhookAttempt) -> String {
    attempt.headers()[0].1.clone()
}

pub async fn claim(postern: &Postern) -> Vec<WebhookAttempt> {
    let claimed = postern.notifications().claim_webhooks().await;
    claimed.expect("claimed")
}

pub async fn record(postern: &Postern, attempt: &WebhookAttempt, outcome: &WebhookOutcome) {
    let recorded = postern.notifications().record_webhook(attempt, outcome);
    recorded.await.expect("recorded");
}

pub fn organisation_webhooks(postern: &Postern) -> Webhooks<'_> {
    postern.notifications().webhooks(WebhookOwner::Organisation)
}

impl TestEnv {
    /// The id of a new webhook.
    pub async fn webhook(&self, admin: &Actor, url: &str) -> String {
        let created = organisation_webhooks(&self.postern).create(admin, url);
        created.await.expect("a webhook").view.id
    }

    pub async fn test_event(&self, admin: &Actor, webhook: &str) {
        let tested = organisation_webhooks(&self.postern).test(admin, webhook);
        tested.await.expect("queued");
    }

    /// Newest first.
    pub async fn webhook_deliveries(&self, admin: &Actor, webhook: &str) -> Vec<WebhookDelivery> {
        let listed = organisation_webhooks(&self.postern).deliveries(admin, webhook);
        listed.await.expect("a list")
    }

    /// Claims the only attempt that is due.
    pub async fn attempt(&self) -> WebhookAttempt {
        let mut claimed = claim(&self.postern).await;
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    pub async fn nothing_is_due(&self) {
        assert!(claim(&self.postern).await.is_empty());
    }
}

async fn administrators_add_change_and_remove_webhooks(env: TestEnv) {
    let admin = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let service = organisation_webhooks(&env.postern);
    let created = service.create(&admin, URL).await.expect("created");
    let id = created.view.id;
    let secret = created.secret.expose().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(created.view.created_by, "admin@example.org");
    let refusals = [
        service.list(&user).await.map(drop),
        service.create(&user, URL).await.map(drop),
        service
            .change(&user, &id, WebhookChange::default())
            .await
            .map(drop),
        service.renew_secret(&user, &id).await.map(drop),
        service.remove(&user, &id).await,
        service.test(&user, &id).await,
        service.deliveries(&user, &id).await.map(drop),
    ];
    for refused in refusals {
        assert_eq!(refused.expect_err("refused").kind, Kind::Forbidden);
    }

    let mut connection = env.connection().await;
    let stored = sqlx::query("SELECT secret FROM webhook")
        .fetch_one(&mut connection)
        .await
        .expect("a row");
    let stored: String = stored.get(0);
    assert!(!stored.contains(&secret[6..]), "it is sealed");

    for (url, kind) in [
        (URL, Kind::Conflict),
        ("http://hooks.example.org/", Kind::Invalid),
        ("nonsense", Kind::Invalid),
    ] {
        let refusal = service.create(&admin, url).await;
        let refusal = refusal.expect_err(url);
        assert_eq!(
            (refusal.kind, refusal.fields.contains_key("url")),
            (kind, true)
        );
    }
    for number in 1..WEBHOOKS_MAX {
        env.webhook(&admin, &format!("https://example.org/{number}"))
            .await;
    }
    let refusal = service.create(&admin, "https://example.org/more");
    assert_eq!(refusal.await.expect_err("too many").kind, Kind::Conflict);

    let moved = WebhookChange {
        url: Some("https://other.example.org/".to_owned()),
        enabled: Some(false),
    };
    let changed = service.change(&admin, &id, moved).await;
    let changed = changed.expect("changed");
    assert_eq!(changed.url, "https://other.example.org/");
    assert!(!changed.enabled);
    let renewed = service.renew_secret(&admin, &id).await;
    assert_ne!(renewed.expect("renewed").expose(), secret);
    service.remove(&admin, &id).await.expect("removed");
    let gone = service.remove(&admin, &id).await;
    assert_eq!(gone.expect_err("gone").kind, Kind::NotFound);
    let listed = service.list(&admin).await.expect("a list");
    assert_eq!(listed.len(), WEBHOOKS_MAX - 1);

    let trail = env.postern.audit().trail(&admin, 100).await.expect("rows");
    let rows = trail.iter().filter(|row| row.outcome == "done");
    let rows: Vec<(&str, &str)> = rows
        .map(|row| (row.action.as_str(), row.detail.as_str()))
        .collect();
    for expected in [
        ("create webhook", "hooks.example.org"),
        (
            "change webhook",
            "other.example.org: URL at other.example.org, off",
        ),
        ("change webhook", "other.example.org: new secret"),
        ("remove webhook", "other.example.org"),
    ] {
        assert!(rows.contains(&expected), "{expected:?} in {rows:#?}");
    }
    let all = trail.iter().map(|row| &row.detail);
    assert!(all.clone().all(|detail| !detail.contains("hidden")));
}

async fn webhooks_that_are_created_at_once_keep_the_limit(env: TestEnv) {
    let admin = env.admin().await;
    for number in 1..WEBHOOKS_MAX {
        env.webhook(&admin, &format!("https://example.org/{number}"))
            .await;
    }
    let other = Postern::open(env.config.clone()).await.expect("opens");
    // Against writes, not against reads: both have begun before one is inserted.
    let mut lock = env.connection().await;
    let statements = "BEGIN; LOCK TABLE webhook IN SHARE ROW EXCLUSIVE MODE";
    execute(&mut lock, statements).await;
    let unlock = async {
        env.until_waiting(2).await;
        drop(lock);
    };
    let service = organisation_webhooks(&env.postern);
    let (one, two, ()) = tokio::join!(
        service.create(&admin, "https://example.org/one"),
        organisation_webhooks(&other).create(&admin, "https://example.org/two"),
        unlock,
    );
    let refused = [one, two].into_iter().filter_map(Result::err);
    let refused: Vec<Kind> = refused.map(|refusal| refusal.kind).collect();
    assert_eq!(refused, [Kind::Conflict]);
    let listed = service.list(&admin).await.expect("a list");
    assert_eq!(listed.len(), WEBHOOKS_MAX);
    other.close().await;
}

async fn a_new_secret_signs_the_next_attempt(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    let first = env.attempt().await;
    record(&env.postern, &first, &answered(503)).await;
    let service = organisation_webhooks(&env.postern);
    let renewed = service.renew_secret(&admin, &id).await;
    renewed.expect("renewed");
    env.pass(MINUTE);
    let second = env.attempt().await;
    assert_eq!(event(&first), event(&second));
    assert_eq!(first.body(), second.body());
    assert_ne!(first.headers()[2], second.headers()[2]);
}

async fn events_are_sent_in_their_order_one_at_a_time(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    for _ in 0..3 {
        env.test_event(&admin, &id).await;
    }
    let mut expected: Vec<String> = env
        .webhook_deliveries(&admin, &id)
        .await
        .into_iter()
        .map(|delivery| delivery.event_id)
        .collect();
    expected.reverse();
    let mut sent = Vec::new();
    for _ in 0..3 {
        let attempt = env.attempt().await;
        env.nothing_is_due().await;
        sent.push(event(&attempt));
        record(&env.postern, &attempt, &answered(204)).await;
    }
    assert_eq!(sent, expected);
    env.nothing_is_due().await;
    let listed = organisation_webhooks(&env.postern).list(&admin).await;
    let view = &listed.expect("a list")[0];
    assert_eq!(view.queued, 0);
    let last = view.last.as_ref().expect("a delivery");
    assert_eq!(
        (last.status, last.answer.as_deref()),
        (Some(204), Some("words"))
    );
}

async fn an_event_that_failed_is_tried_again_by_the_schedule_before_later_ones(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    env.test_event(&admin, &id).await;
    let first = env.attempt().await;
    record(&env.postern, &first, &failed()).await;
    for seconds in [5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400, 14_400] {
        // The clock runs meanwhile: a minute before the time nothing can be due.
        if seconds > 60 {
            env.pass(Duration::from_secs(seconds - 60));
            env.nothing_is_due().await;
            env.pass(MINUTE);
        } else {
            env.pass(Duration::from_secs(seconds));
        }
        env.pass(Duration::from_secs(seconds).mul_f64(0.26));
        let again = env.attempt().await;
        assert_eq!(event(&again), event(&first), "after {seconds} s");
        record(&env.postern, &again, &answered(500)).await;
    }
    let newest = env.webhook_deliveries(&admin, &id).await;
    assert_eq!(newest[1].attempts, 11);
    assert_eq!(newest[0].attempts, 0, "the second waits for the first");
}

async fn nodes_that_claim_at_once_send_once(env: TestEnv) {
    let admin = env.admin().await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    for number in 0..4 {
        let url = format!("https://example.org/{number}");
        let id = env.webhook(&admin, &url).await;
        env.test_event(&admin, &id).await;
    }
    let (one, two) = tokio::join!(claim(&env.postern), claim(&other));
    let mut targets: Vec<&str> = one.iter().chain(&two).map(WebhookAttempt::target).collect();
    targets.sort_unstable();
    // On PostgreSQL a node skips what the other has locked, so that both together have each once.
    assert_eq!(targets, ["/0", "/1", "/2", "/3"]);
    other.close().await;
}

async fn the_event_of_a_node_that_died_is_sent_by_another_after_its_lease(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    env.test_event(&admin, &id).await;
    let dead = env.attempt().await;
    assert!(claim(&other).await.is_empty(), "it is leased");
    env.pass(Duration::from_secs(61));
    let claimed = claim(&other).await;
    assert_eq!(event(&claimed[0]), event(&dead));
    // The first node was slow and not dead: its failure does not count, its success would.
    record(&env.postern, &dead, &failed()).await;
    env.nothing_is_due().await;
    record(&other, &claimed[0], &answered(200)).await;
    let delivery = env.webhook_deliveries(&admin, &id).await.remove(0);
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);
    assert_eq!(delivery.attempts, 1);

    env.test_event(&admin, &id).await;
    let slow = env.attempt().await;
    env.pass(Duration::from_secs(61));
    let claimed = claim(&other).await;
    record(&env.postern, &slow, &answered(200)).await;
    record(&other, &claimed[0], &failed()).await;
    let delivery = env.webhook_deliveries(&admin, &id).await.remove(0);
    assert_eq!(delivery.state, WebhookDeliveryState::Delivered);

    env.test_event(&admin, &id).await;
    let abandoned = env.attempt().await;
    let released = env.postern.notifications().release_webhook(&abandoned);
    released.await.expect("released");
    assert_eq!(claim(&other).await.len(), 1, "it is due at once");
    other.close().await;
}

async fn an_endpoint_that_is_gone_is_switched_off(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    env.test_event(&admin, &id).await;
    let attempt = env.attempt().await;
    record(&env.postern, &attempt, &answered(410)).await;
    env.pass(Duration::from_secs(86_400));
    env.nothing_is_due().await;
    let service = organisation_webhooks(&env.postern);
    let view = service.list(&admin).await.expect("a list").remove(0);
    assert!(!view.enabled && view.gone_at.is_some());
    let states: Vec<WebhookDeliveryState> = env
        .webhook_deliveries(&admin, &id)
        .await
        .into_iter()
        .map(|delivery| delivery.state)
        .collect();
    let expected = [
        WebhookDeliveryState::Cancelled,
        WebhookDeliveryState::Failed,
    ];
    assert_eq!(states, expected);
    let refused = service.test(&admin, &id).await;
    assert_eq!(refused.expect_err("it is off").kind, Kind::Conflict);
    let trail = env.postern.audit().trail(&admin, 10).await.expect("rows");
    let row = trail.iter().find(|row| row.action == "change webhook");
    let row = row.expect("a row");
    assert_eq!(row.actor, "Postern");
    assert_eq!(row.detail, "hooks.example.org: off, it answered 410");

    let on = WebhookChange {
        enabled: Some(true),
        ..WebhookChange::default()
    };
    let view = service.change(&admin, &id, on).await.expect("on");
    assert!(view.enabled && view.gone_at.is_none());
    env.test_event(&admin, &id).await;
    let attempt = env.attempt().await;
    record(&env.postern, &attempt, &answered(200)).await;
}

async fn switching_off_cancels_what_waits(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    let switch = |enabled| WebhookChange {
        enabled: Some(enabled),
        ..WebhookChange::default()
    };
    let service = organisation_webhooks(&env.postern);
    for enabled in [false, true] {
        let changed = service.change(&admin, &id, switch(enabled)).await;
        assert_eq!(changed.expect("changed").queued, 0);
    }
    env.nothing_is_due().await;
}

async fn a_test_tries_what_waits_again_at_once(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    let first = env.attempt().await;
    record(&env.postern, &first, &failed()).await;
    env.test_event(&admin, &id).await;
    assert_eq!(event(&env.attempt().await), event(&first));
    for _ in 0..18 {
        env.test_event(&admin, &id).await;
    }
    let refused = organisation_webhooks(&env.postern).test(&admin, &id).await;
    assert_eq!(refused.expect_err("20 wait").kind, Kind::Conflict);
}

async fn finished_deliveries_are_kept_for_thirty_days(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    let attempt = env.attempt().await;
    record(&env.postern, &attempt, &answered(200)).await;
    env.pass(Duration::from_secs(29 * 86_400));
    env.test_event(&admin, &id).await;
    env.pass(Duration::from_secs(2 * 86_400));
    let worker = TestWorker::begin(&env, 1);
    let left = wait_for("the deletion", async || {
        let listed = env.webhook_deliveries(&admin, &id).await;
        match listed.len() {
            1 => Ok(listed),
            _ => Err(listed),
        }
    })
    .await;
    assert_eq!(left[0].state, WebhookDeliveryState::Queued);
    worker.end().await;
}

stories! {
    both {
        administrators_add_change_and_remove_webhooks;
        a_new_secret_signs_the_next_attempt;
        events_are_sent_in_their_order_one_at_a_time;
        an_event_that_failed_is_tried_again_by_the_schedule_before_later_ones;
        nodes_that_claim_at_once_send_once;
        the_event_of_a_node_that_died_is_sent_by_another_after_its_lease;
        an_endpoint_that_is_gone_is_switched_off;
        switching_off_cancels_what_waits;
        a_test_tries_what_waits_again_at_once;
        finished_deliveries_are_kept_for_thirty_days;
    }
    postgres {
        webhooks_that_are_created_at_once_keep_the_limit;
    }
}
