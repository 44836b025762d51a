//! NOTIFY=NEVER: a recipient that is in no report, beside one that is in all (RFC 3461).

use std::time::Duration;

use domain::outbox::{MessageView, RecipientState};
use engine::SubmittedEnvelope;
use testkit::{Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use crate::reports::{NO_SUCH_USER, envelope, from_nobody, recipient, reported};

/// Longer than any backoff of a message.
const BACKOFF: Duration = Duration::from_mins(76);

/// An envelope for a recipient with NEVER and one that asks for every report.
fn silent_and_loud(name: &str) -> SubmittedEnvelope {
    envelope(vec![
        recipient(&format!("silent.{name}@example.net"), Some("NEVER")),
        recipient(
            &format!("loud.{name}@example.net"),
            Some("SUCCESS,FAILURE,DELAY"),
        ),
    ])
}

/// Replies so to both recipients.
fn reply_to_both(relay: &Relay, name: &str, reply: &str) {
    for kind in ["silent", "loud"] {
        relay.reply_to(&format!("RCPT TO:<{kind}.{name}@"), reply);
    }
}

/// Asserts that the second recipient is in so many reports, and the first in none.
fn assert_reports(message: &MessageView, reports: usize) {
    assert!(reported(message, 0).is_empty(), "{message:?}");
    assert_eq!(reported(message, 1).len(), reports, "{message:?}");
}

async fn a_recipient_with_never_is_in_no_report_of_any_kind(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    reply_to_both(&relay, "refused", NO_SUCH_USER);
    reply_to_both(&relay, "full", "554 5.2.2 mailbox full for good");
    let works = TestWorker::begin(&env, 4);
    for (name, state) in [
        ("refused", RecipientState::Failed),
        // The addresses are on the suppression list now, and are not tried.
        ("refused", RecipientState::Failed),
        ("full", RecipientState::Failed),
        // The relay has no DSN: a report of success is sent here.
        ("taken", RecipientState::Delivered),
    ] {
        let id = env.submit_reported(&admin, silent_and_loud(name)).await;
        let message = env.until(&admin, &id, is(state)).await;
        assert_reports(&message, 1);
    }
    assert_eq!(relay.count("RCPT TO:<silent.refused@"), 1);

    reply_to_both(&relay, "slow", "450 4.2.0 greylisted");
    let id = env.submit_reported(&admin, silent_and_loud("slow")).await;
    // An attempt follows every 76 minutes, the fifth after five hours.
    for attempts in 1..=5 {
        let tried = |message: &MessageView| {
            let mut recipients = message.recipients.iter();
            recipients.all(|recipient| recipient.attempts == attempts)
        };
        let message = env.until(&admin, &id, tried).await;
        assert_reports(&message, usize::from(attempts == 5));
        if attempts == 5 {
            env.set_attempts(125).await;
        }
        env.pass(BACKOFF);
    }
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    assert_reports(&message, 2);

    let stored = env.stored_reports().await;
    assert_eq!(stored.len(), 6, "one of each kind, and of a delay");
    env.until_delivered(&admin, &stored).await;
    works.end().await;
    let reports = from_nobody(&relay);
    assert_eq!(reports.len(), stored.len());
    for report in reports {
        assert!(report.data.contains("loud."), "{}", report.data);
        assert!(!report.data.contains("silent."), "{}", report.data);
    }
}

async fn never_is_passed_on_to_a_relay_with_dsn(env: TestEnv) {
    let script = RelayScript::offering(&["PIPELINING", "DSN"]);
    let (admin, relay) = (env.admin().await, Relay::start(script));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let sent = silent_and_loud("taken");
    let id = env.submit_reported(&admin, sent).await;
    let delivered = is(RecipientState::Delivered);
    let message = env.until(&admin, &id, delivered).await;
    assert_reports(&message, 0);
    for command in [
        "RCPT TO:<silent.taken@example.net> NOTIFY=NEVER",
        "RCPT TO:<loud.taken@example.net> NOTIFY=SUCCESS,FAILURE,DELAY",
    ] {
        assert_eq!(relay.count(command), 1, "{command}");
    }
    assert_eq!(env.stored_reports().await, [""; 0]);
    works.end().await;
}

stories! {
    both {
        a_recipient_with_never_is_in_no_report_of_any_kind;
        never_is_passed_on_to_a_relay_with_dsn;
    }
}
