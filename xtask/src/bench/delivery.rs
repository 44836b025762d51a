//! Delivery benchmarks, with Postfix on the same relay in the same run for comparison.

use super::{
    postfix::Postfix,
    proxy,
    system::{CountingRelay, SystemUnderTest, Throughput, measure_throughput},
    table::{RUNS, Row, median, thousands},
};
use crate::{
    console,
    rig::environment::{Database, Environment},
    setup::apt,
};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 32;
const MAILS: u64 = 30_000;

/// Fewer than [`MAILS`]: Postfix takes at least as long for these.
const POSTFIX_MAILS: u64 = 5_000;

/// Limit for Postfix.
const POSTFIX_TIMEOUT: Duration = Duration::from_secs(300);

pub fn sqlite(environment: &mut Environment) -> Result<Vec<Row>> {
    let with_postfix = apt::is_root();
    if !with_postfix {
        console::note("No comparison with Postfix: it needs root.");
    }
    let (mut runs, mut postfix_rates) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        if with_postfix {
            postfix_rates.push(postfix()?);
        }
        let relay = CountingRelay::start()?;
        runs.push(measure_throughput(
            environment,
            Database::Sqlite,
            &relay,
            CONNECTIONS,
            MAILS,
        )?);
    }
    let run = median(runs, |run| run.per_second).context("no run")?;
    let postfix_rate = median(postfix_rates, |rate| *rate);
    let mut row = row(&run, Database::Sqlite, "6 times Postfix", "10 times");
    row.beside = match postfix_rate {
        Some(rate) => format!(
            "{:.1} times Postfix, which delivered {}/s; {}",
            run.per_second / rate,
            thousands(rate),
            row.beside
        ),
        None => format!("no Postfix, which needs root; {}", row.beside),
    };
    Ok(vec![row])
}

pub fn postgres(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let relay = CountingRelay::start()?;
        let engine = Database::Postgres;
        runs.push(measure_throughput(
            environment,
            engine,
            &relay,
            CONNECTIONS,
            MAILS,
        )?);
    }
    let run = median(runs, |run| run.per_second).context("no run")?;
    Ok(vec![row(&run, Database::Postgres, "4,000/s", "10,000/s")])
}

fn row(run: &Throughput, engine: Database, minimum: &str, goal: &str) -> Row {
    let what = "accepted, delivered, recorded";
    Row {
        what: format!("{what}, {CONNECTIONS} connections, {engine}"),
        measured: format!("{}/s", thousands(run.per_second)),
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside: format!(
            "CPU time per mail: Postern {} µs",
            run.processor_time.as_micros()
        ),
    }
}

/// Mails per second, from the first session to the last mail at the relay.
fn postfix() -> Result<f64> {
    let relay = CountingRelay::start()?;
    let postfix = Postfix::start(relay.relay.address, CONNECTIONS)?;
    let warm_up = 200;
    postfix.load(CONNECTIONS, warm_up)?;
    wait(&relay, warm_up)?;
    let start = Instant::now();
    postfix.load(CONNECTIONS, POSTFIX_MAILS)?;
    wait(&relay, warm_up + POSTFIX_MAILS)?;
    Ok(POSTFIX_MAILS as f64 / start.elapsed().as_secs_f64())
}

fn wait(relay: &CountingRelay, mails: u64) -> Result<()> {
    let pause = Duration::from_millis(5);
    let arrived = crate::rig::until(POSTFIX_TIMEOUT, pause, || relay.received() >= mails);
    arrived
        .then_some(())
        .context("Postfix has stopped delivering")
}

/// One connection to a distant relay, where pipelining matters: without CHUNKING and with it.
pub fn far_away(environment: &mut Environment) -> Result<Vec<Row>> {
    let rate = far_away_rate(environment, CountingRelay::start()?, 800)?;
    let chunked = far_away_rate(environment, CountingRelay::chunking()?, 8_000)?;
    let row = |what: &str, rate: f64, minimum: &str, goal: &str| Row {
        what: format!("one connection, 20 ms round trip{what}"),
        measured: format!("{rate:.1}/s"),
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside: format!("{:.2} mails a round trip", rate * 0.02),
    };
    Ok(vec![
        row("", rate, "47/s", "more than one mail a round trip (50/s)"),
        row(", CHUNKING", chunked, "150/s", "400/s"),
    ])
}

/// Mails per second over one connection, from the first request to the last result.
fn far_away_rate(environment: &mut Environment, relay: CountingRelay, mails: u64) -> Result<f64> {
    /// Half of the round trip.
    const ONE_WAY: Duration = Duration::from_millis(10);
    /// These open the session and try what the relay bears, before the measurement.
    const WARM_UP: u64 = 20;
    let address = proxy::start(relay.relay.address, ONE_WAY)?;
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, Some((address, 1)))?;
    system.load(CONNECTIONS, WARM_UP)?;
    system.wait_for_delivery(WARM_UP)?;
    let start = Instant::now();
    system.load(CONNECTIONS, mails)?;
    system.wait_for_delivery(mails)?;
    let rate = mails as f64 / start.elapsed().as_secs_f64();
    system.postern.stop()?;
    Ok(rate)
}
