//! Installs or unpacks Debian packages; without root, names what to install.

use crate::{
    console,
    guard::TempDir,
    run::{output_of, run},
};
use anyhow::{Result, bail};
use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

/// Installs packages. `purpose` names in errors what they provide.
pub fn install(purpose: &str, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{purpose} is missing: install the equivalent of Debian's {list}");
    }
    if !is_root() {
        bail!("{purpose} is missing: sudo apt-get install {list}");
    }
    let step = console::step(&format!("Install {list}"));
    update();
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))?;
    step.done("installed");
    Ok(())
}

/// Unpacks sets of packages with all their dependencies into a folder.
///
/// Packages of one set must be installable together; packages of two sets may conflict. A package
/// of several sets is downloaded and unpacked once.
pub fn unpack(purpose: &str, sets: &[&[&str]], folder: &Path) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{purpose} is missing, and there is no apt-get to download it");
    }
    update();
    let cache = TempDir::create(folder, "cache")?;
    let archives = cache.0.join("archives");
    fs::create_dir_all(archives.join("partial"))?;
    for packages in sets {
        run(apt()
            .args([
                "install",
                "--yes",
                "--no-install-recommends",
                "--download-only",
                "-qq",
            ])
            .args([
                "-o",
                "Dir::State::status=/dev/null",
                "-o",
                "APT::Sandbox::User=root",
            ])
            .arg("-o")
            .arg(format!("Dir::Cache={}", cache.0.display()))
            .args(*packages))?;
    }
    for entry in fs::read_dir(archives)? {
        let package = entry?.path();
        if package.extension().is_some_and(|ending| ending == "deb") {
            run(Command::new("dpkg-deb").arg("-x").arg(package).arg(folder))?;
        }
    }
    Ok(())
}

fn update() {
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.swap(true, Ordering::Relaxed) {
        // The package may be available although one source is not.
        let _ = run(apt().arg("update"));
    }
}

pub fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_some_and(|id| id == "0")
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-o", "Dpkg::Use-Pty=0"]);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
