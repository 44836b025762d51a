//! One message that ends every session beside others that do not.

use std::time::Duration;

use domain::outbox::{MessageView, RecipientState};
use engine::Actor;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

/// Delivers a hundred messages beside one that always ends the session, and returns that one.
async fn beside_one_that_ends_sessions(
    env: &TestEnv,
    admin: &Actor,
    relay: &Relay,
    connections: usize,
) -> MessageView {
    env.save(admin, relay).await;
    let mut ids = Vec::new();
    let mut poison = String::new();
    for number in 0..101 {
        let to = if number == 20 { "poison" } else { "desk" };
        let to = format!("{to}@example.net");
        let id = env.hand_over(admin, &[&to], "Fire").await;
        match number {
            20 => poison = id,
            _ => ids.push(id),
        }
    }
    let works = TestWorker::begin(env, connections);
    for message in env.until_delivered(admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    let charged = |message: &MessageView| {
        let row = &message.recipients[0];
        row.state == RecipientState::Deferred && row.attempts == 1
    };
    let deferred = env.until(admin, &poison, charged).await;
    assert_eq!(relay.accepted().len(), 100, "each once");
    let overview = env.postern.outbox().overview(admin).await.expect("there");
    let mut workers = overview.workers.iter();
    assert!(
        workers.all(|worker| worker.backoffs.is_empty()),
        "{overview:?}"
    );

    // It is tried again beside others, and fails in the end.
    for attempts in [2, 126] {
        env.set_attempts(attempts - 1).await;
        env.pass(Duration::from_hours(2));
        let id = env.hand_over(admin, &["desk@example.net"], "Fire").await;
        env.until_delivered(admin, [&id]).await;
        let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
        env.until(admin, &poison, tried).await;
    }
    let failed = env.until(admin, &poison, is(RecipientState::Failed)).await;
    let last = failed.recipients[0].timeline.last().expect("an end");
    assert!(last.reply.starts_with("Not delivered within five days."));
    works.end().await;
    deferred
}

async fn a_message_that_ends_sessions_by_421_backs_off_alone(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let (admin, relay) = (env.admin().await, Relay::start(script));
        relay.reply_to("RCPT TO:<poison", "421 4.7.0 go away");
        let poison = beside_one_that_ends_sessions(&env, &admin, &relay, 2).await;
        let event = &poison.recipients[0].timeline[0];
        assert_eq!(event.reply, "421 4.7.0 go away");
        assert!(!event.may_have_arrived);
    }
}

async fn a_message_that_resets_sessions_backs_off_alone(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    relay.reply_to("RCPT TO:<poison", "");
    let poison = beside_one_that_ends_sessions(&env, &admin, &relay, 2).await;
    assert!(!poison.recipients[0].timeline[0].may_have_arrived);
}

stories! {
    both {
        a_message_that_ends_sessions_by_421_backs_off_alone;
        a_message_that_resets_sessions_backs_off_alone;
    }
}
