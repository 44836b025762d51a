//! Relays that defer, refuse, disconnect or hang, and the result for each message.

use std::time::Duration;

use domain::outbox::{MessageView, RecipientState};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is};
use crate::wait::wait_for;
use testkit::{Action, Relay, RelayScript};

async fn recipients_learn_which_address_of_their_mail_needs_smtputf8(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 1);
    let to = ["desk@example.net", "grüße@example.net"];
    let id = env.submit_mail(&admin, &to, "Fire").await;
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    assert_eq!(message.recipients.len(), 2);
    for recipient in message.recipients {
        assert_eq!(recipient.state, RecipientState::Failed);
        let reply = &recipient.timeline.last().expect("an end").reply;
        assert!(
            reply.contains("To has the address grüße@example.net")
                && reply.contains("submit the mail to that address separately"),
            "{reply}"
        );
    }
    works.end().await;
}

async fn a_cut_after_the_final_dot_is_retried_and_marked(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("END Subject: Fire", "");
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    let message = env.until(&admin, &id, is(RecipientState::Deferred)).await;
    assert!(message.recipients[0].timeline[0].may_have_arrived);
    relay.reset();
    env.pass(Duration::from_secs(80));
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

async fn a_refused_message_does_not_delay_the_next(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("END Subject: Spam", "554 5.7.1 spam");
    relay.reply_to("MAIL FROM:<alerts@example.org> SIZE=9", "452 4.3.1 no room");
    let mut ids = Vec::new();
    for number in 0..40 {
        let subject = if number % 4 == 0 { "Spam" } else { "News" };
        ids.push((
            subject,
            env.submit_mail(&admin, &["desk@example.net"], subject)
                .await,
        ));
    }
    let works = TestWorker::begin(&env, 4);
    relay.wait_for_mails(30).await;
    for (subject, id) in &ids {
        let expected = if *subject == "Spam" {
            RecipientState::Failed
        } else {
            RecipientState::Delivered
        };
        let message = env.until(&admin, id, is(expected)).await;
        assert_eq!(message.recipients[0].attempts, 1);
    }
    assert_eq!(relay.accepted().len(), 30);
    works.end().await;
}

async fn a_421_backs_off_without_counting_an_attempt(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT", "421 4.3.2 shutting down");
    let works = TestWorker::begin(&env, 4);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    env.until_backoff(&admin, None).await;
    relay.reset();
    env.pass(Duration::from_secs(10));
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
        assert_eq!(message.recipients[0].timeline.len(), 1);
    }
    works.end().await;
}

async fn a_clock_set_back_does_not_extend_the_backoff(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("GREETING", "421 4.3.2 not up yet");
    let works = TestWorker::begin(&env, 4);
    env.submit_mail(&admin, &["desk@example.net"], "Early")
        .await;
    env.until_backoff(&admin, None).await;
    env.put_back(Duration::from_hours(2));
    relay.reset();
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.pass(Duration::from_secs(10));
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

async fn mail_that_is_due_years_later_is_due_now(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT", "450 4.2.0 greylisted");
    let years = Duration::from_hours(3 * 365 * 24);
    env.pass(years);
    let works = TestWorker::begin(&env, 4);
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.until(&admin, &id, is(RecipientState::Deferred)).await;
    relay.reset();
    env.put_back(years);
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;

    // The state after a node was killed whose clock was ahead.
    let id = env.submit_mail(&admin, &["desk@example.net"], "Fire").await;
    env.tamper(
        "UPDATE recipient SET owner = 'dead', due_at = due_at + 94608000000 WHERE due_at > 0",
    )
    .await;
    let works = TestWorker::begin(&env, 4);
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
}

async fn a_relay_with_few_connections_gets_all_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.limit_connections(2);
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    let works = TestWorker::begin(&env, 16);
    relay.wait_for_mails(200).await;
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    assert_eq!(relay.accepted().len(), 200, "each once");
    works.end().await;
}

async fn a_relay_that_refuses_a_third_message_per_connection_gets_all_mail(env: TestEnv) {
    let too_many = "421 4.7.0 too many messages in this connection\r\n";
    few_messages_per_connection(env, 2, Action::ReplyAndClose(too_many.into())).await;
}

async fn a_relay_that_closes_after_sixteen_messages_gets_all_mail(env: TestEnv) {
    few_messages_per_connection(env, 16, Action::Close).await;
}

async fn few_messages_per_connection(env: TestEnv, few: usize, end: Action) {
    let taken = (0..few).fold(RelayScript::pipelining(), |script, _| {
        script.reply("MAIL", "250 2.1.0 Ok")
    });
    let (admin, relay) = (env.admin().await, Relay::start(taken.at("MAIL", end)));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
        assert_eq!(message.recipients[0].timeline.len(), 1);
    }
    // The relay is used with as many connections as before.
    relay.stall();
    let before = relay.count("END");
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    relay.wait_for("END", before + 4).await;
    relay.reset();
    env.until_delivered(&admin, &ids).await;
    assert_eq!(relay.accepted().len(), 48, "each once");
    works.end().await;
}

async fn a_relay_that_breaks_on_pipelining_gets_no_pipelining(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.discard_pipelined();
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    let works = TestWorker::begin(&env, 2);
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    assert_eq!(relay.accepted().len(), 30, "each once");
    works.end().await;
}

async fn a_relay_that_ends_on_pipelining_is_tried_with_one_message_a_week(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.end_on_pipelined();
    let week = Duration::from_secs(7 * 86_400);
    let mut accepted = 0;
    // The second worker knows what the first one tried.
    for (wait, trials) in [(Duration::ZERO, 1), (Duration::ZERO, 0), (week, 1)] {
        env.pass(wait);
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
        }
        let works = TestWorker::begin(&env, 4);
        for id in &ids {
            let tried = |message: &MessageView| {
                let state = message.recipients[0].state;
                matches!(state, RecipientState::Delivered | RecipientState::Deferred)
            };
            env.until(&admin, id, tried).await;
        }
        // The relay has the message of the trial, and has not replied.
        env.pass(Duration::from_secs(3600));
        env.until_delivered(&admin, &ids).await;
        works.end().await;
        accepted += 40 + trials;
        assert_eq!(relay.accepted().len(), accepted, "after {wait:?}");
    }
}

async fn a_message_refused_before_its_body_is_no_trial_of_pipelining(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.end_on_pipelined();
    relay.reply_to("RCPT TO:<gone", "550 5.7.1 not for you");
    let mut ids = vec![env.submit_mail(&admin, &["gone@example.net"], "Gone").await];
    for _ in 0..20 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    let works = TestWorker::begin(&env, 1);
    for id in &ids {
        let tried =
            |message: &MessageView| !matches!(message.recipients[0].state, RecipientState::Queued);
        env.until(&admin, id, tried).await;
    }
    env.pass(Duration::from_secs(3600));
    env.until_delivered(&admin, &ids[1..]).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 21, "one of 20 twice");
}

async fn a_password_changed_during_delivery_fails_no_mail(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save_signing_in(&admin, &relay, "first").await;
    let works = TestWorker::begin(&env, 4);
    env.submit_mail(&admin, &["desk@example.net"], "Before")
        .await;
    relay.wait_for_mails(1).await;
    relay.reply_to("AUTH", "535 5.7.8 wrong");
    relay.reply_to("MAIL", "421 4.7.0 sign in anew");
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    relay.wait_for("MAIL", 2).await;
    env.pass(Duration::from_secs(10));
    relay.wait_for("AUTH", 2).await;
    relay.reset();
    env.save_signing_in(&admin, &relay, "second").await;
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    assert_eq!(relay.accepted().len(), 51, "each once");
    works.end().await;
}

async fn a_partly_sent_message_is_not_sent_twice(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.stall();
    let addresses: Vec<String> = (0..100).map(|n| format!("desk{n}@example.net")).collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let mut ids = Vec::new();
    for subject in ["One", "Two", "Three"] {
        ids.push(env.submit_mail(&admin, &to, subject).await);
    }
    let works = TestWorker::begin(&env, 1);
    relay.wait_for("END", 1).await;
    env.postern
        .outbox()
        .pause_delivery(&admin, true)
        .await
        .expect("held");
    env.postern
        .outbox()
        .pause_delivery(&admin, false)
        .await
        .expect("ended");
    relay.reset();
    env.until_delivered(&admin, &ids).await;
    let mut got: Vec<String> = relay
        .accepted()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    got.sort();
    assert_eq!(got.len(), 300, "each recipient got each mail once");
    works.end().await;
}

async fn a_hanging_relay_does_not_delay_the_next_saved_one(env: TestEnv) {
    let (admin, hangs, works_well) = (
        env.admin().await,
        Relay::start(RelayScript::pipelining()),
        Relay::start(RelayScript::pipelining()),
    );
    env.save(&admin, &hangs).await;
    hangs.stall();
    let works = TestWorker::with_grace(&env, 4, Duration::ZERO);
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    hangs.wait_for("END", 4).await;
    env.save(&admin, &works_well).await;
    // All but the messages in doubt and those pipelined behind them.
    works_well.wait_for_mails(42).await;
    wait_for("42 deliveries", async || {
        let overview = env
            .postern
            .outbox()
            .overview(&admin)
            .await
            .expect("an overview");
        let counts = overview.counts.into_iter();
        let delivered: i64 = counts
            .filter(|count| count.state == RecipientState::Delivered)
            .map(|count| count.number)
            .sum();
        (delivered >= 42).then_some(()).ok_or(delivered)
    })
    .await;
    works.end().await;
    let hanging = hangs.address.to_string();
    // What was not pipelined yet goes to the next relay, and may be interrupted there.
    let (mut doubtful, mut waiting) = (0, 0);
    for id in &ids {
        let message = env.message(&admin, id).await;
        let row = &message.recipients[0];
        match row.state {
            RecipientState::Deferred => {
                let attempt = &row.timeline[0];
                assert!(attempt.may_have_arrived);
                match attempt.by == hanging {
                    true => doubtful += 1,
                    false => waiting += 1,
                }
            }
            RecipientState::Queued => waiting += 1,
            _ => assert_eq!(row.state, RecipientState::Delivered),
        }
    }
    assert_eq!(doubtful, 4, "the relay had them when Postern was stopped");
    assert!(waiting <= 4, "{waiting}");
}

async fn no_transaction_begins_while_delivery_is_paused(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.stall();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    let works = TestWorker::begin(&env, 4);
    relay.wait_for("END", 4).await;
    env.postern
        .outbox()
        .pause_delivery(&admin, true)
        .await
        .expect("held");
    // The worker knows of the pause once it has released its local queue: leased are the messages
    // under way and those that follow on their connections.
    wait_for("at most eight leased messages", async || {
        let mut leased = 0;
        for id in &ids {
            let message = env.postern.outbox().message(&admin, id).await;
            leased += usize::from(message.expect("there").recipients[0].leased);
        }
        (leased <= 8).then_some(()).ok_or(leased)
    })
    .await;
    relay.reset();
    relay.wait_for_mails(4).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 4, "those under way");
    assert_eq!(relay.count("GREETING"), 4);
}

async fn a_message_that_always_gets_421_does_not_stop_others(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<poison", "421 4.7.0 go away");
    let works = TestWorker::begin(&env, 1);
    let poison = env
        .submit_mail(&admin, &["poison@example.net"], "Bad")
        .await;
    // While no other message is delivered, the relay backs off.
    let backoff = env.until_backoff(&admin, None).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    env.pass(Duration::from_secs(10));
    relay.wait_for("RCPT TO:<poison", 2).await;
    env.until_backoff(&admin, Some(&backoff)).await;
    // It is tried after the others, and is an attempt then.
    env.pass(Duration::from_secs(30));
    env.until_delivered(&admin, &ids).await;
    let message = env
        .until(&admin, &poison, is(RecipientState::Deferred))
        .await;
    let row = &message.recipients[0];
    assert_eq!((row.attempts, row.timeline.len()), (1, 1));
    assert_eq!(row.timeline[0].reply, "421 4.7.0 go away");
    works.end().await;
}

async fn recipients_beyond_the_limit_come_in_the_next_transaction(env: TestEnv) {
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let (admin, relay) = (env.admin().await, Relay::start(script));
        env.save(&admin, &relay).await;
        relay.limit_recipients(3);
        let works = TestWorker::begin(&env, 2);
        let to: Vec<String> = (0..10).map(|n| format!("r{n}@example.net")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        // One after the other: a claim of the recipients of several mails may end within a mail.
        for _ in 0..5 {
            let id = env.submit_mail(&admin, &to, "Fire").await;
            for message in env.until_delivered(&admin, &[id]).await {
                for row in &message.recipients {
                    assert_eq!((row.attempts, row.timeline.len()), (1, 1), "{row:?}");
                }
            }
        }
        works.end().await;
        let mut sizes: Vec<_> = relay.accepted().iter().map(|mail| mail.to.len()).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [vec![1; 5], vec![3; 15]].concat());
    }
}

stories! {
    both {
        recipients_learn_which_address_of_their_mail_needs_smtputf8;
        a_cut_after_the_final_dot_is_retried_and_marked;
        a_refused_message_does_not_delay_the_next;
        a_421_backs_off_without_counting_an_attempt;
        a_clock_set_back_does_not_extend_the_backoff;
        mail_that_is_due_years_later_is_due_now;
        a_relay_with_few_connections_gets_all_mail;
        a_relay_that_refuses_a_third_message_per_connection_gets_all_mail;
        a_relay_that_closes_after_sixteen_messages_gets_all_mail;
        a_relay_that_breaks_on_pipelining_gets_no_pipelining;
        a_relay_that_ends_on_pipelining_is_tried_with_one_message_a_week;
        a_message_refused_before_its_body_is_no_trial_of_pipelining;
        a_password_changed_during_delivery_fails_no_mail;
        a_partly_sent_message_is_not_sent_twice;
        a_hanging_relay_does_not_delay_the_next_saved_one;
        no_transaction_begins_while_delivery_is_paused;
        a_message_that_always_gets_421_does_not_stop_others;
        recipients_beyond_the_limit_come_in_the_next_transaction;
    }
}
