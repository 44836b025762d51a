//! How a source file is written: it says what it is for, is short, and leaves nothing for later.

use crate::files::{self, expect_none};

/// How a first line begins, by the ending of the file.
const HEADS: [(&str, &str); 4] = [
    (".rs", "//! "),
    (".ts", "//! "),
    (".css", "/* "),
    (".sql", "-- "),
];

const MOST_LINES: usize = 500;

/// What a file says in its head when it has to be longer.
const EXCUSE: &str = "Long because";

#[test]
fn the_first_line_says_what_a_file_is_for() {
    let mut found = Vec::new();
    for file in files::all() {
        for (ending, head) in HEADS {
            if file.path.ends_with(ending) && !file.text.starts_with(head) {
                found.push(format!(
                    "{} begins with something else than {head:?}",
                    file.path
                ));
            }
        }
    }
    expect_none("The first line of a file says what it is for", found);
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    for file in files::all() {
        let lines = file.text.lines().count();
        let head = file.text.lines().take(20);
        let excused = head
            .filter(|line| line.starts_with("//"))
            .any(|line| line.contains(EXCUSE));
        if file.ends_with(&[".rs", ".ts", ".css", ".sql"]) && lines > MOST_LINES && !excused {
            found.push(format!("{} has {lines} lines", file.path));
        }
    }
    expect_none(
        "A file has at most 500 lines, or its head says `Long because`",
        found,
    );
}

#[test]
fn nothing_is_left_for_later() {
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
    expect_none("What is not done is an issue, not a remark", found);
}
