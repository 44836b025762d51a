//! Delivery in chunks: several messages a round trip, refusals, cuts and relays that lie about it.

use std::collections::HashMap;
use std::time::Duration;

use domain::outbox::{EventKind, MessageView, RecipientState};
use engine::Actor;

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, WorkerLimits, is};
use testkit::{Action, Relay, RelayScript};

/// Submits messages with these subjects before there is a worker, so that it finds them together.
async fn submit_all(
    env: &TestEnv,
    admin: &Actor,
    subjects: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let mut ids = Vec::new();
    for subject in subjects {
        ids.push(
            env.submit_mail(admin, &["desk@example.net"], &subject)
                .await,
        );
    }
    ids
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("No. {number}"))
}

/// How often each subject was accepted.
fn arrivals(relay: &Relay) -> HashMap<String, usize> {
    let mut times = HashMap::new();
    for subject in relay.subjects() {
        *times.entry(subject).or_default() += 1;
    }
    times
}

async fn a_connection_takes_several_messages_a_round_trip(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    let ids = submit_all(&env, &admin, numbered(40)).await;
    let works = TestWorker::begin(&env, 1);
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
        assert_eq!(message.recipients[0].timeline.len(), 1);
    }
    works.end().await;
    relay.wait_for_disconnect().await;
    let record = relay.record();
    assert_eq!((record.accepted.len(), record.connections), (40, 1));
    // After two that try pipelining by DATA, half of the window goes out together.
    assert!(
        record.ahead >= 20,
        "{} before an earlier reply",
        record.ahead
    );
    assert_eq!(relay.count("DATA"), 2);
    assert_eq!(relay.count("BDAT 0 LAST"), 1, "it is asked once");
    assert!(record.heard("QUIT"));
}

async fn no_message_goes_ahead_without_room(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    let ids = submit_all(&env, &admin, numbered(20)).await;
    let works = TestWorker::with(
        &env,
        WorkerLimits {
            in_doubt: 1,
            ..WorkerLimits::connections(1)
        },
    );
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let record = relay.record();
    assert_eq!((record.accepted.len(), record.ahead), (20, 0));
}

async fn refusals_concern_one_message(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    relay.reply_to("END Subject: Spam", "554 5.7.1 spam");
    relay.reply_to("RCPT TO:<gone", "550 5.7.1 not for you");
    let mut ids = Vec::new();
    for number in 0..40 {
        let (to, subject) = match number % 4 {
            0 => (&["gone@example.net"][..], "Gone"),
            1 => (&["desk@example.net"][..], "Spam"),
            2 => (&["gone@example.net", "desk@example.net"][..], "Half"),
            _ => (&["desk@example.net"][..], "News"),
        };
        ids.push((subject, env.submit_mail(&admin, to, subject).await));
    }
    let works = TestWorker::begin(&env, 1);
    for (subject, id) in &ids {
        let expected = match *subject {
            "Half" => &[RecipientState::Failed, RecipientState::Delivered][..],
            "News" => &[RecipientState::Delivered],
            _ => &[RecipientState::Failed],
        };
        let done = |message: &MessageView| {
            let states = message.recipients.iter().map(|row| row.state);
            states.eq(expected.iter().copied())
        };
        env.until(&admin, id, done).await;
    }
    works.end().await;
    let record = relay.record();
    assert!(record.ahead > 0 && record.connections == 1, "{record:?}");
    assert_eq!(arrivals(&relay).values().sum::<usize>(), 20);
}

async fn a_cut_with_several_in_doubt_loses_nothing(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    // The relay takes this message and what is behind it, and its replies are lost.
    relay.lose_replies_at("END Subject: No. 10");
    let ids = submit_all(&env, &admin, numbered(40)).await;
    let works = TestWorker::begin(&env, 1);
    let mut counted = 0;
    let mut doubtful = 0;
    for id in &ids {
        let tried = |message: &MessageView| message.recipients[0].state != RecipientState::Queued;
        let message = env.until(&admin, id, tried).await;
        let row = &message.recipients[0];
        let event = &row.timeline[0];
        if row.state == RecipientState::Deferred {
            assert!(event.may_have_arrived && event.kind == EventKind::Deferred);
            counted += row.attempts;
            doubtful += 1;
        }
    }
    assert!((2..=32).contains(&doubtful), "{doubtful}");
    assert_eq!(counted, 1, "only for the first it is an attempt");
    let overview = env.postern.outbox().overview(&admin).await.expect("there");
    let mut workers = overview.workers.iter();
    assert!(
        workers.all(|worker| worker.backoffs.is_empty()),
        "{overview:?}"
    );

    env.pass(Duration::from_hours(1));
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    let arrivals = arrivals(&relay);
    assert_eq!(arrivals.len(), 40, "none is lost");
    let twice: usize = arrivals.values().sum::<usize>() - 40;
    assert!(twice <= doubtful, "{twice} duplicates of {doubtful}");
}

async fn after_a_cut_messages_go_one_by_one_until_one_is_accepted(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    relay.lose_replies_at("END Subject: No. 10");
    relay.reply_to("END Subject: Spam", "554 5.7.1 spam");
    let ids = submit_all(&env, &admin, numbered(20)).await;
    let works = TestWorker::begin(&env, 1);
    for id in &ids {
        let tried = |message: &MessageView| message.recipients[0].state != RecipientState::Queued;
        env.until(&admin, id, tried).await;
    }
    let by_data = relay.count("DATA");
    let refused = env.submit_mail(&admin, &["desk@example.net"], "Spam").await;
    env.until(&admin, &refused, is(RecipientState::Failed))
        .await;
    let next = env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    env.until_delivered(&admin, [&next]).await;
    let behind = env
        .submit_mail(&admin, &["desk@example.net"], "Behind")
        .await;
    env.until_delivered(&admin, [&behind]).await;
    works.end().await;
    // A refusal does not show whether the relay supports pipelining.
    assert_eq!(relay.count("DATA"), by_data + 2);
}

async fn behind_a_421_nothing_has_arrived(env: TestEnv) {
    let script = RelayScript::chunking();
    let (admin, relay) = (env.admin().await, Relay::start(script));
    env.save(&admin, &relay).await;
    relay.reply_to("END Subject: No. 10", "421 4.3.2 shutting down");
    let ids = submit_all(&env, &admin, numbered(40)).await;
    let works = TestWorker::begin(&env, 1);
    relay.wait_for("END Subject: No. 10", 1).await;
    relay.reset();
    for message in env.until_delivered(&admin, &ids).await {
        let row = &message.recipients[0];
        assert_eq!((row.attempts, row.timeline.len()), (1, 1), "{row:?}");
    }
    works.end().await;
    assert_eq!(relay.accepted().len(), 40, "each once");
}

async fn behind_a_reply_too_many_no_refused_message_is_delivered(env: TestEnv) {
    for [mail, rcpt, reset, queued] in [
        [
            "250 2.1.0 Ok",
            "250 2.1.5 Ok",
            "250 2.0.0 Ok",
            "250 2.0.0 Ok: queued as 1",
        ],
        ["250 OK", "250 Accepted", "250 Reset OK", "250 OK id=1"],
    ] {
        let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
        env.save(&admin, &relay).await;
        for (event, reply) in [
            ("MAIL", mail),
            ("RCPT", rcpt),
            ("RSET", reset),
            ("END", queued),
        ] {
            relay.reply_to(event, reply);
        }
        relay.reply_to("END Subject: Spam", "554 5.7.1 spam");
        relay.reply_to("END Subject: Twice", &format!("{queued}\r\n{queued}"));
        let middle = ["Twice", "Spam", "Spam"].map(str::to_owned);
        let subjects = numbered(5).chain(middle).chain(numbered(5));
        let mut ids = submit_all(&env, &admin, subjects).await;
        let works = TestWorker::begin(&env, 1);
        for id in &ids {
            let tried =
                |message: &MessageView| message.recipients[0].state != RecipientState::Queued;
            env.until(&admin, id, tried).await;
        }
        let spam: Vec<String> = ids.drain(6..8).collect();
        for id in &spam {
            let row = &env.message(&admin, id).await.recipients[0];
            let event = &row.timeline[0];
            assert_eq!(row.state, RecipientState::Deferred);
            assert!(event.may_have_arrived);
            assert!(event.reply.contains("out of place"), "{}", event.reply);
        }

        env.pass(Duration::from_hours(1));
        for id in &spam {
            env.until(&admin, id, is(RecipientState::Failed)).await;
        }
        env.until_delivered(&admin, &ids).await;
        let chunks = relay.count("BDAT");
        let more = submit_all(&env, &admin, numbered(5)).await;
        env.until_delivered(&admin, &more).await;
        works.end().await;
        assert_eq!(relay.count("BDAT"), chunks, "it gets DATA");
        assert_eq!(arrivals(&relay).get("Twice"), Some(&1));
    }
}

async fn a_relay_that_does_not_know_bdat_gets_data(env: TestEnv) {
    for reply in ["502 5.5.1 not implemented", "500 5.5.2 what?", ""] {
        let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
        env.save(&admin, &relay).await;
        relay.reply_to("BDAT", reply);
        let ids = submit_all(&env, &admin, numbered(20)).await;
        let works = TestWorker::begin(&env, 1);
        for message in env.until_delivered(&admin, &ids).await {
            let row = &message.recipients[0];
            assert_eq!((row.attempts, row.timeline.len()), (1, 1), "{row:?}");
        }
        works.end().await;
        assert_eq!(relay.accepted().len(), 20, "each once");
        assert_eq!(relay.count("BDAT"), 1, "after {reply:?}");
        assert!(relay.record().grouped > 0, "it gets pipelined commands");
    }
}

async fn a_stopped_worker_says_what_may_have_arrived(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    let first = submit_all(&env, &admin, numbered(10)).await;
    let works = TestWorker::with_grace(&env, 1, Duration::ZERO);
    env.until_delivered(&admin, &first).await;
    // One is written to the relay, which does not answer.
    relay.stall();
    let id = env.submit_mail(&admin, &["desk@example.net"], "Last").await;
    relay.wait_for("END Subject: Last", 1).await;
    works.end().await;
    let message = env.until(&admin, &id, is(RecipientState::Deferred)).await;
    assert!(message.recipients[0].timeline[0].may_have_arrived);
    relay.reset();
}

/// The messages that a relay takes on a connection.
const FEW: usize = 5;

/// Also without chunks.
async fn a_relay_that_closes_after_some_messages_gets_no_more_on_a_connection(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let taken = (0..FEW).fold(script, |script, _| script.reply("MAIL", "250 2.1.0 Ok"));
        let relay = Relay::start(taken.at("MAIL", Action::Close));
        let admin = env.admin().await;
        env.save(&admin, &relay).await;
        let ids = submit_all(&env, &admin, numbered(4 * FEW)).await;
        let works = TestWorker::begin(&env, 1);
        let is_tried = |message: &MessageView| {
            let row = &message.recipients[0];
            let is_later = row.due.is_some_and(|due| due > env.clock.now());
            is(RecipientState::Delivered)(message)
                || row.state == RecipientState::Deferred && is_later && !row.leased
        };
        // Of two connections, what went out in chunks behind the last message is in doubt.
        for _ in 0..3 {
            for id in &ids {
                env.until(&admin, id, is_tried).await;
            }
            env.pass(Duration::from_hours(2));
        }
        env.until_delivered(&admin, &ids).await;

        let (begun, quits) = (relay.count("MAIL"), relay.count("QUIT"));
        let ids = submit_all(&env, &admin, numbered(4 * FEW)).await;
        for message in env.until_delivered(&admin, &ids).await {
            let row = &message.recipients[0];
            assert_eq!((row.attempts, row.timeline.len()), (1, 1), "{row:?}");
        }
        works.end().await;
        relay.wait_for("QUIT", quits + 4).await;
        assert_eq!(relay.count("MAIL"), begun + 4 * FEW, "none in vain");
        assert_eq!(relay.accepted().len(), 8 * FEW, "each once");
    }
}

stories! {
    both {
        a_connection_takes_several_messages_a_round_trip;
        no_message_goes_ahead_without_room;
        refusals_concern_one_message;
        a_cut_with_several_in_doubt_loses_nothing;
        after_a_cut_messages_go_one_by_one_until_one_is_accepted;
        behind_a_421_nothing_has_arrived;
        behind_a_reply_too_many_no_refused_message_is_delivered;
        a_relay_that_does_not_know_bdat_gets_data;
        a_stopped_worker_says_what_may_have_arrived;
        a_relay_that_closes_after_some_messages_gets_no_more_on_a_connection;
    }
}
