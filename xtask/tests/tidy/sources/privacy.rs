//! No file contains paths or registries of the machine it was written on.

use crate::files::{self, expect_none, root};
use std::env;

#[test]
fn no_file_contains_a_path_of_this_machine() {
    let mut private = vec![root().display().to_string()];
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        // A home such as `/` would match everywhere.
        private.extend(
            env::var(name)
                .ok()
                .filter(|folder| folder.len() > 3)
                .map(|folder| folder + "/"),
        );
    }
    let mut found = Vec::new();
    for file in files::all() {
        for (number, line) in file.text.lines().enumerate() {
            if private.iter().any(|folder| line.contains(folder)) {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    expect_none("No file contains a path of one machine", found);
}

// A lock file with registry addresses works only where they can be reached.
#[test]
fn lock_files_name_no_registry() {
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    let mut found = Vec::new();
    for file in files::all() {
        for line in file.text.lines() {
            let named = match file.path.rsplit('/').next() {
                Some("Cargo.lock") => line.starts_with("source = ") && !line.contains(index),
                Some("package-lock.json") => line.trim_start().starts_with("\"resolved\""),
                Some(".npmrc") => line.trim_start().starts_with("registry"),
                Some("config.toml") => line.contains("registry"),
                _ => false,
            };
            if named {
                found.push(format!("{}: {}", file.path, line.trim()));
            }
        }
    }
    expect_none("No lock file names a registry of one place", found);
}
