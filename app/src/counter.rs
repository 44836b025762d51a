//! A first island, there to prove that a page wakes up in the browser.

use leptos::prelude::*;

/// Counts its own clicks.
#[island]
pub fn Counter() -> impl IntoView {
    let (count, set_count) = signal(0);
    view! {
        <button type="button" on:click=move |_| set_count.update(|n| *n += 1)>
            "Knocked " {count} " times"
        </button>
    }
}
