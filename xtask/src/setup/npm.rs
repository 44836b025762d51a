//! Node.js and the npm packages of end2end/: Playwright, SMTP servers, binaryen.

use super::apt;
use crate::{
    console,
    run::{output_of, run},
    workspace,
};
use anyhow::{Result, bail};
use std::{fs, path::PathBuf, process::Command};

/// The lowest major version of Node.js that Playwright supports.
const MIN_NODE_MAJOR: u32 = 20;

/// Installs Node.js if it is missing, then the packages.
pub fn require() -> Result<()> {
    if is_current() {
        return Ok(());
    }
    if !is_installed() {
        apt::install("Node.js", &["nodejs", "npm"])?;
    }
    match node() {
        Some(version) if version >= MIN_NODE_MAJOR => fetch(),
        Some(version) => {
            bail!("Node.js {MIN_NODE_MAJOR} or newer is needed, version {version} is installed")
        }
        None => bail!("Node.js {MIN_NODE_MAJOR} or newer is needed"),
    }
}

/// Installs the packages if there is a Node.js. A failure is only a note.
pub fn install_if_node_present() {
    if is_current() || !is_installed() {
        return;
    }
    if let Err(error) = fetch() {
        console::note(&format!("npm cannot install wasm-opt: {error:#}"));
    }
}

fn fetch() -> Result<()> {
    let step = console::step("Install npm packages");
    run(Command::new("npm")
        .args(["ci", "--no-fund", "--no-audit"])
        .current_dir(folder()))?;
    fs::copy(lock(), stamp())?;
    step.done("npm ci");
    Ok(())
}

/// Whether the installed packages match the lock file.
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

/// A copy of the lock file inside `node_modules`, so that it is removed with them.
fn stamp() -> PathBuf {
    folder().join("node_modules/.postern-lock")
}

fn is_installed() -> bool {
    node().is_some() && output_of(Command::new("npm").arg("--version")).is_some()
}

/// The major version of Node.js.
fn node() -> Option<u32> {
    let version = output_of(Command::new("node").arg("--version"))?;
    version
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse()
        .ok()
}
