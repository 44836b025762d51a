//! Installs or unpacks Debian packages; without root, names what to install.

use crate::{
    console,
    guard::TempDir,
    run::{output_of, run},
    workspace,
};
use anyhow::{Context, Result, bail};
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

/// Takes one file out of a package, without its dependencies. `file` is relative to the root.
pub fn extract(package: &str, file: &str, target: &Path) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{file} is missing, and there is no apt-get to download {package}");
    }
    let folder = TempDir::create(&workspace::cache_dir(), package)?;
    let download = || {
        let mut apt = apt();
        // Its own user cannot enter root's folders.
        apt.args(["-o", "APT::Sandbox::User=root", "download", package]);
        run(apt.current_dir(&folder.0))
    };
    if download().is_err() {
        update();
        download()?;
    }
    for entry in fs::read_dir(&folder.0)? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|ending| ending == "deb") {
            let content = folder.0.join("content");
            run(Command::new("dpkg-deb")
                .arg("-x")
                .arg(archive)
                .arg(&content))?;
            let extracted = content.join(file);
            return fs::rename(&extracted, target)
                .with_context(|| format!("{package} has no {file}"));
        }
    }
    bail!("apt-get has downloaded no package {package}")
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
