//! A moment as a page shows it.

use domain::Instant;
use leptos::prelude::*;

#[component]
pub fn Moment(at: Instant) -> impl IntoView {
    view! { <time datetime=at.rfc3339()>{at.to_string()}</time> }
}
