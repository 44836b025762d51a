//! Queue benchmark: the queues of many relays, of which some are dead.

use crate::{
    bench::{
        system::{CountingRelay, SystemUnderTest, fill::fill},
        table::{RUNS, Row, median, thousands},
    },
    rig::{
        environment::{Database, Environment},
        postern::{SENDER, free_address},
        until,
    },
};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// The first is that of mail without a rule.
const QUEUES: usize = 100;

/// Those whose relay does not listen.
const DEAD: usize = 10;

const LIVE: usize = QUEUES - DEAD;

/// Mails in each queue.
const MAILS: usize = 400;

/// Connections to each relay.
const CONNECTIONS: &str = "4";

/// Limit for the delivery of all mails.
const TIMEOUT: Duration = Duration::from_secs(300);

pub fn row(environment: &mut Environment) -> Result<Vec<Row>> {
    let (mut alone, mut beside_dead) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        alone.push(rate(environment, LIVE)?);
        beside_dead.push(rate(environment, QUEUES)?);
    }
    let alone = median(alone, |rate| *rate).context("no run")?;
    let rate = median(beside_dead, |rate| *rate).context("no run")?;
    Ok(vec![Row {
        what: format!("{QUEUES} queues, {DEAD} of them with a dead relay: the other {LIVE}"),
        measured: format!(
            "{:.2} of the rate without mail for the dead ones",
            rate / alone
        ),
        minimum: "0.95".to_owned(),
        goal: "1.0".to_owned(),
        beside: format!(
            "{}/s, {}/s without; {MAILS} mails in each queue",
            thousands(rate),
            thousands(alone)
        ),
    }])
}

/// Mails per second through the relays that live, with mail in the first `filled` queues. It is queued
/// before delivery begins.
fn rate(environment: &mut Environment, filled: usize) -> Result<f64> {
    let system = SystemUnderTest::start_with(
        environment,
        Database::Sqlite,
        &["--no-delivery", "--relay-connections", CONNECTIONS],
    )?;
    let relay = CountingRelay::start()?;
    configure(&system, relay.relay.address)?;
    fill(
        system.postern.address,
        &system.token,
        filled * MAILS,
        |number| {
            json!({
                "from": sender(number % filled),
                "to": format!("n{number}@example.net"),
                "subject": format!("Number {number}"),
                "text": "Short.",
            })
        },
    )?;
    system.postern.stop()?;
    let start = Instant::now();
    let postern = system.plan.delivering().start()?;
    let wanted = (LIVE * MAILS) as u64;
    if !until(TIMEOUT, Duration::from_millis(5), || {
        relay.received() >= wanted
    }) {
        bail!("{} of {wanted} mails arrived", relay.received());
    }
    let rate = wanted as f64 / start.elapsed().as_secs_f64();
    postern.stop()?;
    Ok(rate)
}

/// A relay for each queue. Those of the last queues do not listen.
fn configure(system: &SystemUnderTest, relay: SocketAddr) -> Result<()> {
    system.postern.deliver_to(&system.token, relay)?;
    for queue in 1..QUEUES {
        let fields = json!({
            "name": format!("Relay {queue}"),
            "from_domain": domain(queue),
        });
        let relay = if queue < LIVE { relay } else { free_address()? };
        system.postern.add_relay(&system.token, &fields, relay)?;
    }
    Ok(())
}

fn domain(queue: usize) -> String {
    format!("queue{queue}.example.org")
}

/// The From address whose mail waits in a queue.
fn sender(queue: usize) -> String {
    match queue {
        0 => SENDER.to_owned(),
        _ => format!("alerts@{}", domain(queue)),
    }
}
