//! The texts of the packages: units, scripts, settings and the metadata of cargo-deb.

use crate::files::{self, File, expect_none, root};
use std::{collections::BTreeSet, process::Command};

const UNITS: &str = "packaging/systemd/";

/// What protects the machine from the service and the service from failures.
const SERVICE: [(&str, &str); 31] = [
    ("Type", "notify"),
    ("WatchdogSec", "30"),
    ("Restart", "always"),
    ("RestartSec", "5"),
    ("StartLimitBurst", "5"),
    ("StartLimitIntervalSec", "60"),
    ("User", "postern"),
    ("StateDirectory", "postern"),
    ("RuntimeDirectory", "postern"),
    // Without it a restart removes the sockets of the socket units.
    ("RuntimeDirectoryPreserve", "yes"),
    ("LoadCredential", "postern:/etc/postern/credentials"),
    // The users of sockets are read with SO_PEERCRED.
    ("PrivateUsers", "no"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("ProtectProc", "invisible"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
];

fn packaging() -> Vec<File> {
    let all = files::all().into_iter();
    all.filter(|file| file.path.starts_with("packaging/"))
        .collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The units with their names.
fn units() -> Vec<(String, String)> {
    let units = packaging().into_iter().filter_map(|file| {
        let name = file.path.strip_prefix(UNITS)?.to_owned();
        Some((name, file.text))
    });
    let units: Vec<_> = units.collect();
    assert_eq!(units.len(), 6, "the service and five sockets");
    units
}

fn settings(unit: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('='))
}

#[test]
fn units_are_sections_of_settings() {
    let mut found = Vec::new();
    for (name, text) in units() {
        for line in text.lines() {
            let is_section = line.starts_with('[') && line.ends_with(']');
            let is_setting = line.split_once('=').is_some_and(|(key, value)| {
                key.chars().all(|letter| letter.is_ascii_alphanumeric()) && value.trim() == value
            });
            if !(line.is_empty() || line.starts_with("# ") || is_section || is_setting) {
                found.push(format!("{name}: {line}"));
            }
        }
        for section in ["[Unit]", "[Install]"] {
            if !text.lines().any(|line| line == section) {
                found.push(format!("{name} has no {section}"));
            }
        }
    }
    expect_none("Units are comments, sections and settings", found);
}

#[test]
fn the_service_is_watched_and_confined() {
    let text = read("packaging/systemd/postern.service");
    let mut found = Vec::new();
    for expected in SERVICE {
        if !settings(&text).any(|setting| setting == expected) {
            found.push(format!("{}={} is missing", expected.0, expected.1));
        }
    }
    expect_none("What postern.service sets", found);
}

#[test]
fn sockets_have_the_names_that_the_program_expects() {
    let sources = files::all().into_iter();
    let receivers: Vec<File> = sources
        .filter(|file| file.path.starts_with("server/src/") && file.text.contains("LISTEN_FDNAMES"))
        .collect();
    let mut found = Vec::new();
    for (name, text) in units() {
        let Some(socket) = name.strip_suffix(".socket") else {
            continue;
        };
        let socket = socket.strip_prefix("postern-").expect("the prefix");
        for expected in [
            ("FileDescriptorName", socket),
            ("Service", "postern.service"),
        ] {
            if !settings(&text).any(|setting| setting == expected) {
                found.push(format!("{name} has no {}={}", expected.0, expected.1));
            }
        }
        for receiver in &receivers {
            if !receiver.text.contains(&format!("\"{socket}\"")) {
                found.push(format!("{} does not know {socket}", receiver.path));
            }
        }
    }
    expect_none("The program knows the sockets of the units", found);
}

#[test]
fn scripts_know_every_unit() {
    let mut found = Vec::new();
    for script in ["postinst", "prerm", "postrm"] {
        let text = read(&format!("packaging/debian/{script}"));
        for (name, _) in units() {
            if !text.contains(&name) {
                found.push(format!("{script} does not name {name}"));
            }
        }
        for named in words(&text).filter(|word| word.starts_with("postern")) {
            let is_unit = named.ends_with(".service") || named.ends_with(".socket");
            if is_unit && !units().iter().any(|(name, _)| name == named) {
                found.push(format!("{script} names {named}, which is no unit"));
            }
        }
    }
    expect_none("Maintainer scripts handle the units of the package", found);
}

/// What stands between spaces, quotes and slashes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter.is_whitespace() || "'\"/;()$".contains(letter))
}

#[test]
fn scripts_are_valid_and_stop_at_a_failure() {
    for path in [
        "packaging/posternctl",
        "packaging/debian/postinst",
        "packaging/debian/prerm",
        "packaging/debian/postrm",
        "packaging/debian/mta/postinst",
    ] {
        let text = read(path);
        assert!(text.starts_with("#!/bin/sh\n# "), "{path}");
        assert!(text.lines().any(|line| line == "set -e"), "{path}");
        let parsed = Command::new("sh").arg("-n").arg(root().join(path)).output();
        let parsed = parsed.expect("sh runs");
        let errors = String::from_utf8_lossy(&parsed.stderr);
        assert!(parsed.status.success(), "{path}: {errors}");
    }
}

/// The service waits for its database, which the same upgrade may start later.
#[test]
fn an_upgrade_waits_for_the_service_for_a_limited_time() {
    let text = read("packaging/debian/postinst");
    let restarts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(" restart ") && !line.starts_with('#'))
        .collect();
    assert!(!restarts.is_empty(), "{text}");
    for line in restarts {
        assert!(line.starts_with("timeout "), "{line}");
    }
}

#[test]
fn variables_are_those_of_the_program() {
    let program: BTreeSet<String> = files::all()
        .iter()
        .filter(|file| file.path.starts_with("server/src/"))
        .flat_map(|file| variables(&file.text))
        .collect();
    let mut found = Vec::new();
    for file in packaging() {
        for variable in variables(&file.text) {
            if !program.contains(&variable) {
                found.push(format!("{} has {variable}", file.path));
            }
        }
    }
    expect_none("Variables in packaging/ are read by the program", found);
}

/// The names that begin with `POSTERN_`.
fn variables(text: &str) -> Vec<String> {
    let parts = text.split("POSTERN_").skip(1);
    let names = parts.map(|rest| {
        let is_part = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        let end = rest
            .find(|letter: char| !is_part(letter))
            .unwrap_or(rest.len());
        format!("POSTERN_{}", &rest[..end])
    });
    names.collect()
}

#[test]
fn files_of_the_packages_exist() {
    let manifest: toml::Value = toml::from_str(&read("server/Cargo.toml")).expect("valid");
    let deb = &manifest["package"]["metadata"]["deb"];
    let mta = &deb["variants"]["mta"];
    let mut found = Vec::new();
    let mut sources = Vec::new();
    for package in [deb, mta] {
        for asset in package["assets"].as_array().expect("assets") {
            let source = asset[0].as_str().expect("a source");
            if !source.starts_with("target/release/") {
                sources.push(source.trim_start_matches("../").to_owned());
            }
        }
        let scripts = package["maintainer-scripts"].as_str().expect("scripts");
        sources.push(format!("{}/postinst", scripts.trim_start_matches("../")));
    }
    let files = files::all();
    for source in &sources {
        if !files.iter().any(|file| matches(source, &file.path)) {
            found.push(format!("{source} does not exist"));
        }
    }
    for file in files.iter().filter(|file| file.path.starts_with(UNITS)) {
        if !sources.iter().any(|source| matches(source, &file.path)) {
            found.push(format!("{} is in no package", file.path));
        }
    }
    expect_none("The packages have every file", found);
}

/// Whether a path is that of an asset, which may have one `*`.
fn matches(source: &str, path: &str) -> bool {
    match source.split_once('*') {
        Some((start, end)) => path.starts_with(start) && path.ends_with(end),
        None => path == source,
    }
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = read("packaging/debian/changelog");
    let first = format!("postern ({}-1) ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&first), "{changelog}");
}

#[test]
fn the_container_has_no_root_and_reports_its_health() {
    let text = read("packaging/Containerfile");
    let user = text.lines().find_map(|line| line.strip_prefix("USER "));
    let user = user.and_then(|user| user.split(':').next()?.parse().ok());
    assert!(user.is_some_and(|user: u32| user > 0), "{text}");
    let health = text.lines().find(|line| line.starts_with("HEALTHCHECK "));
    assert!(
        health.is_some_and(|line| line.contains("GET /healthz")),
        "{text}"
    );
}
