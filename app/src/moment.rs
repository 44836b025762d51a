//! A moment as a page shows it.

use domain::Timestamp;
use leptos::prelude::*;

#[component]
pub fn Moment(at: Timestamp) -> impl IntoView {
    view! { <time datetime=at.rfc3339()>{at.to_string()}</time> }
}
