//! Selects a toolchain that compiles to WebAssembly.

use super::{
    debian_wasm,
    sysroot::{TARGET, has_std},
};
use crate::{
    console,
    guard::ManagedProcess,
    run::{cargo, output_of},
};
use anyhow::{Result, bail};
use std::{env, path::Path, process::Command, time::Duration};

/// Limit for rustup before Debian's packages are used.
const RUSTUP_TIMEOUT: Duration = Duration::from_secs(60);

/// The current toolchain if it has the target or rustup can add it, else Debian's.
/// `POSTERN_XTASK_WASM=debian` selects Debian's at once.
pub fn cargo_for_browsers() -> Result<Command> {
    match env::var("POSTERN_XTASK_WASM").as_deref() {
        Err(_) | Ok("") => {}
        Ok("debian") => return debian_wasm::cargo(),
        Ok(other) => bail!("POSTERN_XTASK_WASM is {other}; the only value is debian"),
    }
    if own_has_target() {
        return Ok(cargo());
    }
    // Does not wait for rustup again once Debian's toolchain is set up.
    if !debian_wasm::is_ready() {
        if rustup_adds_target() {
            return Ok(cargo());
        }
        console::note("rustup cannot add the WebAssembly target: using Debian's packages.");
    }
    debian_wasm::cargo()
}

fn own_has_target() -> bool {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_some_and(|path| has_std(Path::new(&path)))
}

fn rustup_adds_target() -> bool {
    let step = console::step(&format!("rustup target add {TARGET}"));
    let mut rustup = Command::new("rustup");
    let Ok(mut running) = ManagedProcess::start(rustup.args(["target", "add", TARGET])) else {
        return false;
    };
    match running.wait_at_most(RUSTUP_TIMEOUT) {
        Ok(Some(status)) if status.success() => {
            step.done("added");
            true
        }
        Ok(None) => {
            console::note(&format!("no response in {} s", RUSTUP_TIMEOUT.as_secs()));
            false
        }
        Ok(Some(_)) | Err(_) => false,
    }
}
