//! Names of types: each `pub` or `pub(crate)` name is defined once in a crate.

use crate::files::{self, expect_none};
use std::collections::BTreeMap;

/// Names of a crate that are still defined more than once. An entry that is not needed any more
/// fails the test.
const DOUBLED: &[(&str, &str)] = &[];

#[test]
fn a_type_name_is_defined_once_in_a_crate() {
    let mut definitions: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for file in files::all() {
        let Some((name, rest)) = file.path.split_once('/') else {
            continue;
        };
        if !rest.starts_with("src/") || !file.ends_with(&[".rs"]) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(defined) = defined(line) {
                let key = (name.to_owned(), defined.to_owned());
                let place = format!("{}:{}", file.path, number + 1);
                definitions.entry(key).or_default().push(place);
            }
        }
    }
    let mut found = Vec::new();
    let mut known: Vec<(&str, &str)> = DOUBLED.to_vec();
    for ((name, defined), places) in &definitions {
        let key = (name.as_str(), defined.as_str());
        if places.len() > 1 && !DOUBLED.contains(&key) {
            found.push(format!("{defined}: {}", places.join(", ")));
        }
        known.retain(|entry| *entry != key || places.len() < 2);
    }
    let stale = known
        .iter()
        .map(|(name, defined)| format!("{defined} of {name} is defined once"));
    found.extend(stale);
    expect_none("A public type name is defined once in a crate", found);
}

/// The name of the public type that a line defines.
fn defined(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub")?;
    let rest = rest
        .strip_prefix("(crate)")
        .unwrap_or(rest)
        .strip_prefix(' ')?;
    let (kind, rest) = rest.split_once(' ')?;
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let kinds = ["struct", "enum", "trait", "type", "union"];
    kinds.contains(&kind).then_some(&rest[..end])
}

#[test]
fn definitions_are_recognised() {
    assert_eq!(defined("pub struct A<'a> {"), Some("A"));
    assert_eq!(defined("    pub(crate) enum B {"), Some("B"));
    assert_eq!(defined("pub type C = u8;"), Some("C"));
    assert_eq!(defined("pub(super) struct D;"), None);
    assert_eq!(defined("struct E;"), None);
    assert_eq!(defined("pub fn f() {}"), None);
}
