//! Timestamps as pages show them.

use domain::Timestamp;
use leptos::prelude::*;

/// A `<time>` element, to the minute in UTC.
#[component]
pub fn Time(at: Timestamp) -> impl IntoView {
    view! { <time datetime=at.rfc3339()>{at.to_string()}</time> }
}

/// To the second, as in `2026-11-28 14:02:31 UTC`.
pub fn exact(at: Timestamp) -> String {
    let text = at.rfc3339();
    let (date, time) = text.split_once('T').unwrap_or_default();
    format!("{date} {} UTC", time.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_one_minute_differ_by_their_seconds() {
        let texts = [0, 1_000, 59_999].map(|at| exact(Timestamp(at)));
        let expected = ["00", "01", "59"].map(|second| format!("1970-01-01 00:00:{second} UTC"));
        assert_eq!(texts, expected);
    }
}
