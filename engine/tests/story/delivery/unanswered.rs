//! Mail that may have arrived: it is pinned to its relay, and after three times a person decides.

use std::time::Duration;

use domain::outbox::{EventKind, MessageAction, MessageView, RecipientState, Selection};
use engine::Actor;

use super::failover::DOWN;
use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

/// Waits for two attempts after which a mail is tried again, and advances the clock to the next after each.
async fn deferred_twice(env: &TestEnv, actor: &Actor, id: &str) {
    for attempts in 1..=2 {
        let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
        let message = env.until(actor, id, tried).await;
        assert!(is(RecipientState::Deferred)(&message), "{message:?}");
        env.pass(Duration::from_hours(2));
    }
}

async fn mail_that_may_have_arrived_three_times_waits_for_a_person(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("END", "");
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let other = env
        .submit_mail(&admin, &["desk@example.net"], "Later")
        .await;
    for attempts in 1..=3 {
        let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
        let state = match attempts {
            3 => RecipientState::Held,
            _ => RecipientState::Deferred,
        };
        for id in [&id, &other] {
            let message = env.until(&admin, id, tried).await;
            assert!(is(state)(&message), "{message:?}");
        }
        env.pass(Duration::from_hours(2));
    }
    let held = env.postern.outbox().message(&admin, &id).await;
    let held = &held.expect("there").recipients[0];
    let last = held.timeline.last().expect("an event");
    assert_eq!((last.kind, held.due), (EventKind::Unanswered, None));
    assert!(last.may_have_arrived);
    assert!(
        last.reply.starts_with("It may have arrived three times")
            && last
                .reply
                .contains("Release it to send it again, or cancel it."),
        "{}",
        last.reply
    );

    // A release begins a new count, and a cancelled mail is not sent again.
    let act = async |act, id: &String| {
        let one = Selection::Message(id.clone());
        let done = env.postern.outbox().act(&admin, act, &one, None).await;
        assert_eq!(done, Ok(1), "{act:?}");
    };
    act(MessageAction::Cancel, &other).await;
    act(MessageAction::Release, &id).await;
    deferred_twice(&env, &admin, &id).await;
    relay.reset();
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(relay.count("END Subject: Later"), 3);
    works.end().await;
}

async fn a_release_begins_a_new_count_also_after_the_clock_was_set_back(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("END", "");
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    deferred_twice(&env, &admin, &id).await;
    env.until(&admin, &id, is(RecipientState::Held)).await;
    env.put_back(Duration::from_hours(24));
    let one = Selection::Message(id.clone());
    let released = env
        .postern
        .outbox()
        .act(&admin, MessageAction::Release, &one, None);
    assert_eq!(released.await, Ok(1));
    deferred_twice(&env, &admin, &id).await;
    relay.reset();
    let message = env.until(&admin, &id, is(RecipientState::Delivered)).await;
    let timeline = message.recipients[0].timeline.iter();
    let kinds: Vec<EventKind> = timeline.map(|event| event.kind).collect();
    let released = kinds.iter().position(|kind| *kind == EventKind::Released);
    assert_eq!(released, Some(3), "{kinds:?}");
    works.end().await;
}

async fn mail_that_may_have_arrived_is_pinned_to_its_relay(env: TestEnv) {
    let (admin, first, second) = (
        env.admin().await,
        Relay::start(RelayScript::pipelining()),
        Relay::start(RelayScript::pipelining()),
    );
    env.save(&admin, &first).await;
    env.add_relay(&admin, &second, None).await;
    let works = TestWorker::begin(&env, 1);
    first.reply_to("END", "");
    let doubtful = env.submit_numbered(&admin, 0, 2).await;
    for id in &doubtful {
        let message = env.until(&admin, id, is(RecipientState::Deferred)).await;
        assert!(message.recipients[0].timeline[0].may_have_arrived);
    }
    first.reply_to("GREETING", DOWN);
    let mut others = env.submit_numbered(&admin, 2, 5).await;
    env.until_delivered(&admin, &others).await;
    for number in 7..9 {
        // They are due, and the relay fails its half-open attempt.
        let greeted = first.count("GREETING");
        env.pass(Duration::from_secs(3600));
        first.wait_for("GREETING", greeted + 1).await;
        others.extend(env.submit_numbered(&admin, number, 1).await);
        env.until_delivered(&admin, &others).await;
    }
    for id in &doubtful {
        let row = &env.message(&admin, id).await.recipients[0];
        assert_eq!((row.state, row.attempts), (RecipientState::Deferred, 1));
    }
    let by_second = second.subjects();
    assert_eq!(by_second.len(), 7, "{by_second:?}");
    let waits = |message: &MessageView| !message.waits_for.is_empty();
    let waiting = env.until(&admin, &doubtful[0], waits).await.waits_for;
    let addresses: Vec<&str> = waiting.iter().map(|relay| &*relay.backoff.relay).collect();
    assert_eq!(addresses, [first.address.to_string()]);

    // A person may have one sent by any relay.
    let one = Selection::Message(doubtful[0].clone());
    wait_for("a retry", async || {
        let outbox = env.postern.outbox();
        let retried = outbox.act(&admin, MessageAction::Retry, &one, None).await;
        (retried == Ok(1)).then_some(()).ok_or(retried)
    })
    .await;
    env.until_delivered(&admin, &doubtful[..1]).await;
    assert!(second.subjects().iter().any(|subject| subject == "0"));

    first.reset();
    env.pass(Duration::from_secs(3600));
    let delivered = env.until_delivered(&admin, &doubtful[1..]).await;
    let last = delivered[0].recipients[0].timeline.last();
    let choice = last.and_then(|event| event.choice.as_ref());
    let reason = choice.map(ToString::to_string);
    assert_eq!(reason.as_deref(), Some("it may have arrived there"));
    assert_eq!(first.subjects(), ["1"]);
    works.end().await;
}

stories! {
    both {
        mail_that_may_have_arrived_three_times_waits_for_a_person;
        a_release_begins_a_new_count_also_after_the_clock_was_set_back;
        mail_that_may_have_arrived_is_pinned_to_its_relay;
    }
}
