//! What a page says about the form that was just posted.

use leptos::prelude::*;

/// It did not work.
#[component]
pub fn Bad(text: String) -> impl IntoView {
    view! {
        <div class="notice notice-bad" role="alert">
            {text}
        </div>
    }
}

/// It worked.
#[component]
pub fn Good(#[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="notice notice-good" role="status">
            {text}
        </div>
    }
}
