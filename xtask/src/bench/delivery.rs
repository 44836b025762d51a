//! Rows on what goes through: accepted, taken by the relay, recorded. Beside Postfix doing the same
//! in the same run, with the same sink.

use super::{
    RUNS,
    postfix::Postfix,
    proxy,
    system::{CountingRelay, SystemUnderTest, Throughput, measure_throughput},
    table::{Row, median, thousands},
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

/// Postfix needs as long for these as Postern for the others, or longer.
const POSTFIX_MAILS: u64 = 5_000;

/// How long Postfix may take.
const PATIENCE: Duration = Duration::from_secs(300);

pub fn sqlite(environment: &mut Environment) -> Result<Vec<Row>> {
    let anchored = apt::is_root();
    if !anchored {
        console::note("Only root starts Postfix: this row has nothing beside it.");
    }
    let (mut runs, mut anchors) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        if anchored {
            anchors.push(postfix()?);
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
    let anchor = median(anchors, |rate| *rate);
    let mut row = row(&run, Database::Sqlite, "6 times Postfix", "10 times");
    row.beside = match anchor {
        Some(anchor) => format!(
            "{:.1} times Postfix, which made {}/s; {}",
            run.per_second / anchor,
            thousands(anchor),
            row.beside
        ),
        None => format!("no Postfix, which only root starts; {}", row.beside),
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
    let what = "accepted, taken by the relay, recorded";
    Row {
        what: format!("{what}, {CONNECTIONS} connections, {engine}"),
        measured: format!("{}/s", thousands(run.per_second)),
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside: format!(
            "processor time a mail: Postern {} µs",
            run.processor_time.as_micros()
        ),
    }
}

/// Mails a second, from the first session to the last mail at the relay.
fn postfix() -> Result<f64> {
    let relay = CountingRelay::start()?;
    let postfix = Postfix::start(relay.sink.address, CONNECTIONS)?;
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
    let arrived = crate::rig::until(PATIENCE, pause, || relay.received() >= mails);
    arrived
        .then_some(())
        .context("Postfix delivers nothing more")
}

/// A relay far away, over one connection: what pipelining is for.
pub fn far_away(environment: &mut Environment) -> Result<Vec<Row>> {
    const MAILS: u64 = 800;
    /// Both ways together 20 ms.
    const ONE_WAY: Duration = Duration::from_millis(10);
    let relay = CountingRelay::start()?;
    let address = proxy::start(relay.sink.address, ONE_WAY)?;
    let mut system = SystemUnderTest::start(environment, Database::Sqlite, Some((address, 1)))?;
    // One mail alone: the session is there before the time counts.
    system.load(1, 1)?;
    system.wait_for_delivery(1)?;
    let start = Instant::now();
    system.load(CONNECTIONS, MAILS)?;
    system.wait_for_delivery(MAILS)?;
    let rate = MAILS as f64 / start.elapsed().as_secs_f64();
    system.postern.stop()?;
    Ok(vec![Row {
        what: "one connection, 20 ms round trip".to_owned(),
        measured: format!("{rate:.1}/s"),
        minimum: "40/s".to_owned(),
        goal: "more than one mail a round trip (50/s)".to_owned(),
        beside: format!("{:.2} mails a round trip", rate * 0.02),
    }])
}
