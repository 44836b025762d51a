//! Builds the browser's assets: bundled, content-hashed, compressed and checked for size.

mod budget;
mod bundle;
mod compress;
mod site_dir;
mod style;

use crate::{
    console,
    run::run,
    setup::{npm, sysroot::TARGET, wasm::cargo_for_browsers},
    workspace,
};
use anyhow::{Context, Result};
use site_dir::{SiteDir, short_hash};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The script of passkeys, in the repository.
const PASSKEY_SCRIPT: &str = "frontend/passkey.js";

/// Builds the assets, at most once per process. Returns the folder that `server/build.rs` embeds.
pub fn build() -> Result<PathBuf> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        build_if_changed()?;
        let _ = DONE.set(());
    }
    Ok(output_dir())
}

fn build_if_changed() -> Result<()> {
    let mut cargo = cargo_for_browsers()?;
    let step = console::step("Compile the browser's side");
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

    npm::install_if_node_present();
    let folder = output_dir();
    let stamp = workspace::cache_dir().join("site.stamp");
    let inputs = inputs(&wasm)?;
    if fs::read_to_string(&stamp).is_ok_and(|last| last == inputs) {
        return budget::check(&folder);
    }
    fs::create_dir_all(workspace::cache_dir())?;
    let _ = fs::remove_file(&stamp);
    write_assets(&folder, &wasm)?;
    budget::check(&folder)?;
    fs::write(&stamp, inputs)?;
    Ok(())
}

/// The folder of the last build; builds if there is none.
pub fn folder() -> Result<PathBuf> {
    match output_dir().join("manifest").exists() {
        true => Ok(output_dir()),
        false => build(),
    }
}

fn output_dir() -> PathBuf {
    workspace::target().join("site")
}

fn write_assets(site: &Path, wasm: &[u8]) -> Result<()> {
    let mut folder = SiteDir::create(site)?;
    let bundle = bundle::make(wasm)?;
    // One hash for both: the page derives both paths from one name.
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

    let step = console::step("Bundle styles, icons and fonts");
    style::add(&mut folder, &workspace::root().join("style"))?;
    folder.add_hashed("passkey.js", passkey_script()?.as_bytes())?;
    step.done("bundled");

    let step = console::step("Compress");
    folder.finish()?;
    step.done("brotli and gzip");
    Ok(())
}

/// The script that pages with passkeys load beside the bundle.
fn passkey_script() -> Result<String> {
    let file = workspace::root().join(PASSKEY_SCRIPT);
    let text = fs::read_to_string(&file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(style::without_comments(&text))
}

/// A hash of everything that determines the assets.
fn inputs(wasm: &[u8]) -> Result<String> {
    let root = workspace::root();
    let mut parts = vec![wasm.to_vec(), fs::read(root.join(PASSKEY_SCRIPT))?];
    for tree in ["style", "xtask/src/site"] {
        for file in site_dir::files(&root.join(tree))? {
            parts.push(file.to_string_lossy().into_owned().into_bytes());
            parts.push(fs::read(&file)?);
        }
    }
    parts.push(bundle::optimiser().is_some().to_string().into_bytes());
    Ok(short_hash(
        &parts.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    ))
}

#[cfg(test)]
mod tests {
    use super::passkey_script;

    #[test]
    fn the_script_of_passkeys_has_at_most_a_kilobyte() {
        let script = passkey_script().expect("the script");
        assert!(script.starts_with("const "), "{script}");
        assert!(script.len() <= 1000, "{}", script.len());
    }
}
