//! A list of entries with one button each: earlier passwords, trusted certificates.
//!
//! Both lists have one type of view, because each type of list costs the bundle a kilobyte.

use leptos::prelude::*;

use crate::settings::state::{Editor, FormState, SettingsAction};

/// An entry of a list.
pub struct Entry {
    pub title: String,
    pub detail: String,
    pub button: &'static str,
    /// What the button does, for screen readers.
    pub label: String,
    /// `aria-pressed` of a button that stays pressed.
    pub pressed: Option<&'static str>,
    pub action: SettingsAction,
}

/// The entries of the form's state, updated with it.
#[component]
pub fn Entries(editor: Editor, entries: fn(&FormState) -> Vec<Entry>) -> impl IntoView {
    move || {
        let entries = editor.get(entries).into_iter().map(|entry| {
            view! {
                <li>
                    <p>
                        <strong>{entry.title}</strong>
                        <span>{entry.detail}</span>
                    </p>
                    <button
                        class="button button-secondary button-small"
                        type="button"
                        aria-label=entry.label
                        aria-pressed=entry.pressed
                        data-action=entry.action.attribute()
                    >
                        {entry.button}
                    </button>
                </li>
            }
        });
        view! { <ul class="entries">{entries.collect_view()}</ul> }
    }
}
