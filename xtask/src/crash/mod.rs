//! Crash tests: nodes, PostgreSQL and relays killed or restarted under load; no mail may be lost.

pub mod cluster;
pub mod mail;
pub mod run;
mod scenarios;

use crate::{
    console,
    rig::{
        environment::{Database, Environment},
        postgres::Durability,
        random::Random,
    },
};
use anyhow::{Result, bail};
use run::RunResult;
pub use scenarios::rolling::RollingRestarts;
use std::path::{Path, PathBuf};

/// Number of faults that are printed.
const MAX_PRINTED_FAULTS: usize = 20;

/// Divides the crashes among the databases and prints a table for the README. With a webhook some mails name
/// one, and its events are waited for: up to a minute longer, for the lease of a process that was killed.
pub fn crash(
    program: PathBuf,
    crashes: usize,
    engines: &[Database],
    has_webhook: bool,
    seed: u64,
) -> Result<()> {
    let mut runs = Runs::new(seed);
    let mut environment = Environment::new(program, "crash", Durability::Unsynced)?;
    for (at, engine) in engines.iter().enumerate() {
        // The first database takes the remainder.
        let share = crashes / engines.len() + usize::from(at < crashes % engines.len());
        let scenario = scenarios::killed(*engine, has_webhook);
        runs.run(scenario.what, share, |random| {
            run::run(&mut environment, &scenario, share, random)
        })?;
    }
    runs.report()
}

/// Stops PostgreSQL, its network, nodes and relays, each so many times, and prints a table for the
/// README. A relay is killed once on each database. PostgreSQL syncs its commits.
pub fn outages(program: &Path, times: usize, engines: &[Database], seed: u64) -> Result<()> {
    let mut runs = Runs::new(seed);
    if engines.contains(&Database::Postgres) {
        for scenario in &scenarios::ON_POSTGRES {
            let mut environment = Environment::new(program.into(), "outage", Durability::Synced)?;
            runs.run(scenario.what, times, |random| {
                run::run(&mut environment, scenario, times, random)
            })?;
        }
    }
    for engine in engines {
        let mut environment = Environment::new(program.into(), "outage", Durability::Synced)?;
        let what = format!("one of three relays killed, {engine}");
        runs.run(&what, 1, |random| {
            scenarios::relays::run(&mut environment, *engine, random)
        })?;
    }
    runs.report()
}

/// Restarts each of three nodes behind a proxy, and verifies what they share. Prints a table for the README.
pub fn rolling(restarts: &RollingRestarts, seed: u64) -> Result<()> {
    let mut runs = Runs::new(seed);
    let program = restarts.first_program().to_owned();
    let mut environment = Environment::new(program, "nodes", Durability::Unsynced)?;
    runs.run(restarts.what(), restarts.times, |random| {
        scenarios::rolling::run(&mut environment, restarts, random)
    })?;
    runs.report()
}

/// Runs with one seed, and the table of their results.
struct Runs {
    seed: u64,
    random: Random,
    lines: String,
    faults: Vec<String>,
}

impl Runs {
    fn new(seed: u64) -> Self {
        console::note(&format!("seed {seed}"));
        Self {
            seed,
            random: Random::new(seed),
            lines: String::new(),
            faults: Vec::new(),
        }
    }

    fn run(
        &mut self,
        what: &str,
        times: usize,
        run: impl FnOnce(&mut Random) -> Result<RunResult>,
    ) -> Result<()> {
        let step = console::step(&format!("{times} times: {what}"));
        let outcome = run(&mut self.random)?;
        let acknowledged = outcome.comparison.acknowledged;
        step.done(&format!("{acknowledged} mails acknowledged"));
        self.lines.push_str(&line(what, times, &outcome));
        let faults = outcome.comparison.faults.into_iter();
        self.faults
            .extend(faults.map(|fault| format!("{what}: {fault}")));
        Ok(())
    }

    fn report(&self) -> Result<()> {
        print!("{HEAD}{}", self.lines);
        report(&self.faults, self.seed)
    }
}

/// Prints the faults and returns an error if there are any.
pub fn report(faults: &[String], seed: u64) -> Result<()> {
    for fault in faults.iter().take(MAX_PRINTED_FAULTS) {
        console::failure(fault);
    }
    if !faults.is_empty() {
        bail!("{} faults with seed {seed}", faults.len());
    }
    Ok(())
}

const HEAD: &str = "\
| | times | acknowledged | lost | never answered | refused | reported | duplicates | most at once | in doubt | taken over within |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

fn line(what: &str, times: usize, outcome: &RunResult) -> String {
    let comparison = &outcome.comparison;
    let takeover = outcome
        .takeover
        .map(|time| format!("{:.1} s", time.as_secs_f64()));
    format!(
        "| {what} | {times} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        comparison.acknowledged,
        comparison.lost,
        comparison.unknown,
        comparison.refused,
        comparison.reported,
        comparison.duplicates,
        comparison.most,
        outcome.in_doubt,
        takeover.as_deref().unwrap_or("–"),
    )
}
