//! Power cut tests: cuts the power of a simulated disk under load; no mail may be lost.

mod disk;
mod filesystem;
mod run;

use crate::{console, rig::random::Random, setup::apt};
use anyhow::{Result, bail};
use std::path::Path;

/// Why no FUSE file system can be mounted; `None` if it can.
pub fn unavailable() -> Option<&'static str> {
    if !apt::is_root() {
        return Some("mounting a FUSE file system needs root");
    }
    (!Path::new("/dev/fuse").exists()).then_some("/dev/fuse does not exist")
}

/// Cuts the power `cuts` times and prints a table for the README.
pub fn powercut(program: &Path, cuts: usize, seed: u64) -> Result<()> {
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
        "| power cuts | acknowledged | lost | reported | duplicates | most at one cut | in doubt |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n\
         | {cuts} | {} | {} | {} | {} | {} | {} |\n",
        found.acknowledged,
        found.lost,
        found.reported,
        found.duplicates,
        found.most,
        crate::crash::cluster::IN_DOUBT
    );
    crate::crash::report(&found.faults, seed)
}
