//! Node and the packages of end2end/: Playwright, SMTP servers, and binaryen for the build.

use super::apt;
use crate::{
    console,
    run::{answer, run},
    workspace,
};
use anyhow::{Result, bail};
use std::{fs, path::PathBuf, process::Command};

/// Playwright's lowest Node.
const MIN_NODE_MAJOR: u32 = 20;

/// Brings Node when it is missing, then the packages.
pub fn require() -> Result<()> {
    if is_current() {
        return Ok(());
    }
    if !is_there() {
        apt::install("Node.js", &["nodejs", "npm"])?;
    }
    match node() {
        Some(version) if version >= MIN_NODE_MAJOR => fetch(),
        Some(version) => {
            bail!("Node.js {MIN_NODE_MAJOR} or newer is needed; this machine has {version}")
        }
        None => bail!("Node.js {MIN_NODE_MAJOR} or newer is needed"),
    }
}

/// Brings the packages when there is a Node to use them; says so when that fails.
pub fn install_if_node_present() {
    if is_current() || !is_there() {
        return;
    }
    if let Err(error) = fetch() {
        console::note(&format!("npm cannot bring wasm-opt: {error:#}"));
    }
}

fn fetch() -> Result<()> {
    let step = console::step("Fetch npm packages");
    run(Command::new("npm")
        .args(["ci", "--no-fund", "--no-audit"])
        .current_dir(folder()))?;
    fs::copy(lock(), stamp())?;
    step.done("npm ci");
    Ok(())
}

/// Whether the packages are those of the lock file.
fn is_current() -> bool {
    let fetched = fs::read(stamp());
    fetched.is_ok_and(|fetched| fs::read(lock()).is_ok_and(|lock| lock == fetched))
}

fn folder() -> PathBuf {
    workspace::root().join("end2end")
}

fn lock() -> PathBuf {
    folder().join("package-lock.json")
}

/// The lock file of the last time; inside node_modules, so that it goes when they go.
fn stamp() -> PathBuf {
    folder().join("node_modules/.postern-lock")
}

fn is_there() -> bool {
    node().is_some() && answer(Command::new("npm").arg("--version")).is_some()
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
