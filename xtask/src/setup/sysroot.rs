//! The WebAssembly libraries in a toolchain's sysroot.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The target of the browser's side.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The folder of a sysroot's WebAssembly libraries.
pub fn library(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

/// Whether the standard library is complete: an installation may have been interrupted.
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
