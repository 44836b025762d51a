//! From what the compiler made to what a browser runs: wasm-bindgen, then wasm-opt.

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
    let step = console::step("Bind WebAssembly to JavaScript");
    let mut output = Bindgen::new()
        .input_bytes("postern", compiled.to_vec())
        .web(true)?
        .typescript(false)
        // The page names the file itself; the name is not known yet.
        .omit_default_module_path(true)
        .demangle(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("wasm-bindgen")?;
    ensure!(
        output.snippets().values().all(Vec::is_empty) && output.local_modules().is_empty(),
        "a dependency brings JavaScript files of its own, which the site has no place for"
    );
    let js = without_comments(output.js());
    let wasm = output.wasm_mut().emit_wasm();
    step.done("bound");
    Ok(Bundle {
        js,
        wasm: optimise(wasm)?,
    })
}

/// wasm-opt of the npm package binaryen.
pub fn optimiser() -> Option<PathBuf> {
    let program = workspace::root().join("end2end/node_modules/binaryen/bin/wasm-opt");
    program.exists().then_some(program)
}

fn optimise(wasm: Vec<u8>) -> Result<Vec<u8>> {
    let Some(program) = optimiser() else {
        console::note("Without wasm-opt (npm) the bundle is larger than it need be.");
        return Ok(wasm);
    };
    let step = console::step("Make WebAssembly smaller");
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

/// What rustc's wasm32-unknown-unknown uses; every browser of the last years has them.
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
