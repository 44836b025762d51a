//! The SMTP settings: the island that edits, tests and diagnoses them, its page and its reports.

mod click;
mod fields;
mod find;
mod form;
mod plain_http;
mod run;
mod save;
mod sign_in;
mod state;
mod static_parts;
mod status;
mod test;

#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod paths;
#[cfg(feature = "ssr")]
pub mod report;

use leptos::ev;
use leptos::prelude::*;

use crate::reactive;
#[cfg(feature = "ssr")]
pub use page::{EnvironmentCard, SettingsPage, settings_editor};
#[cfg(feature = "ssr")]
pub use paths::SETTINGS;
pub use state::InitialState;
use state::{Editor, FormState};

/// The settings form, the verification of the settings, and their test.
#[island]
pub fn SettingsEditor() -> impl IntoView {
    let initial = InitialState::of_page()?;
    let source = initial.to_source();
    let editor = Editor::new(initial);
    let not_hydrated = RwSignal::new(true);
    Effect::new(move || {
        static_parts::insert();
        not_hydrated.set(false);
    });
    window_event_listener(ev::beforeunload, move |event| {
        if editor.peek(FormState::is_dirty) {
            event.prevent_default();
        }
    });
    Some(view! {
        <div
            class="page settings"
            id=state::ID
            data-source=source
            on:click=move |event| click::clicked(editor, &event)
        >
            <status::Header editor />
            <NotHydrated not_hydrated />
            <plain_http::PlainHttpWarning />
            <form::SettingsForm editor not_hydrated />
            <test::Test editor not_hydrated />
        </div>
    })
}

/// Explains why the form is disabled, while it is.
#[component]
fn NotHydrated(not_hydrated: RwSignal<bool>) -> impl IntoView {
    view! {
        <noscript>
            <div class="notice notice-warn">
                "This form needs JavaScript and WebAssembly: the password is sealed before it leaves the browser. All other pages work without."
            </div>
        </noscript>
        <div
            class="notice notice-warn not-hydrated"
            hidden=reactive::flag(move || !not_hydrated.get())
        >
            "The form is loading. If it stays disabled, this browser does not run WebAssembly, or a proxy blocks it: reload the page, or use another browser."
        </div>
    }
}
