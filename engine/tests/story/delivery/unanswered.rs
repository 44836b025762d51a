//! Mail that may have arrived several times: it waits for a person.

use std::time::Duration;

use domain::outbox::{EventKind, MessageAction, MessageView, RecipientState, Selection};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use testkit::{Relay, RelayScript};

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
    for attempts in 1..=2 {
        let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
        let message = env.until(&admin, &id, tried).await;
        assert!(is(RecipientState::Deferred)(&message), "{message:?}");
        env.pass(Duration::from_hours(2));
    }
    relay.reset();
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(relay.count("END Subject: Later"), 3);
    works.end().await;
}

stories! {
    both {
        mail_that_may_have_arrived_three_times_waits_for_a_person;
    }
}
