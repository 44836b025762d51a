//! Every failure cause is covered by a test with a relay that provokes it.

use crate::files::{self, expect_none};

/// The folder of the table of causes.
const TABLE: &str = "domain/src/cause/";

/// Tests with relays: through the API or, where that cannot provoke a cause, of the engine alone.
const TESTS: [&str; 2] = ["end2end/specs/", "engine/tests/relay/"];

#[test]
fn every_cause_is_tested() {
    let all = files::all();
    let tests: Vec<_> = all
        .iter()
        .filter(|file| TESTS.iter().any(|folder| file.path.starts_with(folder)))
        .collect();
    let titles: Vec<&str> = all
        .iter()
        .filter(|file| file.path.starts_with(TABLE))
        .flat_map(|file| file.text.lines().filter_map(title))
        .collect();
    assert!(titles.len() > 50, "the table of causes was not found");
    let untested = titles
        .into_iter()
        .filter(|title| !tests.iter().any(|file| is_named(&file.text, title)))
        .map(str::to_owned);
    expect_none("A test names the title of every cause", untested.collect());
}

fn title(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("title: \"")?;
    rest.strip_suffix("\",")
}

/// Whether the text contains the title as a whole string literal.
fn is_named(text: &str, title: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| text.contains(&format!("{quote}{title}{quote}")))
}
