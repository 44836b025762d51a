//! Finds or installs Chromium, PostgreSQL and other programs of Debian.

use super::apt;
use anyhow::{Context, Result};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The path of a Chromium. Its headless shell is preferred: a test of a page takes two thirds of the
/// time with it.
pub fn chromium() -> Result<PathBuf> {
    const SHELL: &str = "chromium-headless-shell";
    const NAMES: [&str; 5] = [
        SHELL,
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let find = || NAMES.iter().find_map(|name| on_path(name));
    if on_path(SHELL).is_none() && apt::is_root() {
        // Not every distribution has it.
        let _ = apt::install("Chromium", &[SHELL]);
    }
    if find().is_none() {
        apt::install("Chromium", &["chromium"])?;
    }
    find().context("Chromium is installed but cannot be found")
}

/// The folder of `initdb` and `postgres`, which Debian does not put on the path.
pub fn postgresql() -> Result<PathBuf> {
    if let Some(folder) = postgresql_folder() {
        return Ok(folder);
    }
    apt::install("PostgreSQL", &["postgresql"])?;
    postgresql_folder().context("PostgreSQL is installed but cannot be found")
}

fn postgresql_folder() -> Option<PathBuf> {
    let debians = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = debians
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .max_by_key(|folder| version(folder));
    newest.or_else(|| on_path("initdb")?.parent().map(Path::to_owned))
}

fn version(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

/// Installs the Debian package of a program that is not on the path.
#[cfg(target_os = "linux")]
pub fn require(program: &str, package: &str) -> Result<()> {
    match on_path(program) {
        Some(_) => Ok(()),
        None => apt::install(program, &[package]),
    }
}

/// The first program with this name on the path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}
