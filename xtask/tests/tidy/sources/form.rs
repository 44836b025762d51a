//! Form of source files: first lines, length, no leftover markers.

use crate::files::{self, expect_none};

/// The required start of a file by its extension.
const HEADS: [(&str, &str); 4] = [
    (".rs", "//! "),
    (".ts", "//! "),
    (".css", "/* "),
    (".sql", "-- "),
];

const MAX_LINES: usize = 500;

/// Limit for a first line, so that all first lines together are a readable index.
const MAX_HEAD: usize = 100;

/// A longer file states its reason in its head with these words.
const EXEMPTION: &str = "Long because";

#[test]
fn the_first_line_describes_the_file() {
    let mut found = Vec::new();
    for file in files::all() {
        for (ending, head) in HEADS {
            if file.path.ends_with(ending) && !file.text.starts_with(head) {
                found.push(format!("{} does not begin with {head:?}", file.path));
            }
        }
    }
    expect_none("The first line of a file describes it", found);
}

#[test]
fn the_first_line_is_short_and_complete() {
    let mut found = Vec::new();
    for file in files::all() {
        let mut lines = file.text.lines();
        let (first, second) = (lines.next().unwrap_or_default(), lines.next());
        let is_long = first.chars().count() > MAX_HEAD;
        let goes_on = second.is_some_and(|line| line.starts_with("//! "));
        if first.starts_with("//! ") && (is_long || goes_on) {
            found.push(file.path);
        }
    }
    expect_none(
        "The first line is a sentence of at most 100 characters",
        found,
    );
}

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
