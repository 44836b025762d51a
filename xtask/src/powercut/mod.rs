//! `cargo xtask powercut N`: power cuts of the disk under load, on SQLite.

mod disk;
mod filesystem;
mod run;

use crate::{build, console, rig::random::Random, setup::apt};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

const HELP: &str = "\
Cuts the power of a disk while Postern writes to it, and verifies that no acknowledged mail is lost.

Usage: cargo xtask powercut [N] [--seed SEED] [--program PATH]

N is the number of cuts, 20 by default. The disk is a FUSE file system in memory. A cut discards what
was not synced; every second cut keeps a random part of it. A control run on a disk that ignores
syncs must lose mail, which proves that losses are detected. The seed of a run is printed; the same
seed repeats the same delays. Without --program the release is built and used.
";

pub fn powercut(arguments: &[String]) -> Result<()> {
    let mut cuts = 20;
    let mut seed = Random::seed();
    let mut program = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => seed = words.next().context("--seed needs a number")?.parse()?,
            "--program" => program = words.next().map(PathBuf::from),
            "help" | "--help" | "-h" => {
                print!("{HELP}");
                return Ok(());
            }
            number => match number.parse() {
                Ok(number) => cuts = number,
                Err(_) => bail!("not a number of cuts: {number}\n\n{HELP}"),
            },
        }
    }
    if let Some(reason) = unavailable() {
        bail!("{reason}");
    }
    powercut_of(&program.map_or_else(build::build, Ok)?, cuts, seed)
}

/// Why no FUSE file system can be mounted; `None` if it can.
pub fn unavailable() -> Option<&'static str> {
    if !apt::is_root() {
        return Some("mounting a FUSE file system needs root");
    }
    (!Path::new("/dev/fuse").exists()).then_some("/dev/fuse does not exist")
}

pub fn powercut_of(program: &Path, cuts: usize, seed: u64) -> Result<()> {
    console::note(&format!("seed {seed}"));
    let mut random = Random::new(seed);
    let step = console::step("Cut the power of a disk that ignores syncs (control run)");
    let control = run::run(program, 1, run::SyncBehaviour::Ignored, &mut random)?;
    if control.lost == 0 {
        bail!("no mail was lost on a disk that ignores syncs: losses would go unnoticed");
    }
    step.done(&format!("{} mails lost, as expected", control.lost));
    let step = console::step(&format!("Cut the power {cuts} times"));
    let found = run::run(program, cuts, run::SyncBehaviour::Honoured, &mut random)?;
    step.done(&format!("{} mails acknowledged", found.acknowledged));
    print!(
        "| power cuts | acknowledged | lost | duplicates | most at one cut | connections |\n\
         | --- | --- | --- | --- | --- | --- |\n\
         | {cuts} | {} | {} | {} | {} | {} |\n",
        found.acknowledged,
        found.lost,
        found.duplicates,
        found.most,
        crate::crash::run::CONNECTIONS
    );
    crate::crash::report(&found.faults, seed)
}
