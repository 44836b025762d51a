//! Licences, sources and doubled versions of dependencies, by the policy in deny.toml.

use super::license;
use crate::{
    files::{expect_none, root},
    metadata::{self, text},
};
use serde::Deserialize;
use std::{collections::BTreeSet, fs};

/// The only registry.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The part of deny.toml that these tests enforce. `cargo deny` reads the rest as well.
#[derive(Deserialize)]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

/// A license that is allowed for one crate only.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

/// An older version that is allowed beside a newer one.
#[derive(Deserialize)]
struct Skip {
    /// `name@version`, where the version may be shortened, as in `nom@7`.
    #[serde(rename = "crate")]
    spec: String,
    reason: String,
}

impl Skip {
    fn matches(&self, package: &Package) -> bool {
        let Some((name, version)) = self.spec.split_once('@') else {
            return false;
        };
        let shortened = package.version.strip_prefix(version);
        name == package.name
            && shortened.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

struct Package {
    name: String,
    version: String,
    license: String,
    /// `None` for crates of the workspace.
    source: Option<String>,
}

fn policy() -> Policy {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml can be read");
    toml::from_str(&text).expect("deny.toml is valid")
}

/// All crates that the targets of the policy need.
fn packages(policy: &Policy) -> Vec<Package> {
    let targets = policy.graph.targets.iter();
    let arguments: Vec<&str> = targets
        .flat_map(|target| ["--filter-platform", target])
        .collect();
    let described = metadata::packages(&arguments);
    let package = described.iter().map(|package| Package {
        name: text(&package["name"]).to_owned(),
        version: text(&package["version"]).to_owned(),
        license: text(&package["license"]).to_owned(),
        source: package["source"].as_str().map(str::to_owned),
    });
    package.collect()
}

#[test]
fn licenses_are_allowed() {
    let policy = policy();
    let packages = packages(&policy);
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for package in &packages {
        let exceptions = policy.licenses.exceptions.iter();
        let exception = exceptions.filter(|exception| exception.name == package.name);
        let more: Vec<&String> = exception.flat_map(|exception| &exception.allow).collect();
        let allowed = |name: &str| {
            used.insert(name.to_owned());
            policy.licenses.allow.iter().any(|one| one == name)
        };
        if license::permits(&package.license, allowed) {
            if !more.is_empty() {
                found.push(format!("{} needs no exception", package.name));
            }
        } else if !license::permits(&package.license, |name| {
            policy
                .licenses
                .allow
                .iter()
                .chain(more.iter().copied())
                .any(|one| one == name)
        }) {
            found.push(format!("{} is under {:?}", package.name, package.license));
        }
    }
    for exception in &policy.licenses.exceptions {
        if !packages
            .iter()
            .any(|package| package.name == exception.name)
        {
            found.push(format!("{} is not a dependency any more", exception.name));
        }
    }
    for name in &policy.licenses.allow {
        if !used.contains(name) {
            found.push(format!("no dependency is under {name} any more"));
        }
    }
    expect_none("Licenses of dependencies are allowed in deny.toml", found);
}

#[test]
fn dependencies_come_from_crates_io() {
    let other = packages(&policy()).into_iter().filter_map(|package| {
        let source = package.source?;
        (source != CRATES_IO).then(|| format!("{} comes from {source}", package.name))
    });
    expect_none("Dependencies come from crates.io", other.collect());
}

#[test]
fn one_version_of_each_crate() {
    let policy = policy();
    let packages = packages(&policy);
    let mut found = Vec::new();
    for package in &packages {
        let is_skipped = policy.bans.skip.iter().any(|skip| skip.matches(package));
        let newer = packages.iter().filter(|other| {
            other.name == package.name
                && other.version != package.version
                && !policy.bans.skip.iter().any(|skip| skip.matches(other))
        });
        let newer: Vec<&str> = newer.map(|other| other.version.as_str()).collect();
        if !is_skipped && !newer.is_empty() {
            let versions = newer.join(", ");
            found.push(format!(
                "{} {} and {versions}",
                package.name, package.version
            ));
        }
    }
    for skip in &policy.bans.skip {
        let known = packages.iter().find(|package| skip.matches(package));
        let doubled = known.is_some_and(|known| {
            let mut same = packages.iter().filter(|other| other.name == known.name);
            same.any(|other| other.version != known.version)
        });
        if !doubled {
            found.push(format!("{} is not doubled any more", skip.spec));
        }
        if skip.reason.is_empty() {
            found.push(format!("{} has no reason", skip.spec));
        }
    }
    expect_none("One version of each crate, or an entry in deny.toml", found);
}
