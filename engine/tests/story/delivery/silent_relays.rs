//! Relays that do not answer after the end of data leave room in doubt to others.

use engine::{Actor, Submission, Submissions};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, WorkerLimits, mail};
use testkit::{Relay, RelayScript};

/// With so many permits five silent relays leave one.
const IN_DOUBT: usize = 32;
const SILENT: usize = 5;

/// More than the permits.
const MAILS: usize = 40;

/// Submits many mails from an address of this domain.
async fn submit(env: &TestEnv, admin: &Actor, domain: &str) -> Vec<String> {
    let one = || Submission {
        from: Some(format!("alerts@{domain}")),
        ..mail(&["desk@example.net"], "Fire")
    };
    let submissions = Submissions::Many((0..MAILS).map(|_| one()).collect());
    let accepted = env.postern.outbox().accept(admin, submissions, None).await;
    accepted.expect("accepted").ids
}

async fn mail_flows_beside_silent(env: TestEnv, script: RelayScript) {
    let (admin, general) = (env.admin().await, Relay::start(script.clone()));
    env.save(&admin, &general).await;
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let (relay, domain) = (Relay::start(script.clone()), format!("d{number}.example"));
        env.add_relay(&admin, &relay, Some(&domain)).await;
        silent.push((relay, domain));
    }
    let limits = WorkerLimits {
        in_doubt: IN_DOUBT,
        ..WorkerLimits::connections(20)
    };
    let works = TestWorker::with(&env, limits);
    // What the relays bear is known by then, and how many connections.
    let mut ids = Vec::new();
    for (_, domain) in &silent {
        ids.extend(submit(&env, &admin, domain).await);
    }
    env.until_delivered(&admin, &ids).await;

    for (relay, _) in &silent {
        relay.stall();
    }
    for (_, domain) in &silent {
        ids.extend(submit(&env, &admin, domain).await);
    }
    for (relay, _) in &silent {
        relay.wait_for("END", MAILS + 1).await;
    }
    let others = submit(&env, &admin, "example.org").await;
    env.until_delivered(&admin, &others).await;
    for (relay, _) in &silent {
        assert_eq!(relay.accepted().len(), MAILS, "none meanwhile");
        relay.reset();
    }
    env.until_delivered(&admin, &ids).await;
    works.end().await;
    assert_eq!(general.accepted().len(), MAILS);
    for (relay, _) in &silent {
        assert_eq!(relay.accepted().len(), 2 * MAILS, "each once");
    }
}

async fn mail_flows_beside_silent_relays_by_data(env: TestEnv) {
    mail_flows_beside_silent(env, RelayScript::pipelining()).await;
}

async fn mail_flows_beside_silent_relays_in_chunks(env: TestEnv) {
    mail_flows_beside_silent(env, RelayScript::chunking()).await;
}

stories! {
    both {
        mail_flows_beside_silent_relays_by_data;
        mail_flows_beside_silent_relays_in_chunks;
    }
}
