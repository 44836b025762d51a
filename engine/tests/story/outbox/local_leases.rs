//! Messages that are leased to the local worker in the commit that accepts them.

use std::cell::Cell;
use std::time::Duration;

use domain::outbox::{MessageView, RecipientState, Search};
use engine::{Actor, Submission, Submissions};
use futures::FutureExt as _;
use futures::future::join_all;

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, is, mail, states};
use testkit::{Relay, RelayScript};

/// A worker whose first message waits for the reply of a stalled relay. It knows that the queue is
/// empty, so that messages submitted now are leased to it at once.
async fn at_work(
    env: &TestEnv,
    works: impl FnOnce(&TestEnv) -> TestWorker,
) -> (Actor, Relay, TestWorker, String) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.stall();
    let works = works(env);
    let first = env.submit_mail(&admin, &["first@example.net"], "First");
    let first = first.await;
    relay.wait_for("END", 1).await;
    (admin, relay, works, first)
}

/// A running worker with this number of connections, which has delivered the first message.
async fn well_at_work(env: &TestEnv, connections: usize) -> (Actor, Relay, TestWorker) {
    let (admin, relay, works, first) = at_work(env, begins(connections)).await;
    relay.reset();
    env.until_delivered(&admin, [&first]).await;
    (admin, relay, works)
}

fn begins(connections: usize) -> impl FnOnce(&TestEnv) -> TestWorker {
    move |env| TestWorker::begin(env, connections)
}

fn leased(message: &MessageView) -> bool {
    message.recipients.iter().any(|row| row.leased)
}

async fn mail_is_leased_to_a_free_worker_in_one_commit(env: TestEnv) {
    let (admin, relay, works, _) = at_work(&env, begins(1)).await;
    let changes = env.postern.outbox().changes();
    let before = *changes.borrow();
    let id = env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    let message = env.message(&admin, &id).await;
    assert!(leased(&message));
    assert_eq!(*changes.borrow(), before + 1, "nobody had to take it");
    relay.reset();
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["First", "Next"]);
}

async fn mail_committed_while_delivery_is_paused_is_not_sent(env: TestEnv) {
    let (admin, relay, works, first) = at_work(&env, begins(1)).await;
    let next = env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    let lock = env.lock_out().await;
    let meanwhile = async {
        // The commit has read that delivery is not paused, and waits for the lock.
        env.until_locked().await;
        env.postern
            .outbox()
            .pause_delivery(&admin, true)
            .await
            .expect("held");
        // The worker has seen the pause and releases its local queue.
        let given_back = |message: &MessageView| !leased(message);
        env.until(&admin, &next, given_back).await;
        // The connection is free.
        relay.reset();
        env.until(&admin, &first, is(RecipientState::Delivered))
            .await;
        drop(lock);
    };
    let late = env.submit_mail(&admin, &["desk@example.net"], "Late");
    let (late, ()) = tokio::join!(late, meanwhile);
    let given_back = |message: &MessageView| !leased(message);
    let message = env.until(&admin, &late, given_back).await;
    assert_eq!(states(&message), [RecipientState::Queued]);
    assert_eq!(relay.subjects(), ["First"]);

    env.postern
        .outbox()
        .pause_delivery(&admin, false)
        .await
        .expect("ended");
    env.until_delivered(&admin, [&next, &late]).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 3, "each once");
}

async fn mail_committed_during_a_save_uses_the_new_settings(env: TestEnv) {
    let (admin, old, works, first) = at_work(&env, begins(1)).await;
    let new = Relay::start(RelayScript::pipelining());
    new.stall();
    env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    let lock = env.lock_out().await;
    let meanwhile = async {
        // The commit has read the old settings, and waits for the lock.
        env.until_locked().await;
        env.save(&admin, &new).await;
        // The worker uses the new settings.
        new.wait_for("END", 1).await;
        drop(lock);
    };
    let late = env.submit_mail(&admin, &["desk@example.net"], "Late");
    let (late, ()) = tokio::join!(late, meanwhile);
    // In either order: the session with the old relay ends without the message.
    old.reset();
    old.wait_for("QUIT", 1).await;
    new.reset();
    env.until_delivered(&admin, [&first, &late]).await;
    works.end().await;
    assert_eq!(old.subjects(), ["First"]);
    assert_eq!(new.subjects(), ["Next", "Late"]);
}

async fn a_stopping_worker_under_load_keeps_no_lease(env: TestEnv) {
    let (admin, relay, works, first) = at_work(&env, begins(4)).await;
    relay.reset();
    let ended = Cell::new(false);
    let hands_over = async |_| {
        let mut ids = Vec::new();
        while !ended.get() {
            ids.push(
                env.submit_mail(&admin, &["desk@example.net"], "Another")
                    .await,
            );
        }
        ids
    };
    let stops = async {
        relay.wait_for_mails(30).await;
        works.end().await;
        ended.set(true);
    };
    let (ids, ()) = tokio::join!(join_all((0..8).map(hands_over)), stops);
    let mut ids: Vec<String> = ids.into_iter().flatten().collect();
    ids.push(first);
    let sent = relay.accepted().len();
    let mut waiting = 0;
    for id in &ids {
        let message = env.message(&admin, id).await;
        assert!(!leased(&message), "{message:?}");
        waiting += usize::from(states(&message) == [RecipientState::Queued]);
    }
    assert_eq!(waiting + sent, ids.len());

    let works = TestWorker::begin(&env, 4);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), ids.len(), "each once");
}

async fn a_stopping_worker_releases_mail_being_committed_for_it(env: TestEnv) {
    let (admin, relay, works) = well_at_work(&env, 1).await;
    let lock = env.lock_out().await;
    let stops = async {
        env.until_locked().await;
        let goes_on = async {
            // The worker stops and closes its session.
            relay.wait_for("QUIT", 1).await;
            drop(lock);
        };
        tokio::join!(works.end(), goes_on);
    };
    let late = env.submit_mail(&admin, &["desk@example.net"], "Late");
    let (late, ()) = tokio::join!(late, stops);
    let message = env.message(&admin, &late).await;
    assert_eq!(states(&message), [RecipientState::Queued]);
    assert!(!leased(&message));

    let works = TestWorker::begin(&env, 1);
    env.until(&admin, &late, is(RecipientState::Delivered))
        .await;
    works.end().await;
    assert_eq!(relay.subjects(), ["First", "Late"]);
}

async fn a_stopping_worker_releases_mail_being_claimed(env: TestEnv) {
    let (admin, relay, works) = well_at_work(&env, 1).await;
    // A claim reads the suppression list.
    let mut lock = env.connection().await;
    execute(&mut lock, "BEGIN; LOCK TABLE suppression").await;
    let large = Submission {
        text: Some("Hello.\n".repeat(100_000)),
        ..mail(&["desk@example.net"], "Large")
    };
    let submissions = Submissions::One(Box::new(large));
    let ids = env.postern.outbox().accept(&admin, submissions, None).await;
    let large = ids.expect("accepted").ids.remove(0);
    env.until_locked().await;
    let goes_on = async {
        relay.wait_for("QUIT", 1).await;
        drop(lock);
    };
    tokio::join!(works.end(), goes_on);
    // A lease that was written after all is on disk before this message.
    let next = env.submit_mail(&admin, &["desk@example.net"], "Next").await;
    for id in [&large, &next] {
        let message = env.message(&admin, id).await;
        assert_eq!(states(&message), [RecipientState::Queued]);
        assert!(!leased(&message));
    }
}

async fn mail_of_a_client_lost_during_the_commit_is_sent_once(env: TestEnv) {
    let (admin, relay, works) = well_at_work(&env, 4).await;
    relay.wait_for_mails(1).await;
    let lock = env.lock_out().await;
    tokio::select! {
        answer = env.keyed(&admin, "k", 1, "Fire") => panic!("{answer:?}"),
        // The client disconnects.
        () = env.until_locked() => {}
    }
    drop(lock);
    relay.wait_for_mails(2).await;
    let about = Search {
        subject: "Fire".to_owned(),
        ..Search::default()
    };
    let page = env.postern.outbox().page(&admin, &about, None).await;
    let kept = page.expect("a page").lines.remove(0).id;
    env.until(&admin, &kept, is(RecipientState::Delivered))
        .await;
    assert_eq!(env.keyed(&admin, "k", 1, "Fire").await, Ok(vec![kept]));
    works.end().await;
    assert_eq!(relay.subjects(), ["First", "Fire"]);
    assert_eq!(env.kept(&admin).await, 2);
}

async fn mail_of_a_client_lost_before_the_commit_is_not_stored(env: TestEnv) {
    let (admin, relay, works) = well_at_work(&env, 4).await;
    let lock = env.lock_out().await;
    // Two commits are in progress.
    let one = env.keyed(&admin, "k", 1, "One");
    let two = async {
        env.until_waiting(1).await;
        env.keyed(&admin, "l", 1, "Two").await
    };
    let goes_on = async {
        env.until_waiting(2).await;
        let three = env.keyed(&admin, "m", 1, "Three").now_or_never();
        assert_eq!(three, None, "it waits, and waits no longer");
        drop(lock);
    };
    let (one, two, ()) = tokio::join!(one, two, goes_on);
    let ids = [one.expect("accepted"), two.expect("accepted")].concat();
    env.until_delivered(&admin, &ids).await;
    // Earlier submissions are finished when this one is.
    let last = env.submit_mail(&admin, &["desk@example.net"], "Last").await;
    env.until_delivered(&admin, [&last]).await;
    assert_eq!(env.kept(&admin).await, 4, "and the first");
    works.end().await;
    assert!(!relay.subjects().contains(&"Three".to_owned()));
}

async fn a_suppressed_recipient_is_skipped_and_others_are_sent_to(env: TestEnv) {
    let (admin, relay, works) = well_at_work(&env, 4).await;
    relay.reply_to("RCPT TO:<gone", "550 5.1.1 no such user");
    let gone = env.submit_mail(&admin, &["gone@example.net"], "Gone").await;
    env.until(&admin, &gone, is(RecipientState::Failed)).await;
    let to = ["desk@example.net", "Gone@example.net"];
    let id = env.submit_mail(&admin, &to, "Fire").await;
    let done = |message: &MessageView| !states(message).contains(&RecipientState::Queued);
    let message = env.until(&admin, &id, done).await;
    assert_eq!(
        states(&message),
        [RecipientState::Delivered, RecipientState::Failed]
    );
    let reply = &message.recipients[1].timeline[0].reply;
    assert!(reply.contains("550 5.1.1 no such user"), "{reply}");
    assert_eq!(message.recipients[1].attempts, 0);
    works.end().await;
    assert_eq!(relay.count("RCPT TO:<gone"), 1);
    assert_eq!(relay.count("RCPT TO:<Gone"), 0);
    assert_eq!(relay.subjects(), ["First", "Fire"]);
}

async fn concurrent_submissions_are_each_delivered_once(env: TestEnv) {
    // This worker gets at most 64 leases at acceptance; larger batches are claimed from the queue.
    let (admin, relay, works) = well_at_work(&env, 16).await;
    let mut expected = vec!["first@example.net".to_owned()];
    for number in [63, 64, 65, 500] {
        let to = (0..number).map(|n| format!("desk{n}of{number}@example.net"));
        let to: Vec<String> = to.collect();
        let submissions = to.iter().map(|to| mail(&[to], "Many")).collect();
        let ids = env
            .postern
            .outbox()
            .accept(&admin, Submissions::Many(submissions), None);
        let ids = ids.await.expect("accepted").ids;
        assert_eq!(ids.len(), number);
        env.until_delivered(&admin, &ids).await;
        expected.extend(to);
    }
    let to = (0..100).map(|n| format!("reader{n}@example.net"));
    let to: Vec<String> = to.collect();
    let all: Vec<&str> = to.iter().map(String::as_str).collect();
    let id = env.submit_mail(&admin, &all, "To all").await;
    let message = env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(message.recipients.len(), 100);
    expected.extend(to);
    works.end().await;
    let mut got: Vec<String> = relay
        .accepted()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
}

async fn mail_whose_lease_another_node_took_is_not_sent(env: TestEnv) {
    let works = |env: &TestEnv| TestWorker::with_lease(env, 1, Duration::from_secs(1));
    let (admin, relay, works, first) = at_work(&env, works).await;
    let mut ids = Vec::new();
    for subject in ["Second", "Third"] {
        let id = env.submit_mail(&admin, &["desk@example.net"], subject);
        ids.push(id.await);
    }
    // The first node cannot renew its leases.
    let mut other = env.connection().await;
    let lock = "BEGIN; SELECT * FROM recipient WHERE address LIKE 'desk@%' FOR UPDATE";
    execute(&mut other, lock).await;
    for id in &ids {
        let over = |message: Option<&MessageView>| message.is_some_and(|it| !leased(it));
        env.until_found(&admin, id, over).await;
    }
    let take = "UPDATE recipient SET owner = 'other', due_at = due_at + 60000 \
                WHERE address LIKE 'desk@%'; COMMIT";
    execute(&mut other, take).await;

    // It reaches the messages behind them in its local queue.
    relay.reset();
    let later = env
        .submit_mail(&admin, &["later@example.net"], "Later")
        .await;
    env.until_delivered(&admin, [&first, &later]).await;
    works.end().await;
    assert_eq!(relay.subjects(), ["First", "Later"]);

    // The next worker sends the messages after the leases of the dead one have expired.
    env.pass(Duration::from_secs(61));
    let works = TestWorker::begin(&env, 1);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 4, "each once");
}

stories! {
    both {
        mail_is_leased_to_a_free_worker_in_one_commit;
        a_suppressed_recipient_is_skipped_and_others_are_sent_to;
        concurrent_submissions_are_each_delivered_once;
    }
    both_multi_thread {
        a_stopping_worker_under_load_keeps_no_lease;
    }
    postgres {
        mail_committed_while_delivery_is_paused_is_not_sent;
        mail_committed_during_a_save_uses_the_new_settings;
        a_stopping_worker_releases_mail_being_committed_for_it;
        a_stopping_worker_releases_mail_being_claimed;
        mail_of_a_client_lost_during_the_commit_is_sent_once;
        mail_of_a_client_lost_before_the_commit_is_not_stored;
        mail_whose_lease_another_node_took_is_not_sent;
    }
}
