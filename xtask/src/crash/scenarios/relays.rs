//! One of three relays killed under load and started again: failover, and the return to it.

use crate::{
    crash::{
        cluster::{IN_DOUBT, plan},
        mail::{
            producers::{Entrance, Producers, SubmissionLog},
            relay::CrashRelay,
        },
        run::{MAX_BACKLOG, RunResult, drain, verify},
    },
    rig::{
        environment::{Database, Environment},
        http::{Client, expect},
        postern::{Plan, Postern},
        proxy::Proxy,
        random::Random,
    },
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// Mails of a run, at least.
const MAILS: u64 = 10_000;

/// Of these, so many are acknowledged before the first relay is killed, and before it is back.
const BEFORE_KILL: u64 = 3_000;
const BEFORE_RETURN: u64 = 7_000;

/// Limit for the load of each part.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// Limit for failover, and for the first relay to be used again.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(120);

/// The mails that wait for the first relay when it is killed.
const BACKLOG: u64 = 200;

/// Within this time the relay has read what the proxy had let through.
const QUIET: Duration = Duration::from_secs(2);

/// The relay that is killed, and the ones that follow it.
struct Relays {
    relays: Vec<CrashRelay>,
    /// The way to each. Closed, it is a relay that was killed.
    ways: Vec<Proxy>,
}

/// Runs it on one database. The takeover is the time until the first mail through the second relay.
pub fn run(
    environment: &mut Environment,
    engine: Database,
    random: &mut Random,
) -> Result<RunResult> {
    let log = SubmissionLog::new(MAX_BACKLOG);
    let relays = Relays::start(&log)?;
    let plan = plan(environment, engine)?;
    let token = plan.token()?;
    let postern = plan.start()?;
    relays.configure(&postern, &token)?;
    let producers = Producers::start(Arc::clone(&log), &[Entrance::of(&plan)?], &token, random);
    let acknowledged = |mails: u64| {
        postern.wait("enough mails acknowledged", LOAD_TIMEOUT, || {
            log.acknowledged.load(Ordering::Relaxed) >= mails
        })
    };
    acknowledged(BEFORE_KILL)?;
    let (first, second) = (&relays.relays[0], &relays.relays[1]);
    // Slow, it has taken mails that it has not replied to.
    first.slow_down(true);
    postern.wait("mail in front of the first relay", SWITCH_TIMEOUT, || {
        log.backlog() >= BACKLOG
    })?;
    relays.ways[0].cut();
    first.slow_down(false);
    sleep(QUIET);
    first.count_crash();
    let killed = Instant::now();
    relays.ways[0].close();
    let mut takeover = Duration::ZERO;
    postern.wait("failover to the second relay", SWITCH_TIMEOUT, || {
        takeover = killed.elapsed();
        second.received() > 0
    })?;
    let address = relays.ways[0].address;
    postern.wait("a report of the backoff", SWITCH_TIMEOUT, || {
        backs_off(&plan, &token, address).unwrap_or_default()
    })?;
    acknowledged(BEFORE_RETURN)?;
    let before = first.received();
    relays.ways[0].open();
    postern.wait("mail through the first relay", SWITCH_TIMEOUT, || {
        first.received() > before
    })?;
    acknowledged(MAILS)?;
    producers.stop()?;
    drain(&postern)?;

    let submissions = log.submissions();
    let mut client = Client::with_token(plan.address, &token)?;
    let mut comparison = verify(&mut client, &submissions, &first.receipts(), IN_DOUBT)?;
    if backs_off(&plan, &token, address)? {
        let fault = "the first relay is reported as backing off in the end".to_owned();
        comparison.faults.push(fault);
    }
    Ok(RunResult {
        comparison,
        in_doubt: IN_DOUBT,
        takeover: Some(takeover),
    })
}

impl Relays {
    fn start(log: &Arc<SubmissionLog>) -> Result<Self> {
        let first = CrashRelay::start(log)?;
        let (second, third) = (first.beside(log)?, first.beside(log)?);
        let relays = vec![first, second, third];
        let ways = relays
            .iter()
            .map(|relay| Proxy::start(&[relay.relay.address]));
        Ok(Self {
            ways: ways.collect::<Result<_>>()?,
            relays,
        })
    }

    /// Saves all of them in their order.
    fn configure(&self, postern: &Postern, token: &str) -> Result<()> {
        postern.deliver_to(token, self.ways[0].address)?;
        for (number, way) in self.ways.iter().enumerate().skip(1) {
            let fields = json!({ "name": format!("Relay {}", number + 1) });
            postern.add_relay(token, &fields, way.address)?;
        }
        Ok(())
    }
}

/// Whether the REST API reports a backoff from this relay.
fn backs_off(plan: &Plan, token: &str, relay: SocketAddr) -> Result<bool> {
    let mut client = Client::with_token(plan.address, token)?;
    let overview = expect(client.get("/api/outbox")?, 200, "the overview")?.json()?;
    let workers = overview["data"]["workers"].as_array();
    let backoffs = workers
        .context("no list of workers")?
        .iter()
        .filter_map(|worker| worker["backoffs"].as_array());
    let address = Value::String(relay.to_string());
    Ok(backoffs
        .flatten()
        .any(|backoff| backoff["relay"] == address))
}
