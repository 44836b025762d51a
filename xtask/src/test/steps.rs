//! The steps of `cargo xtask test`.

use super::e2e;
use crate::{
    crash,
    rig::{
        ground::Engine,
        postgres::{Durability, Postgres},
        random::Random,
    },
    run::{cargo, run},
    setup::npm,
    site, workspace,
};
use anyhow::Result;
use std::{env, path::PathBuf, process::Command};

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
    let postgres = Postgres::start(&env::temp_dir(), Durability::Unsynced)?;
    run(with_site()?
        .args(["test", "--workspace"])
        .env("POSTERN_TEST_POSTGRES", postgres.url()))
}

pub fn end_to_end() -> Result<()> {
    // Alone, this step has to notice a changed page; after the others nothing is left to do.
    site()?;
    program()?;
    e2e::run()
}

/// Ten times, half of them on each database; a hundred times is for who changes the outbox.
pub fn crash() -> Result<()> {
    let engines = [Engine::Sqlite, Engine::Postgres];
    crash::crash_of(program()?, 10, &engines, Random::seed())
}

/// The program of the development profile.
fn program() -> Result<PathBuf> {
    run(with_site()?.args(["build", "--workspace", "--bin", "postern"]))?;
    Ok(workspace::target().join("debug/postern"))
}

/// Cargo, with the site: one and the same everywhere, or the server is built once for each.
fn with_site() -> Result<Command> {
    let mut cargo = cargo();
    cargo.env("POSTERN_SITE", site::folder()?);
    Ok(cargo)
}
