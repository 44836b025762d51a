//! Every cause that Postern tells is proved against a relay that gives it.

use crate::files::{self, expect_none};

/// The table of causes.
const TABLE: &str = "domain/src/cause/";

/// Where relays are met: over the API, or, for what no relay can give there, by the engine alone.
const PROOFS: [&str; 2] = ["end2end/specs/", "engine/tests/relay/"];

#[test]
fn no_cause_goes_unproved() {
    let all = files::all();
    let proofs: Vec<_> = all
        .iter()
        .filter(|file| PROOFS.iter().any(|folder| file.path.starts_with(folder)))
        .collect();
    let titles: Vec<&str> = all
        .iter()
        .filter(|file| file.path.starts_with(TABLE))
        .flat_map(|file| file.text.lines().filter_map(title))
        .collect();
    assert!(titles.len() > 50, "the table of causes is not read");
    let unproved = titles
        .into_iter()
        .filter(|title| !proofs.iter().any(|file| is_named(&file.text, title)))
        .map(str::to_owned);
    expect_none("A spec names the title of every cause", unproved.collect());
}

fn title(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("title: \"")?;
    rest.strip_suffix("\",")
}

/// Whole, so that a title that another one begins with is not taken for it.
fn is_named(text: &str, title: &str) -> bool {
    ['"', '\'']
        .iter()
        .any(|quote| text.contains(&format!("{quote}{title}{quote}")))
}
