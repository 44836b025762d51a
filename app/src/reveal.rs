//! A button that shows what was typed into a password input. It comes with the script; without
//! one there is the input alone.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{HtmlButtonElement, HtmlInputElement};

use crate::dom;

/// Shows and hides the input beside it. Showing beats typing twice: one look finds the slip that a
/// second typing only repeats.
#[island]
pub fn Reveal() -> impl IntoView {
    let asleep = RwSignal::new(true);
    let shown = RwSignal::new(false);
    let button = NodeRef::new();
    Effect::new(move || asleep.set(false));
    let toggle = move |_| {
        shown.update(|shown| *shown = !*shown);
        if let Some(input) = button.get_untracked().and_then(beside) {
            input.set_type(if shown.get_untracked() {
                "text"
            } else {
                "password"
            });
        }
    };
    view! {
        <button
            class="button button-quiet button-small"
            type="button"
            hidden=asleep
            node_ref=button
            on:click=toggle
        >
            {dom::text(move || if shown.get() { "Hide" } else { "Show" })}
            <span class="unseen">" password"</span>
        </button>
    }
}

/// The input in the same box as the island of this button.
fn beside(button: HtmlButtonElement) -> Option<HtmlInputElement> {
    let island = button.parent_element()?.parent_element()?;
    let input = island.query_selector("input").ok()??;
    input.dyn_into().ok()
}
