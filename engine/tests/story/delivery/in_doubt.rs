//! The limit of messages in doubt: sent as a whole, and without a result on disk.

use std::time::Duration;

use domain::Timestamp;
use domain::outbox::{MessageView, RecipientState};
use engine::Submissions;
use tokio::time::Instant;

use crate::environment::{TestEnv, execute};
use crate::outbox::{TestWorker, WorkerLimits, is, mail};
use crate::wait::wait_for;
use testkit::{Relay, RelayScript};

async fn a_connection_goes_on_before_a_result_is_on_disk(env: TestEnv) {
    let admin = env.admin().await;
    let in_doubt = 5;
    for script in [RelayScript::pipelining(), RelayScript::chunking()] {
        let relay = Relay::start(script);
        env.save(&admin, &relay).await;
        let limits = WorkerLimits {
            in_doubt,
            ..WorkerLimits::connections(1)
        };
        let works = TestWorker::with(&env, limits);
        // The first message keeps the connection until the database is locked.
        relay.stall();
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
        }
        relay.wait_for("END", 1).await;
        let mut lock = env.connection().await;
        execute(&mut lock, "BEGIN; LOCK TABLE recipient IN SHARE MODE").await;
        relay.reset();
        relay.wait_for_mails(in_doubt).await;
        // Without room for it, the next message has no end of data.
        env.until_heartbeat().await;
        assert_eq!(relay.count("END"), in_doubt);
        drop(lock);
        env.until_delivered(&admin, &ids).await;
        works.end().await;
        assert_eq!(relay.accepted().len(), 20, "each once");
    }
}

async fn all_connections_share_the_limit(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::with(
        &env,
        WorkerLimits {
            // A relay that does not answer gets half of them.
            in_doubt: 4,
            ..WorkerLimits::connections(4)
        },
    );
    relay.stall();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    relay.wait_for("DATA", 4).await;
    relay.wait_for("END", 2).await;
    env.until_heartbeat().await;
    assert_eq!(relay.count("END"), 2);
    relay.reset();
    for message in env.until_delivered(&admin, &ids).await {
        assert_eq!(message.recipients[0].attempts, 1);
    }
    works.end().await;
    assert_eq!(relay.accepted().len(), 20, "each once");
}

/// What another worker would write.
async fn lease_to(env: &TestEnv, id: &str, owner: &str, due: Timestamp) {
    let statement = format!(
        "UPDATE recipient SET owner = {owner}, due_at = {} WHERE message_id = '{id}'",
        due.0
    );
    execute(&mut env.connection().await, &statement).await;
}

async fn a_message_whose_lease_ended_while_it_waited_is_not_sent(env: TestEnv) {
    let admin = env.admin().await;
    let lease = Duration::from_secs(2);
    // The second message waits behind the first on its connection, or for room on another one: at its
    // end of data, or before it begins.
    for (script, connections, in_doubt, begun_by_data) in [
        (RelayScript::pipelining(), 1, 64, 1),
        (RelayScript::pipelining(), 2, 1, 2),
        (RelayScript::chunking(), 2, 1, 0),
    ] {
        let relay = Relay::start(script);
        env.save(&admin, &relay).await;
        let limits = WorkerLimits {
            in_doubt,
            lease,
            ..WorkerLimits::connections(connections)
        };
        let works = TestWorker::with(&env, limits);
        let submit = async |subjects: Vec<&str>| {
            let mails = subjects
                .into_iter()
                .map(|subject| mail(&["desk@example.net"], subject));
            let mails = Submissions::Many(mails.collect());
            let accepted = env.postern.outbox().accept(&admin, mails, None).await;
            accepted.expect("accepted").ids
        };
        // What the relay bears is known by then.
        let before = submit(vec!["Before"; 20]).await;
        env.until_delivered(&admin, &before).await;
        relay.stall();
        let by_data = relay.count("DATA");
        let mut ids = Vec::new();
        // One connection looks ahead to what is there when it begins.
        let requests = match connections {
            1 => vec![vec!["First", "Second"]],
            _ => vec![vec!["First"], vec!["Second"]],
        };
        for subjects in requests {
            ids.extend(submit(subjects).await);
            relay.wait_for("END Subject: First", 1).await;
        }
        relay.wait_for("DATA", by_data + begun_by_data).await;
        env.until_heartbeat().await;
        let soon = env.clock.now() + Duration::from_secs(50);
        lease_to(&env, &ids[1], "'another'", soon).await;
        let begun = Instant::now();
        wait_for("the end of the lease", async || match begun.elapsed() {
            passed if passed > lease => Ok(()),
            passed => Err(passed),
        })
        .await;
        relay.reset();
        env.until_delivered(&admin, [&ids[0]]).await;
        env.until_heartbeat().await;
        assert_eq!(relay.count("END Subject: Second"), 0);
        lease_to(&env, &ids[1], "NULL", env.clock.now()).await;
        env.until_delivered(&admin, [&ids[1]]).await;
        works.end().await;
        assert_eq!(relay.count("END Subject: Second"), 1);
        assert_eq!(relay.accepted().len(), 22, "each once");
    }
}

async fn a_stopping_worker_writes_the_results_it_has(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::chunking()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 4);
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(env.submit_mail(&admin, &["desk@example.net"], "Fire").await);
    }
    relay.wait_for_mails(50).await;
    works.end().await;
    let accepted = relay.accepted().len();
    let mut delivered = 0;
    for id in &ids {
        let free = |message: &MessageView| !message.recipients[0].leased;
        let message = env.until(&admin, id, free).await;
        delivered += usize::from(is(RecipientState::Delivered)(&message));
    }
    assert_eq!(delivered, accepted);
    env.pass(Duration::from_secs(1));
    let works = TestWorker::begin(&env, 4);
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(relay.accepted().len(), 100, "each once");
}

stories! {
    both {
        all_connections_share_the_limit;
        a_message_whose_lease_ended_while_it_waited_is_not_sent;
    }
    both_multi_thread {
        a_stopping_worker_writes_the_results_it_has;
    }
    postgres {
        a_connection_goes_on_before_a_result_is_on_disk;
    }
}
