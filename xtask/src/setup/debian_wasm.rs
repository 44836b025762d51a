//! The WebAssembly target from Debian's packages, for machines without access to rustup's server.
//!
//! Debian packages a current compiler (`rustc-web`) and the sources of its standard library, but
//! not that library built for wasm32-unknown-unknown. It is built here once per version of the
//! compiler, into a sysroot in the target folder.

use super::{
    apt,
    sysroot::{TARGET, has_std, library},
};
use crate::{
    console,
    run::{output_of, run},
    workspace,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// Whether an earlier run has built the standard library.
pub fn is_ready() -> bool {
    version().is_some_and(|version| has_std(&sysroot(&version)))
}

/// Debian's cargo with that sysroot.
pub fn cargo() -> Result<Command> {
    if ![RUSTC, CARGO, SOURCES]
        .iter()
        .all(|path| Path::new(path).exists())
    {
        apt::install(
            "A compiler for WebAssembly",
            &["rustc-web", "cargo-web", "rust-web-src"],
        )?;
    }
    let version = version().with_context(|| format!("{RUSTC} does not print its version"))?;
    let linker = linker(&version)?;
    let sysroot = sysroot(&version);
    if !has_std(&sysroot) {
        build_std(&sysroot, &linker)?;
    }
    let mut cargo = debians(&linker);
    cargo.current_dir(workspace::root());
    cargo.env(
        setting("RUSTFLAGS"),
        format!("--sysroot={}", sysroot.display()),
    );
    Ok(cargo)
}

fn version() -> Option<String> {
    output_of(Command::new(RUSTC).arg("-vV"))
}

fn sysroot(version: &str) -> PathBuf {
    let release = field(version, "release").unwrap_or("unknown");
    workspace::cache_dir().join(format!("debian-{release}"))
}

/// `wasm-ld` of the compiler's LLVM version.
fn linker(version: &str) -> Result<String> {
    let llvm = field(version, "LLVM version").and_then(|number| number.split('.').next());
    let Some(major) = llvm else {
        bail!("{RUSTC} does not print its LLVM version");
    };
    let linker = format!("wasm-ld-{major}");
    if !Path::new("/usr/bin").join(&linker).exists() {
        apt::install("A linker for WebAssembly", &[&format!("lld-{major}")])?;
    }
    Ok(linker)
}

fn field<'a>(version: &'a str, name: &str) -> Option<&'a str> {
    version
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// Builds the standard library as a dependency of an empty crate.
fn build_std(sysroot: &Path, linker: &str) -> Result<()> {
    let step = console::step("Build the standard library for WebAssembly");
    let folder = workspace::cache_dir().join("std-for-browsers");
    fs::create_dir_all(folder.join("src"))
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    fs::write(folder.join("Cargo.toml"), EMPTY)?;
    fs::write(folder.join("src/lib.rs"), "")?;
    run(debians(linker)
        .current_dir(&folder)
        // The standard library uses unstable features.
        .env("RUSTC_BOOTSTRAP", "1")
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort",
        ])
        .arg("--target-dir")
        .arg(folder.join("target")))?;

    let library = library(sysroot);
    fs::create_dir_all(&library)?;
    for entry in fs::read_dir(folder.join("target").join(TARGET).join("release/deps"))? {
        let path: PathBuf = entry?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|e| e == "rlib"))
        {
            fs::copy(&path, library.join(name))?;
        }
    }
    fs::remove_dir_all(&folder)?;
    step.done("built");
    Ok(())
}

const EMPTY: &str = r#"[package]
name = "std-for-browsers"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[profile.release]
panic = "abort"

[workspace]
"#;

/// Debian's cargo with Debian's compiler, regardless of rustup.
fn debians(linker: &str) -> Command {
    let mut cargo = Command::new(CARGO);
    cargo.env("RUSTC", RUSTC).env(setting("LINKER"), linker);
    for name in [
        "CARGO",
        "RUSTUP_TOOLCHAIN",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
    ] {
        cargo.env_remove(name);
    }
    cargo
}

fn setting(name: &str) -> String {
    format!(
        "CARGO_TARGET_{}_{name}",
        TARGET.to_uppercase().replace('-', "_")
    )
}
