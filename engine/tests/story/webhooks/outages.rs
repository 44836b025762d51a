//! Webhooks whose receiver is down: their events are kept, tried again in order, and given up.

use std::time::Duration;

use domain::webhook::WebhookDeliveryState;
use engine::Postern;

use crate::environment::TestEnv;
use crate::webhooks::{MINUTE, URL, answered, claim, event, failed, record};

async fn an_event_is_given_up_after_three_days(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    let attempt = env.attempt().await;
    record(&env.postern, &attempt, &failed()).await;
    env.pass(Duration::from_secs(3 * 86_400));
    let attempt = env.attempt().await;
    record(&env.postern, &attempt, &failed()).await;
    env.pass(Duration::from_secs(86_400));
    env.nothing_is_due().await;
    let given_up = env.webhook_deliveries(&admin, &id).await.remove(0);
    assert_eq!(given_up.state, WebhookDeliveryState::Failed);
    assert_eq!(given_up.answer.as_deref(), Some("no answer"));
    env.test_event(&admin, &id).await;
    assert_ne!(event(&env.attempt().await), given_up.event_id);
}

async fn events_of_a_clock_that_was_ahead_are_given_up_as_well(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    let years = Duration::from_hours(3 * 365 * 24);
    env.pass(years);
    env.test_event(&admin, &id).await;
    env.test_event(&admin, &id).await;
    env.put_back(years);
    let first = env.attempt().await;
    record(&env.postern, &first, &failed()).await;
    for queued in env.webhook_deliveries(&admin, &id).await {
        assert!(queued.created_at <= env.clock.now(), "{queued:?}");
    }
    env.pass(Duration::from_secs(3 * 86_400));
    let again = env.attempt().await;
    assert_eq!(event(&again), event(&first));
    record(&env.postern, &again, &failed()).await;
    // The one behind it does not wait for three days of its own.
    let second = env.attempt().await;
    assert_ne!(event(&second), event(&first));
    record(&env.postern, &second, &failed()).await;
    for given_up in env.webhook_deliveries(&admin, &id).await {
        assert_eq!(given_up.state, WebhookDeliveryState::Failed);
    }
}

async fn a_receiver_that_is_down_for_days_is_not_tried_for_every_event(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    for _ in 0..3 {
        env.test_event(&admin, &id).await;
    }
    let first = env.attempt().await;
    record(&env.postern, &first, &failed()).await;
    env.pass(Duration::from_secs(2 * 86_400));
    env.test_event(&admin, &id).await;
    env.pass(Duration::from_secs(86_400));
    let again = env.attempt().await;
    assert_eq!(event(&again), event(&first));
    record(&env.postern, &again, &failed()).await;

    // The event alone may have been at fault: the next one is tried at once.
    let second = env.attempt().await;
    record(&env.postern, &second, &failed()).await;
    env.nothing_is_due().await;
    let listed = env.webhook_deliveries(&admin, &id).await;
    let found: Vec<_> = listed
        .iter()
        .map(|delivery| (delivery.state, delivery.attempts))
        .collect();
    let [waits, given_up] = [WebhookDeliveryState::Queued, WebhookDeliveryState::Failed];
    assert_eq!(
        found,
        [(waits, 0), (given_up, 0), (given_up, 1), (given_up, 2)]
    );
    let answer = listed[1].answer.as_deref().expect("why it failed");
    assert!(answer.contains("the events before it failed"), "{answer}");

    env.pass(Duration::from_secs(4 * 3_600 - 60));
    env.nothing_is_due().await;
    env.pass(Duration::from_secs(3_600 + 120));
    assert_eq!(event(&env.attempt().await), listed[0].event_id);
}

async fn a_long_queue_is_given_up_in_parts(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    env.test_event(&admin, &id).await;
    env.tamper(
        "INSERT INTO webhook_delivery (webhook_id, number, event_id, event, body, state, created_at, due_at) \
         WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
         SELECT (SELECT id FROM webhook), i, 'msg_' || i, 'webhook.test', '{}', 'queued', 0, 0 FROM n",
    )
    .await;
    env.pass(Duration::from_secs(3 * 86_400));
    for first in [None, Some("msg_1002")] {
        let attempt = env.attempt().await;
        assert!(first.is_none_or(|first| event(&attempt) == first));
        record(&env.postern, &attempt, &failed()).await;
    }
    env.nothing_is_due().await;
    let newest = env.webhook_deliveries(&admin, &id).await;
    assert!(
        newest
            .iter()
            .all(|delivery| delivery.state == WebhookDeliveryState::Failed)
    );
}

async fn a_receiver_that_is_down_for_an_hour_loses_no_event_and_gets_none_twice(env: TestEnv) {
    let admin = env.admin().await;
    let id = env.webhook(&admin, URL).await;
    let other = Postern::open(env.config.clone()).await.expect("opens");
    let mut taken = Vec::new();
    for minute in 0..240 {
        if [0, 20, 40].contains(&minute) {
            env.test_event(&admin, &id).await;
        }
        // Each node looks in its turn.
        for node in [&env.postern, &other] {
            for attempt in claim(node).await {
                let outcome = match minute < 60 {
                    true => failed(),
                    false => answered(200),
                };
                if minute >= 60 {
                    taken.push(event(&attempt));
                }
                record(node, &attempt, &outcome).await;
            }
        }
        env.pass(MINUTE);
    }
    let mut expected: Vec<String> = env
        .webhook_deliveries(&admin, &id)
        .await
        .into_iter()
        .map(|delivery| delivery.event_id)
        .collect();
    expected.reverse();
    assert_eq!(expected.len(), 3);
    assert_eq!(taken, expected, "each once, in order");
    other.close().await;
}

stories! {
    both {
        an_event_is_given_up_after_three_days;
        events_of_a_clock_that_was_ahead_are_given_up_as_well;
        a_receiver_that_is_down_for_days_is_not_tried_for_every_event;
        a_long_queue_is_given_up_in_parts;
        a_receiver_that_is_down_for_an_hour_loses_no_event_and_gets_none_twice;
    }
}
