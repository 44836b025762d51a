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
