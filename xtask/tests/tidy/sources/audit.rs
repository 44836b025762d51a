//! A row of the audit log is the last write of its transaction: it locks the chain of its node.

use crate::files::{self, expect_none};

/// Functions that only read.
const READS: [&str; 5] = ["known", "of", "read", "view", "view_of"];

/// What records an act in its transaction.
const RECORDS: [&str; 2] = [".record(", ".record_verified("];

/// A transaction that locks other rows after the chain, and one that locks them before it, would wait for each
/// other.
#[test]
fn a_row_of_the_audit_log_is_the_last_write() {
    let mut found = Vec::new();
    for file in files::all() {
        if file.path.starts_with("engine/src/") && file.ends_with(&[".rs"]) {
            let later = later_calls(&file.text).into_iter();
            let writes = later.filter(|name| !READS.contains(name));
            found.extend(writes.map(|name| format!("{}: {name}", file.path)));
        }
    }
    expect_none(
        "Nothing is written between a row of the audit log and the commit",
        found,
    );
}

/// The functions that are given the transaction between a row of the audit log and the end of the transaction or
/// of the function.
fn later_calls(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for record in RECORDS {
        for (start, _) in text.match_indices(record) {
            let rest = text[start + record.len()..].trim_start();
            let rest = rest.strip_prefix("&mut ").unwrap_or(rest);
            let Some(rest) = rest.strip_prefix("work,") else {
                continue;
            };
            let ends = ["commit(work)", "\n    }\n"];
            let end = ends.iter().filter_map(|end| rest.find(end)).min();
            let rest = &rest[..end.unwrap_or(rest.len())];
            let calls = rest.match_indices("&mut work");
            names.extend(calls.filter_map(|(at, _)| called(&rest[..at])));
        }
    }
    names
}

/// The function whose arguments begin behind this text.
fn called(before: &str) -> Option<&str> {
    let name = before.trim_end().strip_suffix('(')?;
    name.rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

#[test]
fn calls_behind_a_row_are_found() {
    for (text, expected) in [
        (
            "self.audit.record(&mut work, a).await?; commit(work)",
            &[][..],
        ),
        (
            "audit.record(\n &mut work, a); rows::add(&mut work); commit(work)",
            &["add"],
        ),
        (
            "audit.record(work, a); rows::add(\n &mut work,\n b)",
            &["add"],
        ),
        (
            "audit.record(work, a)\n    }\n    fn b() { rows::add(&mut work) }",
            &[],
        ),
        (
            "rows::add(&mut work); audit.record(&mut work, a); commit(work); add(&mut work)",
            &[],
        ),
        (
            "audit.record_verified(&mut work, a); view(&mut work, b); commit(work)",
            &["view"],
        ),
        ("latency.record(time); rows::add(&mut work)", &[]),
    ] {
        assert_eq!(later_calls(text), expected, "{text}");
    }
}
