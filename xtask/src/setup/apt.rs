//! Debian packages: installed as root, asked for otherwise.

use crate::{
    run::{answer, run},
    say,
};
use anyhow::{Result, bail};
use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

/// Installs packages, after saying what for.
pub fn install(purpose: &str, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{purpose} is missing: install what Debian calls {list}");
    }
    if !is_root() {
        bail!("{purpose} is missing: sudo apt-get install {list}");
    }
    let step = say::step(&format!("Install {list}"));
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.swap(true, Ordering::Relaxed) {
        // One source that cannot be reached does not mean that the package cannot.
        let _ = run(apt().arg("update"));
    }
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))?;
    step.done("installed");
    Ok(())
}

pub fn is_root() -> bool {
    answer(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-o", "Dpkg::Use-Pty=0"]);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
