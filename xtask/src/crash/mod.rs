//! `cargo xtask crash N`: kills Postern N times under load and verifies that no mail is lost.

pub mod ledger;
pub mod producers;
pub mod relay;
pub mod run;

use crate::{
    build, console,
    rig::{
        environment::{Database, Environment},
        postgres::Durability,
        random::Random,
    },
};
use anyhow::{Context, Result, bail};
use ledger::Comparison;
use std::path::PathBuf;

const HELP: &str = "\
Kills Postern while mail is submitted and delivered, and verifies that no acknowledged mail is lost.

Usage: cargo xtask crash [N] [--sqlite | --postgres] [--seed SEED] [--program PATH]

N is the number of crashes, 10 by default: half of them on SQLite, half on PostgreSQL with two nodes,
unless one database is named. The seed of a run is printed; the same seed repeats the same delays.
Without --program the release is built and used.
";

/// Number of faults that are printed.
const MAX_PRINTED_FAULTS: usize = 20;

pub fn crash(arguments: &[String]) -> Result<()> {
    let mut crashes = 10;
    let mut seed = Random::seed();
    let mut engines = vec![Database::Sqlite, Database::Postgres];
    let mut program = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--sqlite" => engines = vec![Database::Sqlite],
            "--postgres" => engines = vec![Database::Postgres],
            "--seed" => seed = words.next().context("--seed needs a number")?.parse()?,
            "--program" => program = words.next().map(PathBuf::from),
            "help" | "--help" | "-h" => {
                print!("{HELP}");
                return Ok(());
            }
            number => match number.parse() {
                Ok(number) => crashes = number,
                Err(_) => bail!("not a number of crashes: {number}\n\n{HELP}"),
            },
        }
    }
    let program = program.map_or_else(build::build, Ok)?;
    crash_of(program, crashes, &engines, seed)
}

/// Divides the crashes among the databases and prints a table for the README.
pub fn crash_of(program: PathBuf, crashes: usize, engines: &[Database], seed: u64) -> Result<()> {
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
    print!("{}{lines}", HEAD);
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
| database | crashes | acknowledged | lost | never answered | refused | duplicates | most at one crash | connections |
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
        run::CONNECTIONS
    )
}
