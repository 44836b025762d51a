//! The steps of `cargo xtask test`.

use super::e2e;
#[cfg(target_os = "linux")]
use crate::{
    console, crash, powercut,
    rig::{environment::Database, random::Random},
};
use crate::{
    rig::postgres::{Durability, Postgres},
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
    npm::require()?;
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

/// Ten times, half of them on each database, and two cuts of the power where a disk can be mounted;
/// a hundred, and twenty, are for who changes the outbox.
#[cfg(target_os = "linux")]
pub fn crash() -> Result<()> {
    let program = program()?;
    let engines = [Database::Sqlite, Database::Postgres];
    crash::crash_of(program.clone(), 10, &engines, Random::seed())?;
    match powercut::missing() {
        Some(missing) => console::note(&format!("No cuts of the power: {missing}.")),
        None => powercut::powercut_of(&program, 2, Random::seed())?,
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub fn crash() -> Result<()> {
    crate::console::note("Only Linux tells what this step asks for: it is skipped.");
    Ok(())
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
