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
