//! Crash tests: kills Postern under load and verifies that no mail is lost.

pub mod ledger;
pub mod producers;
pub mod relay;
pub mod run;

use crate::{
    console,
    rig::{
        environment::{Database, Environment},
        postgres::Durability,
        random::Random,
    },
};
use anyhow::{Result, bail};
use ledger::Comparison;
use std::path::PathBuf;

/// Number of faults that are printed.
const MAX_PRINTED_FAULTS: usize = 20;

/// Divides the crashes among the databases and prints a table for the README.
pub fn crash(program: PathBuf, crashes: usize, engines: &[Database], seed: u64) -> Result<()> {
    console::note(&format!("seed {seed}"));
    let mut environment = Environment::new(program, "crash", Durability::Unsynced)?;
    let mut random = Random::new(seed);
    let (mut lines, mut faults) = (String::new(), Vec::new());
    for (at, engine) in engines.iter().enumerate() {
        // The first database takes the remainder.
        let share = crashes / engines.len() + usize::from(at < crashes % engines.len());
        let step = console::step(&format!("Kill Postern {share} times, {engine}"));
        let comparison = run::run(&mut environment, *engine, share, &mut random)?;
        step.done(&format!("{} mails acknowledged", comparison.acknowledged));
        lines.push_str(&line(*engine, share, &comparison));
        faults.extend(comparison.faults);
    }
    print!("{HEAD}{lines}");
    report(&faults, seed)
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
| database | crashes | acknowledged | lost | never answered | refused | duplicates | most at one crash | in doubt |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

fn line(engine: Database, crashes: usize, comparison: &Comparison) -> String {
    let nodes = match engine {
        Database::Sqlite => "",
        Database::Postgres => ", two nodes",
    };
    format!(
        "| {engine}{nodes} | {crashes} | {} | {} | {} | {} | {} | {} | {} |\n",
        comparison.acknowledged,
        comparison.lost,
        comparison.unknown,
        comparison.refused,
        comparison.duplicates,
        comparison.most,
        run::IN_DOUBT
    )
}
