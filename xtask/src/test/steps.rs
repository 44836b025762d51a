//! The steps of `cargo xtask test`.

use super::{e2e, postgres::Postgres};
use crate::{
    run::{cargo, run},
    setup::npm,
    site,
};
use anyhow::Result;
use std::process::Command;

pub fn format() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// The site of the tests is the one people get: wasm-opt has to be there first.
pub fn site() -> Result<()> {
    npm::demand()?;
    site::build().map(|_| ())
}

/// The browser's side is linted on the host: every toolchain has a clippy for that.
pub fn lint() -> Result<()> {
    let strict = ["--", "--deny", "warnings"];
    run(with_site()?
        .args(["clippy", "--workspace", "--all-targets"])
        .args(strict))?;
    run(with_site()?
        .args(["clippy", "--package", "app", "--features", "hydrate"])
        .args(strict))
}

pub fn tidy() -> Result<()> {
    run(with_site()?.args(["test", "--package", "xtask", "--test", "tidy"]))
}

pub fn unit() -> Result<()> {
    let postgres = Postgres::start()?;
    run(with_site()?
        .args(["test", "--workspace"])
        .env("POSTERN_TEST_POSTGRES", postgres.url()))
}

pub fn end_to_end() -> Result<()> {
    // Alone, this step has to notice a changed page; after the others nothing is left to do.
    site()?;
    run(with_site()?.args(["build", "--workspace", "--bin", "postern"]))?;
    e2e::run()
}

/// Cargo, with the site: one and the same everywhere, or the server is built once for each.
fn with_site() -> Result<Command> {
    let mut cargo = cargo();
    cargo.env("POSTERN_SITE", site::folder()?);
    Ok(cargo)
}
