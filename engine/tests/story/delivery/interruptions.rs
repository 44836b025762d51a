//! One message that ends every session beside others that do not.

use std::time::Duration;

use domain::outbox::{MessageView, RecipientState};
use engine::{Actor, Submission, Submissions};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail};
use testkit::{Relay, RelayScript};

/// The ids of a message that always ends the session, and of others.
struct Submitted {
    poison: String,
    others: Vec<String>,
}

/// Submits a thousand messages beside one.
async fn submit_beside(env: &TestEnv, admin: &Actor, poison: Submission) -> Submitted {
    let other = || mail(&["desk@example.net"], "Fire");
    let mut others = Vec::new();
    for one in [poison, other(), other()] {
        let mut mails: Vec<Submission> = (0..333).map(|_| other()).collect();
        mails.insert(20, one);
        let accepted = env.postern.outbox();
        let accepted = accepted.accept(admin, Submissions::Many(mails), None).await;
        others.extend(accepted.expect("accepted").ids);
    }
    Submitted {
        poison: others.remove(20),
        others,
    }
}

/// Delivers a thousand messages beside one that always ends the session, and returns that one.
async fn beside_one_that_ends_sessions(
    env: &TestEnv,
    admin: &Actor,
    relay: &Relay,
    poison: Submission,
) -> MessageView {
    let connections = 2;
    env.save(admin, relay).await;
    let Submitted {
        poison,
        others: ids,
    } = submit_beside(env, admin, poison).await;
    let works = TestWorker::begin(env, connections);
    for message in env.until_delivered(admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    let charged = |message: &MessageView| {
        let row = &message.recipients[0];
        row.state == RecipientState::Deferred && row.attempts == 1
    };
    let deferred = env.until(admin, &poison, charged).await;
    assert_eq!(relay.accepted().len(), 1001, "each once");
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
        let id = env.submit_mail(admin, &["desk@example.net"], "Fire").await;
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
        let poison = mail(&["poison@example.net"], "Fire");
        let poison = beside_one_that_ends_sessions(&env, &admin, &relay, poison).await;
        let event = &poison.recipients[0].timeline[0];
        assert_eq!(event.reply, "421 4.7.0 go away");
        assert!(!event.may_have_arrived);
    }
}

async fn a_message_that_resets_sessions_backs_off_alone(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    relay.reply_to("RCPT TO:<poison", "");
    let poison = mail(&["poison@example.net"], "Fire");
    let poison = beside_one_that_ends_sessions(&env, &admin, &relay, poison).await;
    assert!(!poison.recipients[0].timeline[0].may_have_arrived);
}

/// The relay reads the beginning of the body, and the buffers of both sockets hold less than the rest.
async fn a_large_message_that_resets_sessions_in_its_body_backs_off_alone(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let (admin, relay) = (env.admin().await, Relay::start(script.narrow()));
        relay.reset_within("poison@");
        let poison = Submission {
            text: Some(format!("{}\r\n", "x".repeat(70)).repeat(120_000)),
            ..mail(&["poison@example.net"], "Fire")
        };
        let poison = beside_one_that_ends_sessions(&env, &admin, &relay, poison).await;
        assert!(!poison.recipients[0].timeline[0].may_have_arrived);
    }
}

/// All of it is written before the relay has read the beginning, so that it may have arrived.
async fn a_small_message_that_resets_sessions_in_its_body_is_held(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let (admin, relay) = (env.admin().await, Relay::start(script));
        env.save(&admin, &relay).await;
        relay.reset_within("poison@");
        let poison = mail(&["poison@example.net"], "Fire");
        let Submitted { poison, others } = submit_beside(&env, &admin, poison).await;
        let works = TestWorker::begin(&env, 2);
        // What was in doubt behind it is deferred, too.
        for id in others.iter().chain([&poison]) {
            let tried = |message: &MessageView| {
                let row = &message.recipients[0];
                row.state != RecipientState::Queued
            };
            env.until(&admin, id, tried).await;
        }
        for attempts in 1..=3 {
            let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
            let message = env.until(&admin, &poison, tried).await;
            let event = message.recipients[0].timeline.last().expect("an event");
            assert!(event.may_have_arrived);
            env.pass(Duration::from_hours(2));
            for message in env.until_delivered(&admin, &others).await {
                assert_eq!(message.recipients[0].attempts, 1);
            }
        }
        env.until(&admin, &poison, is(RecipientState::Held)).await;
        works.end().await;
        assert_eq!(relay.accepted().len(), 1001, "each once");
    }
}

/// Its mail is not charged for that, although another relay delivers meanwhile.
async fn a_relay_that_ends_every_session_fails_no_mail(env: TestEnv) {
    for reply in ["421 4.3.2 shutting down", ""] {
        let script = RelayScript::pipelining();
        let (admin, general) = (env.admin().await, Relay::start(script.clone()));
        let refusing = Relay::start(script);
        env.save(&admin, &general).await;
        let relay = env.add_relay(&admin, &refusing, Some("news.example")).await;
        refusing.reply_to("MAIL", reply);
        let works = TestWorker::begin(&env, 2);
        let news = Submission {
            from: Some("a@news.example".to_owned()),
            ..mail(&["desk@example.net"], "News")
        };
        let submissions = Submissions::One(Box::new(news));
        let accepted = env.postern.outbox().accept(&admin, submissions, None);
        let news = accepted.await.expect("accepted").ids.remove(0);
        for round in 1..=4 {
            refusing.wait_for("MAIL", round).await;
            let released = |message: &MessageView| !message.recipients[0].leased;
            let message = env.until(&admin, &news, released).await;
            let row = &message.recipients[0];
            let found = (row.state, row.attempts);
            assert_eq!(found, (RecipientState::Queued, 0), "in round {round}");
            let other = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
            env.until_delivered(&admin, [&other]).await;
            env.pass(Duration::from_hours(1));
        }
        refusing.reset();
        env.pass(Duration::from_hours(1));
        for message in env.until_delivered(&admin, [&news]).await {
            assert_eq!(message.recipients[0].attempts, 1);
        }
        works.end().await;
        let removed = env.postern.relays().remove(&admin, &relay, None).await;
        removed.expect("removed");
    }
}

/// Submits a message from `name@example.org`, and returns its id.
async fn submit_from(env: &TestEnv, admin: &Actor, name: &str) -> String {
    let message = Submission {
        from: Some(format!("{name}@example.org")),
        ..mail(&["desk@example.net"], "Fire")
    };
    let submissions = Submissions::One(Box::new(message));
    let accepted = env.postern.outbox().accept(admin, submissions, None);
    accepted.await.expect("accepted").ids.remove(0)
}

/// Lets the backoff of the relay pass, until its next attempt has failed.
async fn until_next_failure(env: &TestEnv, admin: &Actor) {
    let known = env.until_backoff(admin, None).await;
    env.pass(Duration::from_hours(1));
    env.until_backoff(admin, Some(&known)).await;
}

/// Sessions ended over each message before the relay accepted another one, and it accepts none of them
/// since: each attempt is made with one message, and that is no fault of the message.
async fn a_relay_that_comes_to_end_every_session_fails_no_mail(env: TestEnv) {
    for reply in ["421 4.3.2 shutting down", ""] {
        let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
        env.save(&admin, &relay).await;
        relay.reply_to("MAIL", reply);
        let works = TestWorker::begin(&env, 1);
        let names = ["a", "b", "c"];
        let mut ids = Vec::new();
        for name in names {
            ids.push(submit_from(&env, &admin, name).await);
        }
        let is_tried = |name: &&str| relay.count(&format!("MAIL FROM:<{name}@")) > 0;
        for _ in 0..10 {
            if !names.iter().all(is_tried) {
                until_next_failure(&env, &admin).await;
            }
        }
        assert!(names.iter().all(is_tried));
        relay.reply_to("MAIL FROM:<other@", "250 2.1.0 Ok");
        let other = submit_from(&env, &admin, "other").await;
        for _ in 0..10 {
            if relay.accepted().is_empty() {
                until_next_failure(&env, &admin).await;
            }
        }
        env.until_delivered(&admin, [&other]).await;

        for _ in 0..8 {
            until_next_failure(&env, &admin).await;
        }
        let mut attempts = 0;
        for id in &ids {
            let row = &env.message(&admin, id).await.recipients[0];
            assert_ne!(row.state, RecipientState::Failed);
            attempts += row.attempts;
        }
        assert!(attempts <= 1, "{attempts} attempts after {reply:?}");
        relay.reset();
        env.pass(Duration::from_hours(1));
        env.until_delivered(&admin, &ids).await;
        works.end().await;
        assert_eq!(relay.accepted().len(), 4, "each once");
    }
}

stories! {
    both {
        a_relay_that_ends_every_session_fails_no_mail;
        a_relay_that_comes_to_end_every_session_fails_no_mail;
        a_message_that_ends_sessions_by_421_backs_off_alone;
        a_message_that_resets_sessions_backs_off_alone;
        a_large_message_that_resets_sessions_in_its_body_backs_off_alone;
        a_small_message_that_resets_sessions_in_its_body_is_held;
    }
}
