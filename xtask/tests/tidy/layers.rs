//! Allowed dependencies between the crates of the workspace.

use crate::files::{expect_none, root};
use serde_json::Value;
use std::{env, process::Command};

/// Each crate with the crates of the workspace that it may depend on.
const ALLOWED: [(&str, &[&str]); 6] = [
    ("domain", &[]),
    ("engine", &["domain"]),
    ("app", &["domain", "engine"]),
    ("server", &["domain", "engine", "app"]),
    ("frontend", &["app"]),
    ("xtask", &[]),
];

#[test]
fn crates_depend_only_on_lower_layers() {
    let mut found = Vec::new();
    for package in packages() {
        let name = text(&package["name"]);
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            found.push(format!(
                "{name} is not in the table of allowed dependencies"
            ));
            continue;
        };
        for needed in workspace_dependencies(&package) {
            let needed = text(&needed["name"]);
            if !allowed.contains(&needed) {
                found.push(format!("{name} depends on {needed}"));
            }
        }
    }
    expect_none("Dependencies between the crates", found);
}

#[test]
fn the_browser_does_not_get_the_engine() {
    for package in packages() {
        for needed in workspace_dependencies(&package) {
            match (text(&package["name"]), text(&needed["name"])) {
                ("app", "engine") => {
                    assert_eq!(
                        needed["optional"], true,
                        "only app[ssr] depends on the engine"
                    )
                }
                ("frontend", "app") => assert_eq!(
                    text(&needed["target"]),
                    r#"cfg(target_arch = "wasm32")"#,
                    "on the host, frontend would enable hydrate and ssr together"
                ),
                _ => {}
            }
        }
    }
}

fn packages() -> Vec<Value> {
    let metadata = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo describes the workspace");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
    metadata["packages"]
        .as_array()
        .expect("there are packages")
        .clone()
}

/// Dependencies on crates of the workspace, without dev-dependencies.
fn workspace_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|needed| needed["path"].is_string() && needed["kind"] != "dev")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
