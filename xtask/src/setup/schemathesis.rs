//! Schemathesis, a fuzzer for `OpenAPI` documents, in a Python virtual environment.

use super::apt;
use crate::{
    console,
    run::{output_of, run},
    workspace,
};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf, process::Command};

const PACKAGE: &str = "schemathesis==4.32.5";

/// The path of the program `st`, installed on first use.
pub fn program() -> Result<PathBuf> {
    let folder = workspace::cache_dir().join("schemathesis");
    let (program, stamp) = (folder.join("bin/st"), folder.join("installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == PACKAGE) {
        return Ok(program);
    }
    if !has_venv() {
        apt::install("Python with venv", &["python3", "python3-venv"])?;
    }
    let step = console::step(&format!("Install {PACKAGE}"));
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))?;
    run(Command::new(folder.join("bin/pip")).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ]))
    .with_context(|| format!("cannot install {PACKAGE}"))?;
    fs::write(stamp, PACKAGE)?;
    step.done("pip install");
    Ok(program)
}

/// Debian splits `ensurepip`, which venv needs, from Python.
fn has_venv() -> bool {
    output_of(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_some()
}
