//! Form of source files: length, no leftover markers, no doc tests.

use crate::files::{self, expect_none};

const MAX_LINES: usize = 500;

/// A longer file states its reason in its head with these words.
const EXEMPTION: &str = "Long because";

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for file in files::all() {
        let lines = file.text.lines().count();
        let head = file.text.lines().take(20);
        let exempt = head
            .filter(|line| line.starts_with("//"))
            .any(|line| line.contains(EXEMPTION));
        if file.ends_with(&[".rs", ".ts", ".css", ".sql"]) && lines > MAX_LINES && !exempt {
            found.push(format!("{} has {lines} lines", file.path));
        }
    }
    expect_none(
        "A file has at most 500 lines, or its head says `Long because`",
        found,
    );
}

#[test]
fn no_leftover_markers() {
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("db", "g!("),
    ];
    let mut found = Vec::new();
    for file in files::all() {
        if file.ends_with(&[".rs", ".ts", ".css", ".sql", ".toml", ".md", ".sh", ".json"]) {
            for (number, line) in file.text.lines().enumerate() {
                if markers.iter().any(|marker| line.contains(marker)) {
                    found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
                }
            }
        }
    }
    expect_none("Unfinished work is an issue, not a comment", found);
}

#[test]
fn there_are_no_doc_tests() {
    let is_fence = |line: &str| {
        let text = line.trim_start();
        let text = text.strip_prefix("///").or(text.strip_prefix("//!"));
        text.is_some_and(|text| text.trim_start().starts_with("```"))
    };
    let mut found = Vec::new();
    for file in files::all() {
        if file.path.ends_with(".rs") && file.text.lines().any(is_fence) {
            found.push(file.path);
        }
    }
    expect_none(
        "`cargo xtask test` runs no doc tests: an example is a test beside the code",
        found,
    );
}
