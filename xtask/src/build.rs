//! `cargo xtask build`: the console's assets, then the server that embeds them.

use crate::{
    console,
    run::{cargo, run},
    site, workspace,
};
use anyhow::Result;
use std::path::PathBuf;

/// Builds the release profile and returns the path of the executable.
pub fn build() -> Result<PathBuf> {
    let site = site::build()?;
    let step = console::step("Compile the server");
    run(cargo()
        .args(["build", "--release", "--package", "server"])
        .env("POSTERN_SITE", site))?;
    let postern = workspace::target().join("release/postern");
    step.done("target/release/postern");
    Ok(postern)
}
