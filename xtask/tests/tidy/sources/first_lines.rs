//! The first line of a source file is a comment that says what the file is.

use crate::files::{self, expect_none};

/// Limit for a first line, so that all first lines together are a readable index.
const MAX_LENGTH: usize = 100;

/// The last migration from before the rule. Migrations up to it may begin with a longer comment: landed ones are
/// never edited.
const EARLIER_MIGRATIONS: u32 = 43;

/// A comment of one line, in the files with these endings.
struct Comment {
    endings: &'static [&'static str],
    begin: &'static str,
    /// Empty where a comment ends with its line.
    end: &'static str,
}

const COMMENTS: [Comment; 5] = [
    Comment {
        endings: &[".rs", ".ts", ".js", ".mjs"],
        begin: "//! ",
        end: "",
    },
    Comment {
        endings: &[".css"],
        begin: "/* ",
        end: " */",
    },
    Comment {
        endings: &[".sql"],
        begin: "-- ",
        end: "",
    },
    Comment {
        endings: &[".toml"],
        begin: "# ",
        end: "",
    },
    Comment {
        endings: &[".py"],
        begin: "\"\"\"",
        end: "\"\"\"",
    },
];

/// For scripts, whose first line names their interpreter.
const SCRIPT: Comment = Comment {
    endings: &[],
    begin: "# ",
    end: "",
};

#[test]
fn the_first_line_describes_the_file() {
    let all = files::all().into_iter();
    let faults = all.filter_map(|file| {
        let fault = fault(&file.path, &file.text)?;
        Some(format!("{} {fault}", file.path))
    });
    expect_none(
        "The first line of a file is a comment that describes it, a sentence of at most 100 characters",
        faults.collect(),
    );
}

/// What is wrong with the first line of a file, if it is a source file. Behind the line of a script that names its
/// interpreter, it is the second.
fn fault(path: &str, text: &str) -> Option<String> {
    let is_of_file = |comment: &&Comment| comment.endings.iter().any(|end| path.ends_with(end));
    let by_name = COMMENTS.iter().find(is_of_file);
    let mut lines = text.lines().peekable();
    let interpreter = lines.next_if(|line| line.starts_with("#!/"));
    let Comment { begin, end, .. } = by_name.or(interpreter.and(Some(&SCRIPT)))?;
    let first = lines.next().unwrap_or_default();
    let Some(rest) = first.strip_prefix(begin) else {
        return Some(format!("does not begin with {begin:?}"));
    };
    if is_earlier_migration(path) {
        return None;
    }
    let length = first.chars().count();
    if length > MAX_LENGTH {
        return Some(format!("has a first line of {length} characters"));
    }
    let goes_on = match *end {
        "" => lines.next().is_some_and(|second| second.starts_with(begin)),
        end => !rest.ends_with(end),
    };
    goes_on.then(|| "has a first comment of more than one line".to_owned())
}

fn is_earlier_migration(path: &str) -> bool {
    let Some(name) = path.strip_prefix("migrations/") else {
        return false;
    };
    let number = name.split(['/', '_']).nth(1).unwrap_or_default();
    number
        .parse()
        .is_ok_and(|number: u32| number <= EARLIER_MIGRATIONS)
}

#[test]
fn faults_of_first_lines_are_found() {
    let long = format!("# {}", "x".repeat(MAX_LENGTH));
    let earlier = "migrations/sqlite/0043_delivery_since.sql";
    let next = "migrations/sqlite/0044_next.sql";
    for (path, text, is_fault) in [
        ("a.rs", "//! A.\n\n//! B.\n", false),
        ("a.rs", "//! A.\n//!\n//! B.\n", false),
        ("a.rs", "//! A\n//! and B.\n", true),
        ("a.rs", "mod a;\n", true),
        ("a.rs", "", true),
        ("a.ts", "// A.\n", true),
        ("a.mjs", "//! A.\nimport 'b';\n", false),
        ("a.css", "/* A. */\n", false),
        ("a.css", "/* A\n   and B. */\n", true),
        ("a.toml", "[a]\n", true),
        ("a.toml", "# A.\n[a]\n", false),
        ("a.toml", long.as_str(), true),
        ("a.py", "\"\"\"A.\"\"\"\n", false),
        ("a.py", "\"\"\"A\n", true),
        ("a.py", "#!/usr/bin/env python3\n\"\"\"A.\"\"\"\n", false),
        ("a", "#!/bin/sh\n# A.\n#\n# B.\n", false),
        ("a", "#!/bin/sh\n# A\n# and B.\n", true),
        ("a.sh", "#!/bin/sh\nset -e\n", true),
        ("a.txt", "A\n", false),
        (earlier, "-- A\n-- and B.\n", false),
        (earlier, "ALTER\n", true),
        (next, "-- A\n-- and B.\n", true),
        (next, "-- A.\n", false),
    ] {
        let fault = fault(path, text);
        assert_eq!(fault.is_some(), is_fault, "{path}: {text}: {fault:?}");
    }
}
