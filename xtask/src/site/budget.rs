//! The size budget of what a browser loads.

use super::bundle;
use crate::console;
use anyhow::{Result, bail};
use std::{fs, path::Path};

/// Limit for all WebAssembly and JavaScript of the console, in bytes after brotli.
const MAX_CODE_BYTES: u64 = 170_000;

/// Prints the size of every file and fails above the limit. Without wasm-opt, that is without
/// Node.js, the limit is not enforced.
pub fn check(site: &Path) -> Result<()> {
    let step = console::step("Check the size of what a browser loads");
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
    let summary = format!("WebAssembly and JavaScript: {code} of {MAX_CODE_BYTES} bytes");
    if code > MAX_CODE_BYTES && bundle::optimiser().is_some() {
        bail!("{summary}: over the limit");
    }
    step.done(&summary);
    Ok(())
}

fn size(site: &Path, path: &str, suffix: &str) -> std::io::Result<u64> {
    Ok(fs::metadata(site.join(format!("{path}{suffix}")))?.len())
}
