//! `cargo xtask powercut N`: the disk loses its power N times while mail is handed over to Postern
//! on SQLite. What was acknowledged has to be there when the power is back.

mod disk;
mod filesystem;
mod run;

use crate::{build, console, rig::random::Random, setup::apt};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

const HELP: &str = "\
Cuts the power of a disk while Postern writes to it, and counts what is left.

Usage: cargo xtask powercut [N] [--seed SEED] [--program PATH]

N is 20 unless given. The disk is in memory and forgets at a cut what was not synced, or every
second time a part of it. First a disk that ignores syncs has to be found out, or nothing would be
proved. The seed of a run is printed; with it, the power fails at the same moments again.
Without --program the release is built.
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
                Err(_) => bail!("{number} is no number of cuts\n\n{HELP}"),
            },
        }
    }
    if let Some(missing) = missing() {
        bail!("{missing}");
    }
    powercut_of(&program.map_or_else(build::build, Ok)?, cuts, seed)
}

/// Why no file system can be mounted here.
pub fn missing() -> Option<&'static str> {
    if !apt::is_root() {
        return Some("only root mounts the disk whose power is cut");
    }
    (!Path::new("/dev/fuse").exists()).then_some("there is no /dev/fuse to mount a disk with")
}

pub fn powercut_of(program: &Path, cuts: usize, seed: u64) -> Result<()> {
    console::note(&format!("seed {seed}"));
    let mut random = Random::new(seed);
    let step = console::step("Cut the power of a disk that ignores syncs");
    let control = run::run(program, 1, run::SyncBehaviour::Ignored, &mut random)?;
    if control.lost == 0 {
        bail!("a disk that keeps nothing was not found out: the cuts would prove nothing");
    }
    step.done(&format!("{} mails lost, as they should be", control.lost));
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
