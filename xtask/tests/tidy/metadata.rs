//! What `cargo metadata` reports about the packages.

use crate::files::root;
use serde_json::Value;
use std::{env, process::Command};

/// Runs `cargo metadata` with further arguments and returns its `packages`.
pub fn packages(arguments: &[&str]) -> Vec<Value> {
    let metadata = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo describes the workspace");
    let errors = String::from_utf8_lossy(&metadata.stderr);
    assert!(metadata.status.success(), "cargo metadata failed: {errors}");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array();
    packages.expect("there are packages").clone()
}

/// A string, or nothing.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
