//! Turns the compiled WebAssembly into the browser's bundle: wasm-bindgen, then wasm-opt.

use super::style::without_comments;
use crate::{console, run::run, workspace};
use anyhow::{Context, Result, ensure};
use std::{fs, path::PathBuf, process::Command};
use wasm_bindgen_cli_support::Bindgen;

pub struct Bundle {
    pub js: String,
    pub wasm: Vec<u8>,
}

pub fn make(compiled: &[u8]) -> Result<Bundle> {
    let step = console::step("Run wasm-bindgen");
    let mut output = Bindgen::new()
        .input_bytes("postern", compiled.to_vec())
        .web(true)?
        .typescript(false)
        // The page passes the path: the hashed name is not known here.
        .omit_default_module_path(true)
        .demangle(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("wasm-bindgen")?;
    ensure!(
        output.snippets().values().all(Vec::is_empty) && output.local_modules().is_empty(),
        "a dependency contains JavaScript files, which the bundle does not support"
    );
    let js = without_comments(output.js());
    let wasm = output.wasm_mut().emit_wasm();
    step.done("done");
    Ok(Bundle {
        js,
        wasm: optimise(wasm)?,
    })
}

/// `wasm-opt` of the npm package binaryen.
pub fn optimiser() -> Option<PathBuf> {
    let program = workspace::root().join("end2end/node_modules/binaryen/bin/wasm-opt");
    program.exists().then_some(program)
}

fn optimise(wasm: Vec<u8>) -> Result<Vec<u8>> {
    let Some(program) = optimiser() else {
        console::note("wasm-opt (npm) is missing: the bundle is larger than necessary.");
        return Ok(wasm);
    };
    let step = console::step("Run wasm-opt");
    let (from, to) = (
        workspace::cache_dir().join("before.wasm"),
        workspace::cache_dir().join("after.wasm"),
    );
    fs::write(&from, wasm)?;
    run(Command::new("node")
        .arg(program)
        .arg("-Oz")
        .args(FEATURES)
        .arg(&from)
        .arg("-o")
        .arg(&to))?;
    let smaller = fs::read(&to)?;
    step.done("wasm-opt -Oz");
    Ok(smaller)
}

/// Features that rustc enables for wasm32-unknown-unknown; all current browsers support them.
const FEATURES: [&str; 8] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];
