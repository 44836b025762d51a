//! Tests wait for events with a deadline instead of sleeping.

use crate::files::{self, expect_none};

/// Sleeps in tests with their reasons. An entry that is not needed any more fails the test.
const ALLOWED: &[(&str, &str)] = &[
    ("testkit/src/session.rs", "sends bytes with pauses"),
    ("engine/tests/story/wait.rs", "polls for a condition"),
];

/// Calls that wait for a fixed time, by the extension of the file.
const SLEEPS: [(&str, &[&str]); 2] = [
    (".rs", &[concat!("sle", "ep("), concat!("sleep_", "until(")]),
    (".ts", &[concat!("waitFor", "Timeout(")]),
];

#[test]
fn tests_wait_for_events() {
    let mut found = Vec::new();
    let mut unused: Vec<&str> = ALLOWED.iter().map(|(path, _)| *path).collect();
    for file in files::all() {
        for (ending, calls) in SLEEPS {
            let sleeps = calls
                .iter()
                .any(|call| contains_word(tests_of(&file), call));
            if !file.path.ends_with(ending) || !sleeps {
                continue;
            }
            if ALLOWED.iter().any(|(path, _)| *path == file.path) {
                unused.retain(|path| *path != file.path);
            } else {
                found.push(file.path.clone());
            }
        }
    }
    found.extend(
        unused
            .into_iter()
            .map(|path| format!("{path} does not sleep any more")),
    );
    expect_none("Tests do not sleep", found);
}

/// The part of a file that is a test.
fn tests_of(file: &files::File) -> &str {
    let is_test = ["/tests/", "end2end/", "testkit/", "_tests.rs"];
    if is_test.iter().any(|part| file.path.contains(part)) {
        return &file.text;
    }
    let at = file.text.find("#[cfg(test)]").unwrap_or(file.text.len());
    &file.text[at..]
}

/// Whether the text contains a call that is not the end of a longer name.
fn contains_word(text: &str, call: &str) -> bool {
    text.match_indices(call).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
