//! cargo-deb, which makes Debian packages, installed from crates.io on first use.

use crate::{
    console,
    run::{cargo, output_of, run},
    workspace,
};
use anyhow::{Context, Result};
use std::process::Command;

/// The version that the metadata in `server/Cargo.toml` is written for.
const VERSION: &str = "3.8.0";

/// A command of cargo-deb, in the root of the workspace.
pub fn command() -> Result<Command> {
    let folder = workspace::cache_dir().join("cargo-deb");
    let program = folder.join("bin/cargo-deb");
    let installed = output_of(Command::new(&program).arg("--version"));
    let is_current = installed.is_some_and(|text| text.split(' ').next_back() == Some(VERSION));
    if !is_current {
        let step = console::step(&format!("Install cargo-deb {VERSION}"));
        let version = format!("={VERSION}");
        run(cargo()
            .args(["install", "cargo-deb", "--locked", "--quiet", "--force"])
            .args(["--version", &version])
            .arg("--root")
            .arg(&folder))
        .with_context(|| format!("cannot install cargo-deb {VERSION}"))?;
        step.done("cargo install");
    }
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    Ok(command)
}
