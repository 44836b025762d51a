//! The button that shows and hides what is typed into a password input.
//!
//! It appears once the page is hydrated; without WebAssembly there is the input alone.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{HtmlButtonElement, HtmlInputElement};

use crate::reactive;

/// Shows and hides the input beside it. A password that can be read need not be typed twice.
#[island]
pub fn RevealPassword() -> impl IntoView {
    let not_hydrated = RwSignal::new(true);
    let shown = RwSignal::new(false);
    let button = NodeRef::new();
    Effect::new(move || not_hydrated.set(false));
    let toggle = move |_| {
        shown.update(|shown| *shown = !*shown);
        if let Some(input) = button.get_untracked().and_then(input_beside) {
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
            hidden=not_hydrated
            node_ref=button
            on:click=toggle
        >
            {reactive::text(move || if shown.get() { "Hide" } else { "Show" })}
            <span class="sr-only">" password"</span>
        </button>
    }
}

/// The input in the same box as the island of this button.
fn input_beside(button: HtmlButtonElement) -> Option<HtmlInputElement> {
    let island = button.parent_element()?.parent_element()?;
    let input = island.query_selector("input").ok()??;
    input.dyn_into().ok()
}
