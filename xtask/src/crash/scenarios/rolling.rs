//! Three nodes behind a proxy, restarted one after the other under load: no request fails.

use super::{THREE_NODES, rotation::KeyRotations, sharing};
use crate::{
    console,
    crash::{
        cluster::{Cluster, Layout},
        mail::{
            producers::{Entrance, Producers, SubmissionLog},
            webhook::CrashWebhook,
        },
        run::{DELAY_MS, MAX_BACKLOG, RunResult, drain, verify},
    },
    rig::{
        balancer::HttpBalancer,
        environment::Environment,
        http::{Client, expect},
        postern::sign_in,
        random::Random,
    },
};
use anyhow::{Context, Result};
use std::{net::SocketAddr, path::Path, sync::Arc, thread::sleep, time::Duration};

const NODES: Layout = Layout {
    checks_health: true,
    ..THREE_NODES
};

/// Mails that are acknowledged between two restarts, at least.
const BETWEEN_RESTARTS: u64 = 50;

/// What the nodes run, and how often they are restarted.
pub struct RollingRestarts<'p> {
    /// The program under test.
    pub program: &'p Path,
    /// An earlier program that the nodes start with: the first restart of each changes it to `program`.
    pub before: Option<&'p Path>,
    /// How often each node is restarted, at least once.
    pub times: usize,
    /// Whether keys are rotated meanwhile, which takes half a minute at least.
    pub rotates_keys: bool,
}

impl RollingRestarts<'_> {
    /// The program that the nodes start with.
    pub fn first_program(&self) -> &Path {
        self.before.unwrap_or(self.program)
    }

    /// Whether some mails name a webhook, whose secret the keys seal. An earlier program may lack these webhooks.
    fn has_webhook(&self) -> bool {
        self.rotates_keys && self.before.is_none()
    }

    /// What is done so many times, for the table.
    pub fn what(&self) -> &'static str {
        match self.before {
            None => "each of three nodes behind a proxy restarted",
            Some(_) => "each of three nodes behind a proxy restarted, at first to upgrade it",
        }
    }
}

/// A browser with a session, behind the proxy.
struct Browser {
    proxy: SocketAddr,
    /// The header field with the session.
    cookie: String,
}

impl Browser {
    fn signed_in(proxy: SocketAddr) -> Result<Self> {
        let cookie = sign_in(proxy)?;
        Ok(Self { proxy, cookie })
    }

    fn load_page(&self) -> Result<()> {
        let page = Client::connect(self.proxy, &self.cookie)?.get("/outbox")?;
        expect(page, 200, "a page during a restart").map(drop)
    }
}

/// Restarts every node so many times. Without a crash no mail may arrive twice, so that none is in doubt.
pub fn run(
    environment: &mut Environment,
    restarts: &RollingRestarts,
    random: &mut Random,
) -> Result<RunResult> {
    let deadlocks = environment.deadlocks();
    let log = SubmissionLog::new(MAX_BACKLOG);
    let webhook = restarts
        .has_webhook()
        .then(|| CrashWebhook::start(environment.folder()));
    let webhook = webhook.transpose()?;
    let shared = Arc::clone(&log);
    let mut cluster = Cluster::start(environment, &NODES, shared, webhook.as_ref())?;
    cluster.wait_for_recovery()?;
    let nodes = addresses(&cluster);
    let balancer = HttpBalancer::start(&nodes)?;
    let is_upgrade = restarts.before.is_some();
    let mut faults = match is_upgrade {
        // An earlier program may lack what is asked: it is asked when every node is upgraded.
        true => Vec::new(),
        false => sharing::faults(&cluster, &nodes)?,
    };
    let browser = Browser::signed_in(balancer.address)?;
    let smtp = cluster.entrances()?[0].smtp;
    let entrance = Entrance {
        http: balancer.address,
        smtp,
    };
    let producers = Producers::start(log, &[entrance], &cluster.token, random);
    producers.wait_for_first()?;
    let mut left = restarts.times;
    if is_upgrade {
        let found = upgrade(&mut cluster, restarts.program, &browser, random)?;
        faults.extend(found);
        left = left.saturating_sub(1);
    }
    match restarts.rotates_keys {
        // After an upgrade: an earlier program may rotate keys in another way, or not at all.
        true => restart_with_rotations(&mut cluster, left, &browser, random)?,
        false => restart_all(&mut cluster, left, &browser, random)?,
    }
    cluster.wait_for_load(BETWEEN_RESTARTS)?;
    producers.stop()?;
    let node = cluster.alive()?;
    drain(node)?;
    if is_upgrade {
        faults.extend(sharing::faults(&cluster, &nodes)?);
    }
    let mut client = Client::with_token(node.address, &cluster.token)?;
    let (submissions, receipts) = (cluster.log.submissions(), cluster.relay.receipts());
    let mut comparison = verify(&mut client, &submissions, &receipts, 0)?;
    if let Some(webhook) = &webhook {
        faults.extend(webhook.faults(&submissions));
    }
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

fn addresses(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.plans.iter().map(|plan| plan.address).collect()
}

/// Restarts each node with another program. Returns what the nodes did not share meanwhile.
fn upgrade(
    cluster: &mut Cluster,
    program: &Path,
    browser: &Browser,
    random: &mut Random,
) -> Result<Vec<String>> {
    let nodes = addresses(cluster);
    let mut faults = Vec::new();
    for number in 0..nodes.len() {
        cluster.plans[number] = cluster.plans[number].clone().of_program(program);
        restart(cluster, number, browser, random)?;
        faults.extend(sharing::faults_between_versions(cluster, &nodes)?);
    }
    Ok(faults)
}

/// Restarts each node so many times while keys are rotated, until the end of the rotation under way.
fn restart_with_rotations(
    cluster: &mut Cluster,
    times: usize,
    browser: &Browser,
    random: &mut Random,
) -> Result<()> {
    let rotations = KeyRotations::start(&cluster.plans, browser.proxy, &cluster.token);
    let restarted = restart_all(cluster, times, browser, random);
    let rotated = rotations.finish();
    restarted?;
    let rotated = rotated?;
    console::note(&format!("keys were rotated and retired {rotated} times"));
    Ok(())
}

/// Restarts each node so many times.
fn restart_all(
    cluster: &mut Cluster,
    times: usize,
    browser: &Browser,
    random: &mut Random,
) -> Result<()> {
    for _ in 0..times {
        for number in 0..cluster.plans.len() {
            restart(cluster, number, browser, random)?;
        }
    }
    Ok(())
}

/// Restarts a node under load, as its plan is now.
fn restart(
    cluster: &mut Cluster,
    number: usize,
    browser: &Browser,
    random: &mut Random,
) -> Result<()> {
    cluster.wait_for_load(BETWEEN_RESTARTS)?;
    let (least, most) = DELAY_MS;
    sleep(Duration::from_millis(random.between(least, most)));
    let node = cluster.nodes[number].take();
    node.context("a node is missing")?.stop()?;
    // The session goes on, on the nodes that are left.
    browser.load_page()?;
    cluster.nodes[number] = Some(cluster.plans[number].start()?);
    cluster.wait_for_recovery()
}
