//! Allowed dependencies between the crates of the workspace.

use crate::{
    files::expect_none,
    metadata::{self, text},
};
use serde_json::Value;

/// Each crate with the crates of the workspace that it may depend on.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("engine", &["domain"]),
    ("app", &["domain", "engine"]),
    ("server", &["domain", "engine", "app"]),
    ("frontend", &["app"]),
    ("manual", &["domain"]),
    ("testkit", &[]),
    ("xtask", &["testkit"]),
];

/// For tests and development commands only: no released crate may depend on these.
const DEVELOPMENT: [&str; 3] = ["manual", "testkit", "xtask"];

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
            let kind = &needed["kind"];
            let needed = text(&needed["name"]);
            let in_tests = kind == "dev" && DEVELOPMENT.contains(&needed);
            if !allowed.contains(&needed) && !in_tests {
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
                    );
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
    metadata::packages(&["--no-deps", "--offline"])
}

/// Dependencies on crates of the workspace, which are those with a path.
fn workspace_dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    let all = package["dependencies"].as_array().into_iter().flatten();
    all.filter(|needed| needed["path"].is_string())
}
