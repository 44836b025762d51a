//! Three nodes behind a proxy, restarted one after the other under load: no request fails.

use super::{
    cluster::{Cluster, Layout},
    producers::{Entrance, Producers, SubmissionLog},
    run::{DELAY_MS, MAX_BACKLOG, RunResult, drain, verify},
    scenario::THREE_NODES,
    sharing,
};
use crate::{
    console,
    rig::{
        balancer::HttpBalancer,
        environment::Environment,
        http::{Client, expect},
        postern::sign_in,
        random::Random,
    },
};
use anyhow::{Context, Result};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::Duration,
};

const NODES: Layout = Layout {
    checks_health: true,
    ..THREE_NODES
};

/// Mails that are acknowledged between two restarts, at least.
const BETWEEN_RESTARTS: u64 = 50;

/// Limit for them.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Restarts every node so many times. Without a crash no mail may arrive twice, so that none is in doubt.
pub fn run(environment: &mut Environment, times: usize, random: &mut Random) -> Result<RunResult> {
    let deadlocks = environment.deadlocks();
    let log = SubmissionLog::new(MAX_BACKLOG);
    let mut cluster = Cluster::start(environment, &NODES, Arc::clone(&log), None)?;
    cluster.wait_for_recovery()?;
    let nodes: Vec<SocketAddr> = cluster.plans.iter().map(|plan| plan.address).collect();
    let balancer = HttpBalancer::start(&nodes)?;
    let mut faults = sharing::faults(&cluster, &nodes)?;
    let session = sign_in(balancer.address)?;
    let smtp = cluster.entrances()?[0].smtp;
    let entrance = Entrance {
        http: balancer.address,
        smtp,
    };
    let producers = Producers::start(log, &[entrance], &cluster.token, random);
    producers.wait_for_first()?;
    for _ in 0..times {
        for number in 0..nodes.len() {
            wait_for_load(&cluster)?;
            let (least, most) = DELAY_MS;
            sleep(Duration::from_millis(random.between(least, most)));
            let node = cluster.nodes[number].take();
            node.context("a node is missing")?.stop()?;
            // The session goes on, on the nodes that are left.
            let mut browser = Client::connect(balancer.address, &session)?;
            expect(browser.get("/outbox")?, 200, "a page during a restart")?;
            cluster.nodes[number] = Some(cluster.plans[number].start()?);
            cluster.wait_for_recovery()?;
        }
    }
    wait_for_load(&cluster)?;
    producers.stop()?;
    let node = cluster.alive()?;
    drain(node)?;
    let mut client = Client::with_token(node.address, &cluster.token)?;
    let (submissions, receipts) = (cluster.log.submissions(), cluster.relay.receipts());
    let mut comparison = verify(&mut client, &submissions, &receipts, 0)?;
    faults.extend(balancer.faults());
    console::note(&format!(
        "{} requests were given to another node",
        balancer.retries()
    ));
    let answered = balancer.answered();
    if answered.contains(&0) {
        faults.push(format!("a node answered nothing: {answered:?}"));
    }
    let deadlocks = cluster.environment.deadlocks() - deadlocks;
    if deadlocks > 0 {
        faults.push(format!("{deadlocks} deadlocks in PostgreSQL"));
    }
    for node in cluster.nodes.iter().flatten() {
        faults.extend(node.panics()?);
    }
    comparison.faults.extend(faults);
    Ok(RunResult {
        comparison,
        in_doubt: 0,
        takeover: None,
    })
}

/// Waits until more mail is acknowledged.
fn wait_for_load(cluster: &Cluster) -> Result<()> {
    let acknowledged = || cluster.log.acknowledged.load(Ordering::Relaxed);
    let enough = acknowledged() + BETWEEN_RESTARTS;
    let node = cluster.alive()?;
    node.wait("mail that is acknowledged", LOAD_TIMEOUT, || {
        acknowledged() >= enough
    })
}
