//! One crash run on one database: nodes, producers, relay and the random delays.

use super::{
    ledger::{Comparison, Submission, compare},
    producers::{Producers, SubmissionLog},
    relay::CrashRelay,
};
use crate::rig::{
    environment::{Database, Environment},
    http::Client,
    metrics::Metrics,
    postern::{Plan, Postern},
    random::Random,
};
use anyhow::{Context, Result};
use std::{fs, sync::Arc, thread::sleep, time::Duration};

/// Relay connections of each node.
pub const CONNECTIONS: usize = 8;

/// The mails of each node that may be in doubt.
pub const IN_DOUBT: usize = 32;

/// Range of the delay between a start and the next crash, in milliseconds.
pub const CRASH_DELAY_MS: (u64, u64) = (100, 1500);

/// Number of undelivered mails above which producers pause: enough to keep every connection busy.
pub const MAX_BACKLOG: u64 = 400;

/// Limit for delivering the rest after the last crash. Leased mail waits for its lease to expire.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// Longer than a healthy node on a busy machine waits between renewals: otherwise the other node
/// would send its mail again.
pub const LEASE_SECONDS: &str = "10";

pub fn run(
    environment: &mut Environment,
    engine: Database,
    crashes: usize,
    random: &mut Random,
) -> Result<Comparison> {
    let shared = SubmissionLog::new(MAX_BACKLOG);
    let relay = CrashRelay::start(&shared)?;
    let (plans, token) = plans(environment, engine)?;
    let mut nodes = Vec::new();
    for plan in &plans {
        nodes.push(Some(plan.start()?));
    }
    let address = relay.relay.address;
    alive(&nodes)?.deliver_to(&token, address)?;

    let addresses: Vec<_> = plans.iter().map(|plan| plan.address).collect();
    let producers = Producers::start(Arc::clone(&shared), &addresses, &token, random);
    producers.wait_for_first()?;
    for crash in 1..=crashes {
        sleep(Duration::from_millis(
            random.between(CRASH_DELAY_MS.0, CRASH_DELAY_MS.1),
        ));
        let victim = random.between(0, nodes.len() as u64 - 1) as usize;
        let node = nodes[victim].take().context("a node is missing")?;
        node.kill()?;
        relay.crashed()?;
        // With two nodes, the survivor takes over after the last crash.
        if crash < crashes || nodes.len() == 1 {
            nodes[victim] = Some(plans[victim].start()?);
        }
    }
    sleep(Duration::from_millis(CRASH_DELAY_MS.0));
    producers.stop()?;
    let node = alive(&nodes)?;
    let mut client = Client::connect(node.address, "")?;
    node.wait("an empty queue after the last crash", DRAIN_TIMEOUT, || {
        Metrics::read(&mut client).is_ok_and(|metrics| metrics.undelivered() == 0)
    })?;
    let submissions = shared.submissions();
    let mut comparison = compare(&submissions, &relay.receipts(), IN_DOUBT);
    let mut client = Client::with_token(node.address, &token)?;
    comparison
        .faults
        .extend(unrecorded(&mut client, &submissions)?);
    if environment.deadlocks() > 0 {
        let fault = format!("{} deadlocks in PostgreSQL", environment.deadlocks());
        comparison.faults.push(fault);
    }
    Ok(comparison)
}

/// One node on SQLite; two on PostgreSQL, which share the keys.
fn plans(environment: &mut Environment, engine: Database) -> Result<(Vec<Plan>, String)> {
    let first = environment
        .plan(engine)?
        .argument(&["--relay-connections", &CONNECTIONS.to_string()])
        .argument(&["--in-doubt", &IN_DOUBT.to_string()])
        .variable("POSTERN_LEASE_SECONDS", LEASE_SECONDS);
    let token = first.token()?;
    let mut plans = vec![first];
    if engine == Database::Postgres {
        let second = plans[0].sibling(environment.folder(), "second")?;
        fs::create_dir_all(second.data.join("keys"))?;
        for key in fs::read_dir(plans[0].data.join("keys"))? {
            let key = key?;
            fs::copy(key.path(), second.data.join("keys").join(key.file_name()))?;
        }
        plans.push(second);
    }
    Ok((plans, token))
}

fn alive(nodes: &[Option<Postern>]) -> Result<&Postern> {
    let mut alive = nodes.iter().flatten();
    alive.next().context("no node is left")
}

/// Faults for mails that arrived but are not recorded as delivered, in a sample of up to 300.
pub fn unrecorded(client: &mut Client, submissions: &[Submission]) -> Result<Vec<String>> {
    const SAMPLE: usize = 300;
    let acknowledged: Vec<&String> = submissions.iter().filter_map(Submission::id).collect();
    let step = acknowledged.len().div_ceil(SAMPLE).max(1);
    let mut faults = Vec::new();
    for id in acknowledged.into_iter().step_by(step) {
        let answer = client.get(&format!("/api/messages/{id}"))?;
        let text = answer.text();
        let answer = answer.json()?;
        let recipients = answer["data"]["recipients"].as_array();
        let delivered = recipients.is_some_and(|all| {
            let mut states = all.iter().map(|one| &one["state"]);
            !all.is_empty() && states.all(|state| state == "delivered")
        });
        if !delivered {
            faults.push(format!("{id} is not recorded as delivered: {text}"));
        }
    }
    Ok(faults)
}
