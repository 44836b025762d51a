//! A password input that can be looked at. Without a script it is a password input.

use leptos::prelude::*;

/// The input, and once the browser runs it, a button that shows what was typed. Showing beats
/// typing twice: one look finds the slip that a second typing only repeats.
#[island]
pub fn Reveal(
    name: String,
    autocomplete: String,
    described: String,
    invalid: bool,
    first: bool,
) -> impl IntoView {
    let awake = RwSignal::new(false);
    let shown = RwSignal::new(false);
    Effect::new(move || awake.set(true));
    view! {
        <div class="revealed">
            <input
                class="control"
                id=name.clone()
                name=name.clone()
                type=move || if shown.get() { "text" } else { "password" }
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required
                autofocus=first
                aria-describedby=(!described.is_empty()).then_some(described)
                aria-invalid=invalid.then_some("true")
            />
            <button
                class="button button-quiet button-small"
                type="button"
                hidden=move || !awake.get()
                aria-pressed=move || shown.get().to_string()
                aria-controls=name
                on:click=move |_| shown.update(|shown| *shown = !*shown)
            >
                {move || if shown.get() { "Hide" } else { "Show" }}
                <span class="unseen">" password"</span>
            </button>
        </div>
    }
}
