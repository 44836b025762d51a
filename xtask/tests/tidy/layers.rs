//! Who may know whom: `domain <- engine <- app[ssr] <- server`, `domain <- app[hydrate] <- frontend`.

use crate::files::{expect_none, root};
use serde_json::Value;
use std::{env, process::Command};

/// A crate and those of the workspace it may name; a door may name everything behind it.
const ARROWS: [(&str, &[&str]); 6] = [
    ("domain", &[]),
    ("engine", &["domain"]),
    ("app", &["domain", "engine"]),
    ("server", &["domain", "engine", "app"]),
    ("frontend", &["app"]),
    ("xtask", &[]),
];

#[test]
fn crates_know_only_what_stands_below_them() {
    let mut found = Vec::new();
    for package in packages() {
        let name = text(&package["name"]);
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            found.push(format!("{name} is in no arrow"));
            continue;
        };
        for needed in own_dependencies(&package) {
            let needed = text(&needed["name"]);
            if !allowed.contains(&needed) {
                found.push(format!("{name} needs {needed}"));
            }
        }
    }
    expect_none("The arrows between the crates", found);
}

#[test]
fn the_browser_gets_no_engine() {
    for package in packages() {
        for needed in own_dependencies(&package) {
            match (text(&package["name"]), text(&needed["name"])) {
                ("app", "engine") => {
                    assert_eq!(needed["optional"], true, "only app[ssr] has the engine")
                }
                ("frontend", "app") => assert_eq!(
                    text(&needed["target"]),
                    r#"cfg(target_arch = "wasm32")"#,
                    "on the host, frontend would mix app[hydrate] into app[ssr]"
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

/// Those with a path: the ones of the workspace. Tests may need what they like.
fn own_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|needed| needed["path"].is_string() && needed["kind"] != "dev")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
