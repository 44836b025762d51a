//! Delivery benchmarks, with Postfix and others on the same relay in the same run for comparison.

use crate::{
    bench::{
        others::{
            exim::{EXIM, Exim},
            opensmtpd::{OPENSMTPD, OpenSmtpd},
            postfix::Postfix,
            smtp_tools,
        },
        system::{CountingRelay, SystemUnderTest, Throughput, measure_throughput},
        table::{Row, median, spread, thousands},
    },
    console,
    rig::{
        environment::{Database, Environment},
        proxy::Proxy,
        until,
    },
    setup::apt,
};
use anyhow::{Context, Result};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Connections to the relay.
pub const CONNECTIONS: usize = 32;

/// Mails of one run.
pub const MAILS: u64 = 30_000;

/// Runs of a delivery, alone and in turn with those of Postfix: their rates differ more than those of intake.
pub const RUNS_BESIDE: usize = 5;

/// Fewer than [`MAILS`]: Postfix takes at least as long for these.
pub const POSTFIX_MAILS: u64 = 5_000;

/// Mails for a server that starts a process for each.
const OTHER_MAILS: u64 = 1_000;

/// Limit for another server.
const TIMEOUT: Duration = Duration::from_secs(300);

pub fn sqlite(environment: &mut Environment) -> Result<Vec<Row>> {
    let with_postfix = apt::is_root();
    if !with_postfix {
        console::note("No comparison with Postfix: it needs root.");
    }
    let (mut runs, mut shipped, mut tuned) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS_BESIDE {
        if with_postfix {
            shipped.push(postfix(Postfix::shipped)?);
        }
        runs.push(throughput(environment, Database::Sqlite)?);
        if with_postfix {
            tuned.push(postfix(Postfix::tuned)?);
        }
    }
    let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
    let run = median(runs, |run| run.per_second).context("no run")?;
    let mut row = row(
        &run,
        Database::Sqlite,
        "12 times Postfix as shipped",
        "20 times, 8 times tuned",
    );
    row.measured = format!("{}, {}", row.measured, spread(&rates));
    let mut rows = vec![row];
    let path = format!("{CONNECTIONS} connections, the same relay");
    for (settings, rates) in [("as shipped", shipped), ("tuned", tuned)] {
        let postfix = beside_postfix(&mut rows[0], run.per_second, settings, &path, rates);
        rows.extend(postfix);
    }
    if with_postfix {
        rows.extend(others(&run)?);
    }
    Ok(rows)
}

/// Adds the ratio of a rate of Postern to that of a Postfix to the row of Postern, and returns the row of
/// that Postfix; `None` without runs of it.
pub fn beside_postfix(
    postern: &mut Row,
    per_second: f64,
    settings: &str,
    path: &str,
    rates: Vec<f64>,
) -> Option<Row> {
    let spread = spread(&rates);
    let rate = median(rates, |rate| *rate)?;
    let times = per_second / rate;
    postern.beside = format!("{times:.1} times Postfix {settings}; {}", postern.beside);
    Some(Row {
        what: format!("Postfix {settings}, {path}"),
        measured: format!("{}/s, {spread}", thousands(rate)),
        minimum: String::new(),
        goal: String::new(),
        beside: format!("{RUNS_BESIDE} runs, in turn with those of Postern"),
    })
}

pub fn postgres(environment: &mut Environment) -> Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS_BESIDE {
        runs.push(throughput(environment, Database::Postgres)?);
    }
    let rates: Vec<f64> = runs.iter().map(|run| run.per_second).collect();
    let run = median(runs, |run| run.per_second).context("no run")?;
    let mut row = row(&run, Database::Postgres, "7,500/s", "12,000/s");
    row.measured = format!("{}, {}", row.measured, spread(&rates));
    Ok(vec![row])
}

fn throughput(environment: &mut Environment, engine: Database) -> Result<Throughput> {
    let relay = CountingRelay::start()?;
    let address = relay.relay.address;
    measure_throughput(environment, engine, address, CONNECTIONS, MAILS)
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

/// Mails per second that Postfix delivers.
fn postfix(start: fn(SocketAddr, usize) -> Result<Postfix>) -> Result<f64> {
    let relay = CountingRelay::start()?;
    let postfix = start(relay.relay.address, CONNECTIONS)?;
    rate(
        || relay.received(),
        postfix.address,
        CONNECTIONS,
        POSTFIX_MAILS,
    )
}

/// Exim and `OpenSMTPD`, once each.
fn others(run: &Throughput) -> Result<Vec<Row>> {
    let relay = CountingRelay::start()?;
    let exim = Exim::start(relay.relay.address)?;
    let exim = rate(|| relay.received(), exim.address, CONNECTIONS, OTHER_MAILS)?;
    let relay = CountingRelay::start()?;
    let opensmtpd = OpenSmtpd::start(relay.relay.address)?;
    let opensmtpd = rate(
        || relay.received(),
        opensmtpd.address,
        CONNECTIONS,
        OTHER_MAILS,
    )?;
    let row = |what: &str, rate: f64| Row {
        what: format!("{what}, the same relay"),
        measured: format!("{}/s", thousands(rate)),
        minimum: String::new(),
        goal: String::new(),
        beside: format!(
            "Postern delivers {:.1} times as many",
            run.per_second / rate
        ),
    };
    Ok(vec![row(EXIM, exim), row(OPENSMTPD, opensmtpd)])
}

/// Mails per second, from the first of `sessions` with a server to the last mail at the relay, which has
/// `received` so many.
pub fn rate(
    received: impl Fn() -> u64,
    server: SocketAddr,
    sessions: usize,
    mails: u64,
) -> Result<f64> {
    const WARM_UP: u64 = 200;
    smtp_tools::load(server, sessions, WARM_UP)?;
    wait_for_arrival(&received, WARM_UP)?;
    let start = Instant::now();
    smtp_tools::load(server, sessions, mails)?;
    wait_for_arrival(&received, WARM_UP + mails)?;
    Ok(mails as f64 / start.elapsed().as_secs_f64())
}

/// Waits until a relay has `received` so many mails.
pub fn wait_for_arrival(received: impl Fn() -> u64, mails: u64) -> Result<()> {
    let arrived = until(TIMEOUT, Duration::from_millis(5), || received() >= mails);
    arrived
        .then_some(())
        .with_context(|| format!("{} of {mails} mails arrived", received()))
}

/// One connection to a distant relay, where pipelining matters: without CHUNKING, with it, and to
/// Postfix, which offers it.
pub fn far_away(environment: &mut Environment) -> Result<Vec<Row>> {
    let relay = CountingRelay::start()?;
    let rate = far_away_rate(environment, relay.relay.address, 800)?;
    let relay = CountingRelay::chunking()?;
    let chunked = far_away_rate(environment, relay.relay.address, 8_000)?;
    let row = |what: &str, rate: f64, minimum: &str, goal: &str| Row {
        what: format!("one connection, 20 ms round trip{what}"),
        measured: format!("{rate:.1}/s"),
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside: format!("{:.2} mails a round trip", rate * 0.02),
    };
    let mut rows = vec![
        row("", rate, "47/s", "more than one mail a round trip (50/s)"),
        row(", CHUNKING", chunked, "150/s", "400/s"),
    ];
    if apt::is_root() {
        let postfix = Postfix::discarding()?;
        let rate = far_away_rate(environment, postfix.address, 4_000)?;
        rows.push(row(", to Postfix (CHUNKING)", rate, "150/s", "400/s"));
    } else {
        console::note("No distant Postfix: it needs root.");
    }
    Ok(rows)
}

/// Mails per second over one connection, from the first request to the last result.
fn far_away_rate(environment: &mut Environment, relay: SocketAddr, mails: u64) -> Result<f64> {
    /// Half of the round trip.
    const ONE_WAY: Duration = Duration::from_millis(10);
    /// These open the session and try what the relay bears, before the measurement.
    const WARM_UP: u64 = 20;
    let proxy = Proxy::with_delay(&[relay], ONE_WAY)?;
    let address = Some((proxy.address, 1));
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, address)?;
    system.load(CONNECTIONS, WARM_UP)?;
    system.wait_for_delivery(WARM_UP)?;
    let start = Instant::now();
    system.load(CONNECTIONS, mails)?;
    system.wait_for_delivery(mails)?;
    let rate = mails as f64 / start.elapsed().as_secs_f64();
    system.postern.stop()?;
    Ok(rate)
}
