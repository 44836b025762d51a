//! `cargo xtask build`: the site, then the one file that holds it.

use crate::{
    console,
    run::{cargo, run},
    site, workspace,
};
use anyhow::Result;
use std::path::PathBuf;

/// Returns the path of the finished program.
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
