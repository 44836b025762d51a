//! Directions of imports: no circles between files, and layers between the engine's modules.

use super::modules::Modules;
use crate::files::expect_none;
use std::collections::{BTreeMap, BTreeSet};

const CRATES: [&str; 6] = [
    "domain/src/",
    "engine/src/",
    "app/src/",
    "server/src/",
    "testkit/src/",
    "xtask/src/",
];

/// Files that are still part of a circle. An entry that is not needed any more fails the test.
const CIRCULAR: &[&str] = &[];

/// The engine's modules from the top to the bottom. A module may import from its own and from lower
/// layers, without a circle.
const LAYERS: [&[&str]; 5] = [
    &["postern"],
    &[
        "account_mail",
        "accounts",
        "audit",
        "backup",
        "delivery",
        "diagnosis",
        "domains",
        "figures",
        "health",
        "home",
        "inspection",
        "interfaces",
        "keys",
        "limits",
        "notifications",
        "outbox",
        "policy",
        "readiness",
        "senders",
        "settings",
    ],
    &["actor", "mail", "reports", "smtp", "vault"],
    &["store"],
    &["clock", "histogram", "rate_limit", "shares"],
];

/// Imports against the layers, or in a circle, that still exist. An entry that is not needed any more fails.
const UPWARD: &[(&str, &str)] = &[];

type Uses<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

#[test]
fn files_do_not_import_each_other() {
    let mut found = Vec::new();
    let mut known: BTreeSet<&str> = CIRCULAR.iter().copied().collect();
    for folder in CRATES {
        let modules = Modules::read(folder);
        for circle in circles(&modules.uses()) {
            if circle.iter().any(|file| !CIRCULAR.contains(file)) {
                found.push(circle.join(" <-> "));
            }
            known.retain(|file| !circle.contains(file));
        }
    }
    found.extend(
        known
            .iter()
            .map(|file| format!("{file} is not part of a circle any more")),
    );
    expect_none("Files do not import each other in a circle", found);
}

#[test]
fn the_engine_has_layers() {
    const ROOT: &str = "engine/src/";
    let modules = Modules::read(ROOT);
    // For each module the modules it imports from, with the files concerned.
    let mut imports: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    let uses = modules.uses();
    for (file, used) in &uses {
        for other in used {
            let (from, to) = (module_of(file, ROOT), module_of(other, ROOT));
            if from != to && from != "lib" {
                let files = imports.entry(from).or_default().entry(to).or_default();
                files.push(format!("{file} -> {other}"));
            }
        }
    }
    let mut found = Vec::new();
    let mut known: Vec<(&str, &str)> = UPWARD.to_vec();
    for (from, targets) in &imports {
        for (to, files) in targets {
            let layers = (layer(from), layer(to));
            let is_allowed = matches!(layers, (Some(from), Some(to)) if from <= to);
            if !is_allowed && !UPWARD.contains(&(*from, *to)) {
                found.push(format!("{from} imports from {to}: {}", files.join(", ")));
            }
            known.retain(|entry| *entry != (*from, *to));
        }
    }
    let downward = imports.iter().map(|(from, targets)| {
        let known = |to: &&str| !UPWARD.contains(&(*from, *to));
        (*from, targets.keys().copied().filter(known).collect())
    });
    let circles = circles(&downward.collect());
    found.extend(
        circles
            .iter()
            .map(|circle| format!("circle of {}", circle.join(", "))),
    );
    found.extend(
        known
            .iter()
            .map(|(from, to)| format!("{from} no longer imports from {to}")),
    );
    expect_none("The engine's modules import from lower layers", found);
}

/// The top-level module of a file.
fn module_of<'a>(file: &'a str, root: &str) -> &'a str {
    let inner = file.strip_prefix(root).unwrap_or(file);
    let end = inner.find(['/', '.']).unwrap_or(inner.len());
    &inner[..end]
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The strongly connected components with more than one node, each sorted.
fn circles<'a>(uses: &Uses<'a>) -> Vec<Vec<&'a str>> {
    let reachable: Uses<'a> = uses
        .keys()
        .map(|node| (*node, reachable(uses, node)))
        .collect();
    let mut found = BTreeSet::new();
    for (node, reached) in &reachable {
        let circle = reached.iter().filter(|other| {
            reachable
                .get(*other)
                .is_some_and(|back| back.contains(node))
        });
        let circle: Vec<&str> = circle.copied().collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// All that a node uses, directly or not.
fn reachable<'a>(uses: &Uses<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&str> = uses.get(from).into_iter().flatten().copied().collect();
    while let Some(node) = waiting.pop() {
        if found.insert(node) {
            waiting.extend(uses.get(node).into_iter().flatten());
        }
    }
    found
}

#[test]
fn circles_are_found() {
    let uses: Uses<'_> = [
        ("a", BTreeSet::from(["b"])),
        ("b", BTreeSet::from(["c"])),
        ("c", BTreeSet::from(["b", "d"])),
        ("d", BTreeSet::new()),
    ]
    .into();
    assert_eq!(circles(&uses), [["b", "c"]]);
}
