//! Rows on what comes in: mails accepted, each on disk before its answer.

use super::{
    RUNS,
    stage::Stage,
    table::{Row, median, thousands},
};
use crate::rig::ground::{Engine, Ground};
use anyhow::{Context, Result};

const CLIENTS: usize = 64;
const MAILS: u64 = 50_000;

pub fn sqlite(ground: &mut Ground) -> Result<Vec<Row>> {
    row(
        ground,
        Engine::Sqlite,
        "8,000/s, p99 under 25 ms",
        "13,000/s",
    )
}

pub fn postgres(ground: &mut Ground) -> Result<Vec<Row>> {
    row(ground, Engine::Postgres, "4,000/s", "10,000/s")
}

fn row(ground: &mut Ground, engine: Engine, minimum: &str, goal: &str) -> Result<Vec<Row>> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut stage = Stage::set(ground, engine, None)?;
        stage.warm_up(false)?;
        let before = stage.processor_time()?;
        let taken = stage.load(CLIENTS, MAILS)?;
        let own = stage.processor_time()?.saturating_sub(before);
        runs.push((taken, own));
        stage.postern.stop()?;
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
            "processor time a mail: Postern {} µs, the applications {} µs",
            (own / mails).as_micros(),
            (taken.own / mails).as_micros()
        ),
    }])
}
