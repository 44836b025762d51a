//! Intake benchmarks: mails accepted over HTTP, each on disk before its response.

use crate::{
    bench::{
        system::SystemUnderTest,
        table::{RUNS, Row, median, thousands},
    },
    rig::environment::{Database, Environment},
};
use anyhow::{Context, Result};

const CLIENTS: usize = 64;
const MAILS: u64 = 50_000;

pub fn sqlite(environment: &mut Environment) -> Result<Vec<Row>> {
    row(
        environment,
        Database::Sqlite,
        "18,000/s, p99 under 25 ms",
        "25,000/s",
    )
}

pub fn postgres(environment: &mut Environment) -> Result<Vec<Row>> {
    row(environment, Database::Postgres, "14,000/s", "20,000/s")
}

fn row(
    environment: &mut Environment,
    engine: Database,
    minimum: &str,
    goal: &str,
) -> Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut system = SystemUnderTest::start(environment, engine, None)?;
        system.warm_up()?;
        let before = system.processor_time()?;
        let taken = system.load(CLIENTS, MAILS)?;
        let own = system.processor_time()?.saturating_sub(before);
        runs.push((taken, own));
        system.postern.stop()?;
    }
    let (taken, own) = median(runs, |(taken, _)| taken.per_second()).context("no run")?;
    let milliseconds = |share| taken.quantile(share).as_secs_f64() * 1000.0;
    let mails = taken.mails as u32;
    Ok(vec![Row {
        what: format!("intake over HTTP, {CLIENTS} clients, 4 KB, {engine}"),
        measured: format!(
            "{}/s, p50 {:.1} ms, p99 {:.1} ms",
            thousands(taken.per_second()),
            milliseconds(0.5),
            milliseconds(0.99)
        ),
        minimum: minimum.to_owned(),
        goal: goal.to_owned(),
        beside: format!(
            "CPU time per mail: Postern {} µs, the load generator {} µs",
            (own / mails).as_micros(),
            (taken.own / mails).as_micros()
        ),
    }])
}
