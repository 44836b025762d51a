//! A cargo that compiles for the browser.

use super::debian_wasm;
use crate::{
    console,
    guard::ManagedProcess,
    run::{answer, cargo},
};
use anyhow::{Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup's server may take before Debian's is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// The toolchain in use when it has the target or can be given it, else Debian's.
/// `POSTERN_XTASK_WASM=debian` tries the second way without waiting for the first to fail.
pub fn cargo_for_browsers() -> Result<Command> {
    match env::var("POSTERN_XTASK_WASM").as_deref() {
        Err(_) | Ok("") => {}
        Ok("debian") => return debian_wasm::cargo(),
        Ok(other) => bail!("POSTERN_XTASK_WASM is {other}; it may only be debian"),
    }
    if own_has_target() {
        return Ok(cargo());
    }
    // Once Debian's way was taken, rustup's server is not waited for again.
    if !debian_wasm::is_ready() {
        if rustup_adds_target() {
            return Ok(cargo());
        }
        console::note("rustup cannot bring the WebAssembly target; Debian's packages can.");
    }
    debian_wasm::cargo()
}

fn own_has_target() -> bool {
    let sysroot = answer(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_some_and(|path| has_std(Path::new(&path)))
}

fn rustup_adds_target() -> bool {
    let step = console::step(&format!("rustup target add {TARGET}"));
    let mut rustup = Command::new("rustup");
    let Ok(mut running) = ManagedProcess::start(rustup.args(["target", "add", TARGET])) else {
        return false;
    };
    match running.wait_at_most(PATIENCE) {
        Ok(Some(status)) if status.success() => {
            step.done("added");
            true
        }
        Ok(None) => {
            console::note(&format!("no answer in {} s", PATIENCE.as_secs()));
            false
        }
        Ok(Some(_)) | Err(_) => false,
    }
}

/// Where a sysroot keeps what programs for the browser are linked with.
pub fn library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

/// Whether all of the standard library is there: an installation may have been cut short.
pub fn has_std(sysroot: &Path) -> bool {
    let Ok(entries) = fs::read_dir(library(sysroot)) else {
        return false;
    };
    let names: Vec<_> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".rlib"))
        .collect();
    ["core", "alloc", "std", "panic_abort", "compiler_builtins"]
        .iter()
        .all(|part| {
            names
                .iter()
                .any(|name| name.starts_with(&format!("lib{part}-")))
        })
}
