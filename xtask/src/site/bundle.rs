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
    let mut js = without_comments(output.js());
    let module = output.wasm_mut();
    for (index, import) in module.imports.iter_mut().enumerate() {
        js = rename(&js, &import.name, &format!("i{index}"))?;
        import.name = format!("i{index}");
    }
    let wasm = module.emit_wasm();
    step.done("done");
    Ok(Bundle {
        js,
        wasm: optimise(wasm)?,
    })
}

/// Renames an import in the JavaScript, where it is a key of the object of imports. The names that
/// wasm-bindgen makes end in a hash, which does not compress and is in both files.
fn rename(js: &str, from: &str, to: &str) -> Result<String> {
    let (from, to) = (format!("\n{from}: "), format!("\n{to}: "));
    let found = js.matches(&from).count();
    ensure!(found == 1, "{found} imports are named{from}");
    Ok(js.replacen(&from, &to, 1))
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
