//! Node and the packages of end2end/: Playwright, SMTP servers, and binaryen for the build.

use super::apt;
use crate::{
    run::{answer, run},
    say, workspace,
};
use anyhow::{Result, bail};
use std::{fs, process::Command};

/// Playwright's lowest Node.
const LOWEST: u32 = 20;

/// Brings Node when it is missing, then the packages.
pub fn demand() -> Result<()> {
    if node().is_none() || npm().is_none() {
        apt::install("Node.js", &["nodejs", "npm"])?;
    }
    match node() {
        Some(version) if version >= LOWEST => packages(),
        Some(version) => bail!("Node.js {LOWEST} or newer is needed; this machine has {version}"),
        None => bail!("Node.js {LOWEST} or newer is needed"),
    }
}

/// Brings the packages when there is a Node to use them; says so when there is not.
pub fn welcome() {
    if node().is_none() || npm().is_none() {
        return;
    }
    if let Err(error) = packages() {
        say::note(&format!("npm cannot bring wasm-opt: {error:#}"));
    }
}

/// `npm ci`, when the lock file is not the one of the last time.
fn packages() -> Result<()> {
    let folder = workspace::root().join("end2end");
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    // Inside node_modules, so that it goes when they go.
    let stamp = folder.join("node_modules/.postern-lock");
    if fs::read_to_string(&stamp).is_ok_and(|last| last == lock) {
        return Ok(());
    }
    let step = say::step("Fetch npm packages");
    run(Command::new("npm")
        .args(["ci", "--no-fund", "--no-audit"])
        .current_dir(folder))?;
    fs::write(stamp, lock)?;
    step.done("npm ci");
    Ok(())
}

/// The major version.
fn node() -> Option<u32> {
    let version = answer(Command::new("node").arg("--version"))?;
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn npm() -> Option<String> {
    answer(Command::new("npm").arg("--version"))
}
