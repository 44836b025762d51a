//! `cargo xtask build`: the console's assets, then the server that embeds them.

use crate::{
    console,
    run::{cargo, run},
    site, workspace,
};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// `cargo xtask build [--features NAMES]`, with features of the server.
pub fn build_command(arguments: &[String]) -> Result<()> {
    let features = match arguments {
        [] => Vec::new(),
        [flag, names] if flag == "--features" => vec!["--features", names.as_str()],
        _ => bail!("Usage: cargo xtask build [--features NAMES]"),
    };
    let profile = [&["--release"][..], features.as_slice()].concat();
    build(&profile, "release/postern").map(drop)
}

/// Builds the release profile and returns the path of the executable.
pub fn release() -> Result<PathBuf> {
    build(&["--release"], "release/postern")
}

/// Builds the development profile, in half of the time, and returns the path of the executable.
pub fn development() -> Result<PathBuf> {
    build(&[], "debug/postern")
}

/// Builds what is packaged, which takes longest, and returns the path of the executable.
#[cfg(target_os = "linux")]
pub fn dist() -> Result<PathBuf> {
    build(&["--profile", "dist"], "dist/postern")
}

/// `executable` is relative to the target folder.
fn build(profile: &[&str], executable: &str) -> Result<PathBuf> {
    let site = site::build()?;
    let step = console::step("Compile the server");
    run(cargo()
        .args(["build", "--package", "server"])
        .args(profile)
        .env("POSTERN_SITE", site))?;
    step.done(&format!("target/{executable}"));
    Ok(workspace::target().join(executable))
}
