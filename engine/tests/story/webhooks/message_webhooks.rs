//! Webhooks of accounts: a message names one, which gets an event for each result of a recipient.

use std::time::Duration;

use domain::Kind;
use domain::account::Role;
use domain::outbox::{MessageView, RecipientState};
use domain::webhook::{WEBHOOKS_MAX, WebhookChange, WebhookDeliveryState};
use engine::{AccountChange, Actor, Postern, Submission, Submissions, WebhookOwner, Webhooks};
use serde_json::Value;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail, states};
use crate::webhooks::{answered, claim, organisation_webhooks, record};

const URL: &str = "https://app.example.org/events";

/// Longer than any backoff of a message.
const BACKOFF: Duration = Duration::from_mins(76);

/// A mail that names a webhook.
fn naming(webhook: &str, to: &[&str]) -> Submission {
    Submission {
        webhook: Some(webhook.to_owned()),
        ..mail(to, "Fire")
    }
}

/// The fault of a mail that names a webhook.
async fn refused(env: &TestEnv, actor: &Actor, webhook: &str) -> String {
    let one = Submissions::One(Box::new(naming(webhook, &["desk@example.net"])));
    let refusal = env.postern.outbox().accept(actor, one, None).await;
    let refusal = refusal.expect_err("refused");
    assert_eq!(refusal.kind, Kind::Invalid);
    refusal.fields["webhook"].clone()
}

/// An event that a receiver got.
#[derive(Debug)]
struct ReceivedEvent {
    kind: String,
    recipient: String,
    data: Value,
}

impl ReceivedEvent {
    fn of(&self) -> (&str, &str) {
        (&self.kind, &self.recipient)
    }
}

fn own_webhooks(postern: &Postern) -> Webhooks<'_> {
    postern.notifications().webhooks(WebhookOwner::Account)
}

impl TestEnv {
    /// The id of a new webhook of an account.
    async fn own_webhook(&self, actor: &Actor, url: &str) -> String {
        let created = own_webhooks(&self.postern).create(actor, url).await;
        created.expect("a webhook").view.id
    }

    async fn submit_naming(&self, actor: &Actor, webhook: &str, to: &[&str]) -> String {
        let one = Submissions::One(Box::new(naming(webhook, to)));
        let accepted = self.postern.outbox().accept(actor, one, None).await;
        accepted.expect("accepted").ids.remove(0)
    }

    /// The events that are due, which a receiver takes in their order.
    async fn receive(&self) -> Vec<ReceivedEvent> {
        let mut received = Vec::new();
        loop {
            let claimed = claim(&self.postern).await;
            if claimed.is_empty() {
                return received;
            }
            for attempt in claimed {
                record(&self.postern, &attempt, &answered(204)).await;
                let body: Value = serde_json::from_str(attempt.body()).expect("JSON");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                received.push(ReceivedEvent {
                    kind: text(&body["type"]),
                    recipient: text(&body["data"]["recipient"]),
                    data: body["data"].clone(),
                });
            }
        }
    }
}

async fn each_result_of_a_recipient_is_an_event_once(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let of_organisation = env.webhook(&admin, URL).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let webhook = env.own_webhook(&user, URL).await;
    relay.reply_to("RCPT TO:<nobody@", "550 5.1.1 no such user");
    relay.reply_to("RCPT TO:<slow@", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 4);
    let to = ["desk@example.net", "nobody@example.net", "slow@example.net"];
    let id = env.submit_naming(&user, &webhook, &to).await;
    env.submit_mail(&user, &["desk@example.net"], "No webhook")
        .await;
    let settled = |message: &MessageView| {
        let expected = [
            RecipientState::Delivered,
            RecipientState::Failed,
            RecipientState::Deferred,
        ];
        states(message) == expected
    };
    let message = env.until(&user, &id, settled).await;
    let received = env.receive().await;
    let mut kinds: Vec<(&str, &str)> = received.iter().map(ReceivedEvent::of).collect();
    kinds.sort_unstable();
    let expected = [
        ("message.deferred", to[2]),
        ("message.delivered", to[0]),
        ("message.failed", to[1]),
    ];
    assert_eq!(kinds, expected);
    let failed = received.iter().find(|event| event.recipient == to[1]);
    let failed = &failed.expect("an event").data;
    assert_eq!(failed["id"], *id);
    assert_eq!(failed["message_id"], *message.message_id);
    assert_eq!(failed["reply"], "550 5.1.1 no such user");
    assert_eq!(failed["attempts"], 1);
    assert_eq!(failed["next_attempt"], Value::Null);
    assert_eq!(failed["relay"], relay.address.to_string());
    let deferred = received.iter().find(|event| event.recipient == to[2]);
    let deferred = &deferred.expect("an event").data;
    assert!(deferred["next_attempt"].is_string(), "{deferred}");

    // Each attempt that fails is an event, and so is the one that succeeds.
    env.pass(BACKOFF);
    let attempts =
        |number: i64| move |message: &MessageView| message.recipients[2].attempts == number;
    env.until(&user, &id, attempts(2)).await;
    relay.reply_to("RCPT TO:<slow@", "250 2.1.5 Ok");
    env.pass(BACKOFF);
    env.until(&user, &id, attempts(3)).await;
    let received = env.receive().await;
    let kinds: Vec<(&str, &str)> = received.iter().map(ReceivedEvent::of).collect();
    let expected = [("message.deferred", to[2]), ("message.delivered", to[2])];
    assert_eq!(kinds, expected);
    assert_eq!(received[1].data["attempts"], 3);
    works.end().await;

    // An address that is suppressed fails without an attempt.
    let works = TestWorker::begin(&env, 1);
    let id = env.submit_naming(&user, &webhook, &[to[1]]).await;
    env.until(&user, &id, is(RecipientState::Failed)).await;
    let received = env.receive().await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0].of(), ("message.failed", to[1]));
    assert_eq!(received[0].data["relay"], Value::Null);
    works.end().await;

    let log = own_webhooks(&env.postern).deliveries(&user, &webhook).await;
    let log = log.expect("a list");
    assert_eq!(log.len(), 6);
    let delivered = |state| state == WebhookDeliveryState::Delivered;
    assert!(log.iter().all(|delivery| delivered(delivery.state)));
    let others = organisation_webhooks(&env.postern)
        .deliveries(&admin, &of_organisation)
        .await;
    assert_eq!(others.expect("a list").len(), 0);
}

async fn an_account_names_and_changes_only_its_own_webhooks(env: TestEnv) {
    let admin = env.admin().await;
    env.save(&admin, &Relay::start(RelayScript::pipelining()))
        .await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let other = env.sign_in("other@example.org", Role::User).await;
    let of_organisation = env.webhook(&admin, URL).await;
    let webhook = env.own_webhook(&user, URL).await;
    // Each owner may have the same URL, once.
    env.own_webhook(&other, URL).await;
    env.own_webhook(&admin, URL).await;
    let service = own_webhooks(&env.postern);
    let again = service.create(&user, URL).await;
    assert_eq!(again.expect_err("taken").kind, Kind::Conflict);

    for actor in [&admin, &other, &Actor::local(0)] {
        assert!(refused(&env, actor, &webhook).await.contains("no such"));
    }
    refused(&env, &admin, &of_organisation).await;
    refused(&env, &user, "nonsense").await;
    env.submit_naming(&user, &webhook, &["desk@example.net"])
        .await;

    let off = || WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    for (actor, id) in [
        (&other, &webhook),
        (&admin, &webhook),
        (&admin, &of_organisation),
    ] {
        let refusals = [
            service.change(actor, id, off()).await.map(drop),
            service.renew_secret(actor, id).await.map(drop),
            service.test(actor, id).await,
            service.remove(actor, id).await,
            service.deliveries(actor, id).await.map(drop),
        ];
        for refused in refusals {
            assert_eq!(refused.expect_err("not theirs").kind, Kind::NotFound);
        }
    }
    let organisation = organisation_webhooks(&env.postern);
    let of_account = organisation.remove(&admin, &webhook).await;
    assert_eq!(of_account.expect_err("an account's").kind, Kind::NotFound);
    let local = service.list(&Actor::local(0)).await;
    assert_eq!(local.expect_err("no account").kind, Kind::Forbidden);
    for number in 1..WEBHOOKS_MAX {
        env.own_webhook(&user, &format!("https://example.org/{number}"))
            .await;
    }
    let many = service.create(&user, "https://example.org/more");
    assert_eq!(many.await.expect_err("too many").kind, Kind::Conflict);
    let listed = service.list(&user).await.expect("a list");
    assert_eq!(listed.len(), WEBHOOKS_MAX);
    let listed = organisation.list(&admin).await.expect("a list");
    assert_eq!(listed.len(), 1, "those of the organisation");
}

async fn mail_goes_on_without_a_webhook_that_is_off_or_removed(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let off = env.own_webhook(&admin, URL).await;
    let removed = env.own_webhook(&admin, "https://example.org/removed").await;
    let mut ids = Vec::new();
    for webhook in [&off, &removed] {
        ids.push(
            env.submit_naming(&admin, webhook, &["desk@example.net"])
                .await,
        );
    }
    let service = own_webhooks(&env.postern);
    let change = WebhookChange {
        enabled: Some(false),
        ..WebhookChange::default()
    };
    let changed = service.change(&admin, &off, change).await;
    changed.expect("switched off");
    let gone = service.remove(&admin, &removed).await;
    gone.expect("removed");
    let works = TestWorker::begin(&env, 1);
    for id in &ids {
        env.until(&admin, id, is(RecipientState::Delivered)).await;
    }
    works.end().await;
    assert!(env.receive().await.is_empty());
    refused(&env, &admin, &removed).await;
    // One that is switched off may be named: it may be on again when the mail is settled.
    env.submit_naming(&admin, &off, &["desk@example.net"]).await;
}

async fn a_disabled_account_gets_no_more_events(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let webhook = env.own_webhook(&user, URL).await;
    let tested = own_webhooks(&env.postern).test(&user, &webhook);
    tested.await.expect("queued");
    let queued = env
        .submit_naming(&user, &webhook, &["desk@example.net"])
        .await;
    let accounts = env.postern.accounts();
    let account = accounts.read_by_email(&admin, "user@example.org").await;
    let account = account.expect("there");
    for disabled in [true, false] {
        let change = AccountChange {
            disabled: Some(disabled),
            ..AccountChange::default()
        };
        let changed = accounts.change(&admin, &account.id, change).await;
        changed.expect("changed");
        assert!(env.receive().await.is_empty());
    }
    let works = TestWorker::begin(&env, 1);
    env.until(&admin, &queued, is(RecipientState::Delivered))
        .await;
    works.end().await;
    // It is for the person to switch the webhook on again.
    assert!(env.receive().await.is_empty());
}

async fn webhooks_of_accounts_have_public_addresses(env: TestEnv) {
    let admin = env.admin().await;
    let user = env.sign_in("user@example.org", Role::User).await;
    let service = own_webhooks(&env.postern);
    for url in ["http://127.0.0.1/", "http://localhost:9000/", "nonsense"] {
        let refusal = service.create(&user, url).await;
        let refusal = refusal.expect_err(url);
        assert_eq!(refusal.kind, Kind::Invalid);
        assert!(refusal.fields.contains_key("url"), "{url}");
    }
    // In these tests one address of this machine counts as public.
    for (owner, of_organisation) in [(&admin, true), (&user, false)] {
        let url = "https://127.0.0.2:9/";
        match of_organisation {
            true => {
                let id = env.webhook(owner, url).await;
                env.test_event(owner, &id).await;
            }
            false => {
                let id = env.own_webhook(owner, url).await;
                let tested = service.test(owner, &id).await;
                tested.expect("queued");
            }
        }
        let attempt = claim(&env.postern).await.remove(0);
        let Err(reason) = attempt.connect().await else {
            panic!("nothing listens");
        };
        let is_refused = reason.contains("not a public address");
        assert_eq!(is_refused, !of_organisation, "{reason}");
        record(&env.postern, &attempt, &answered(204)).await;
    }
}

stories! {
    both {
        each_result_of_a_recipient_is_an_event_once;
        an_account_names_and_changes_only_its_own_webhooks;
        mail_goes_on_without_a_webhook_that_is_off_or_removed;
        a_disabled_account_gets_no_more_events;
        webhooks_of_accounts_have_public_addresses;
    }
}
