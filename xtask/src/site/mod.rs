//! What a browser loads: made, named after its content, compressed, weighed.

mod budget;
mod bundle;
mod compress;
mod folder;
mod style;

use crate::{
    run::run,
    say,
    setup::{
        npm,
        wasm::{TARGET, cargo_for_browsers},
    },
    workspace,
};
use anyhow::{Context, Result};
use folder::{Folder, short_hash};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Returns the folder `server/build.rs` embeds. Builds once, however many steps of a chore ask.
pub fn build() -> Result<PathBuf> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        make_current()?;
        let _ = DONE.set(());
    }
    Ok(place())
}

fn make_current() -> Result<()> {
    let mut cargo = cargo_for_browsers()?;
    let step = say::step("Compile the browser part");
    run(cargo.args([
        "build",
        "--package",
        "frontend",
        "--profile",
        "wasm",
        "--target",
        TARGET,
    ]))?;
    let compiled = workspace::target().join(TARGET).join("wasm/frontend.wasm");
    let wasm =
        fs::read(&compiled).with_context(|| format!("cannot read {}", compiled.display()))?;
    step.done("compiled");

    npm::welcome();
    let folder = place();
    let stamp = workspace::keep().join("site.stamp");
    let inputs = inputs(&wasm)?;
    if fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) {
        return budget::check(&folder);
    }
    fs::create_dir_all(workspace::keep())?;
    let _ = fs::remove_file(&stamp);
    make(&folder, &wasm)?;
    budget::check(&folder)?;
    fs::write(&stamp, inputs)?;
    Ok(())
}

/// The folder as it is; built only when there is none.
pub fn folder() -> Result<PathBuf> {
    match place().join("manifest").exists() {
        true => Ok(place()),
        false => build(),
    }
}

fn place() -> PathBuf {
    workspace::target().join("site")
}

fn make(site: &Path, wasm: &[u8]) -> Result<()> {
    let mut folder = Folder::create(site)?;
    let bundle = bundle::make(wasm)?;
    // One hash for both: the page finds them under one name.
    let hash = short_hash(&[bundle.js.as_bytes(), &bundle.wasm]);
    folder.add(
        "postern.js",
        &format!("postern-{hash}.js"),
        bundle.js.as_bytes(),
    )?;
    folder.add(
        "postern_bg.wasm",
        &format!("postern-{hash}_bg.wasm"),
        &bundle.wasm,
    )?;

    let step = say::step("Gather styles, icons and fonts");
    style::add(&mut folder, &workspace::root().join("style"))?;
    step.done("gathered");

    let step = say::step("Compress");
    folder.finish()?;
    step.done("brotli and gzip");
    Ok(())
}

/// What decides about the content of the site, as one hash.
fn inputs(wasm: &[u8]) -> Result<String> {
    let root = workspace::root();
    let mut parts = vec![wasm.to_vec()];
    for tree in ["style", "xtask/src/site"] {
        for file in folder::files(&root.join(tree))? {
            parts.push(file.to_string_lossy().into_owned().into_bytes());
            parts.push(fs::read(&file)?);
        }
    }
    parts.push(bundle::optimiser().is_some().to_string().into_bytes());
    Ok(short_hash(
        &parts.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    ))
}
