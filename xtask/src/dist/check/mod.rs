//! Tests the packages in a Debian root: install, run, upgrade, remove, purge.

mod analysis;
mod earlier;
mod lifecycle;
mod notifications;
mod other_mta;
mod root;
mod service;
mod syscalls;
mod unit;

use super::package::{self, Packages};
use crate::{
    console,
    guard::TempDir,
    run::run,
    setup::{apt, programs},
};
use anyhow::{Result, bail};
use lifecycle::Before;
use root::DebianRoot;
use std::{env, path::PathBuf, process::Command};

/// The version of the package that is upgraded, where no other is given.
const BEFORE: &str = "0.0.1-1";

/// What lintian may report: the packages are not uploaded to Debian.
const SUPPRESSED: &str = "initial-upload-closes-no-bugs";

pub fn require_root() -> Result<()> {
    if apt::is_root() {
        return Ok(());
    }
    bail!("--check needs root, for mmdebstrap and chroot");
}

/// Tests the packages; `before` is the package of an earlier version.
pub fn check(packages: &Packages, before: Option<PathBuf>) -> Result<()> {
    lint(packages)?;
    let root = DebianRoot::create()?;
    let folder = TempDir::create(&env::temp_dir(), "postern-before")?;
    let before = match before {
        Some(package) => Before {
            package,
            is_rebuilt: false,
        },
        None => Before {
            package: package::with_version(BEFORE, &folder.0, packages)?,
            is_rebuilt: true,
        },
    };

    let step = console::step("Install, run, upgrade, remove and purge");
    lifecycle::check(&root, &before, packages)?;
    step.done("as expected");

    let step = console::step("Install beside and in the place of another mail server");
    other_mta::check(&root, packages)?;
    step.done("as expected");
    Ok(())
}

/// Runs lintian; its warnings are printed, and an error is a failure.
fn lint(packages: &Packages) -> Result<()> {
    if let Err(error) = programs::require("lintian", "lintian") {
        console::note(&format!("lintian skipped: {error:#}"));
        return Ok(());
    }
    let step = console::step("lintian");
    run(Command::new("lintian")
        .args([
            "--allow-root",
            "--profile",
            "debian",
            "--suppress-tags",
            SUPPRESSED,
        ])
        .args(["--fail-on", "error"])
        .args([&packages.postern, &packages.mta]))?;
    step.done("no error");
    Ok(())
}
