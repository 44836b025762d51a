//! How long mail is tried that a relay defers.

use std::time::Duration;

use domain::outbox::{EventKind, MessageView, RecipientState};

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

/// Longer than any backoff of a message.
const BACKOFF: Duration = Duration::from_mins(76);

impl TestEnv {
    /// The state after so many attempts of the messages that are deferred.
    pub async fn set_attempts(&self, attempts: i64) {
        let sql = format!("UPDATE recipient SET attempts = {attempts} WHERE state = 'deferred'");
        execute(&mut self.connection().await, &sql).await;
    }
}

fn tried(attempts: i64) -> impl Fn(&MessageView) -> bool {
    move |message| message.recipients[0].attempts == attempts
}

async fn deferred_mail_is_retried_and_fails_after_five_days(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let lost = env.submit_mail(&admin, &["full@example.net"], "Lost").await;
    for message in [&id, &lost] {
        env.until(&admin, message, is(RecipientState::Deferred))
            .await;
    }
    relay.reset();
    relay.reply_to("RCPT TO:<full", "452 4.2.2 mailbox full");
    env.pass(Duration::from_secs(80));
    let message = env.until(&admin, &id, is(RecipientState::Delivered)).await;
    let timeline = message.recipients[0].timeline.iter();
    let kinds: Vec<EventKind> = timeline.map(|row| row.kind).collect();
    assert_eq!(kinds, [EventKind::Deferred, EventKind::Delivered]);
    assert_eq!(message.recipients[0].attempts, 2);

    // 125 backoffs are five days.
    env.until(&admin, &lost, tried(2)).await;
    env.set_attempts(124).await;
    for (attempts, state) in [
        (125, RecipientState::Deferred),
        (126, RecipientState::Failed),
    ] {
        env.pass(BACKOFF);
        let message = env.until(&admin, &lost, tried(attempts)).await;
        assert!(is(state)(&message), "{message:?}");
    }
    let message = env.until(&admin, &lost, is(RecipientState::Failed)).await;
    let last = message.recipients[0].timeline.last().expect("an end");
    assert_eq!(
        last.reply,
        "Not delivered within five days. The last reply: 452 4.2.2 mailbox full"
    );
    works.end().await;
}

async fn an_outage_of_the_relay_does_not_count_against_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, tried(1)).await;

    // Also on the connection that is open.
    relay.reply_to("MAIL", "421 4.3.2 shutting down");
    relay.reply_to("GREETING", "421 4.3.2 shutting down");
    env.pass(BACKOFF);
    let mut shown = env.until_backoff(&admin, None).await;
    for _ in 0..6 {
        env.pass(Duration::from_hours(24));
        shown = env.until_backoff(&admin, Some(&shown)).await;
    }
    // Back, it defers the mail once more.
    relay.reset();
    relay.reply_to("RCPT", "450 4.2.0 greylisted");
    env.pass(Duration::from_mins(10));
    let message = env.until(&admin, &id, tried(2)).await;
    assert!(is(RecipientState::Deferred)(&message), "{message:?}");
    relay.reset();
    env.pass(BACKOFF);
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

stories! {
    both {
        deferred_mail_is_retried_and_fails_after_five_days;
        an_outage_of_the_relay_does_not_count_against_mail;
    }
}
