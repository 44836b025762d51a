//! What a browser has to load, and the limit for it.

use super::bundle;
use crate::console;
use anyhow::{Result, bail};
use std::{fs, path::Path};

/// All WebAssembly and JavaScript of the console, compressed with brotli.
const LIMIT: u64 = 170_000;

/// Prints every file of the site with its size, and fails above the limit. What wasm-opt has not
/// seen is weighed all the same, but a machine without Node shall not go without a console.
pub fn check(site: &Path) -> Result<()> {
    let step = console::step("Weigh what a browser loads");
    console::note(&format!(
        "{:<40} {:>10} {:>10} {:>10}",
        "", "plain", "gzip", "brotli"
    ));
    let mut code = 0;
    for line in fs::read_to_string(site.join("manifest"))?.lines() {
        let path = line.split(' ').next_back().unwrap_or_default();
        let plain = size(site, path, "")?;
        let gzip = size(site, path, ".gz").unwrap_or(plain);
        let brotli = size(site, path, ".br").unwrap_or(plain);
        console::note(&format!(
            "{:<40} {plain:>10} {gzip:>10} {brotli:>10}",
            path.trim_start_matches("pkg/")
        ));
        if path.ends_with(".js") || path.ends_with(".wasm") {
            code += brotli;
        }
    }
    let verdict = format!("WebAssembly and JavaScript: {code} of {LIMIT} bytes");
    if code > LIMIT && bundle::optimiser().is_some() {
        bail!("{verdict}: too much for a browser to load");
    }
    step.done(&verdict);
    Ok(())
}

fn size(site: &Path, path: &str, ending: &str) -> std::io::Result<u64> {
    Ok(fs::metadata(site.join(format!("{path}{ending}")))?.len())
}
