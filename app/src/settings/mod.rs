//! The SMTP settings: the island that edits, tests and diagnoses them, its page and its reports.

mod action;
mod certificates;
mod click;
mod conflict;
mod control;
mod earlier_passwords;
mod editor;
mod entries;
mod faults;
mod field;
mod find;
mod form;
mod form_state;
#[cfg(test)]
mod form_state_tests;
mod initial;
mod outcome;
mod outcome_notice;
mod password;
mod password_plan;
mod plain_http;
mod row;
mod run;
mod save;
mod seal;
mod sign_in;
mod static_parts;
mod status;
mod test;
mod warnings;

#[cfg(feature = "ssr")]
mod certificate_box;
#[cfg(feature = "ssr")]
mod environment_card;
#[cfg(feature = "ssr")]
mod page;
#[cfg(feature = "ssr")]
mod providers;
#[cfg(feature = "ssr")]
pub mod report;

use leptos::ev;
use leptos::prelude::*;

use crate::reactive;
use editor::Editor;
#[cfg(feature = "ssr")]
pub use environment_card::EnvironmentCard;
use form_state::FormState;
pub use initial::InitialState;
#[cfg(feature = "ssr")]
pub use page::{SettingsPage, settings_editor};

/// The page.
#[cfg(feature = "ssr")]
pub const SETTINGS: &str = "/settings/email";

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
            id=initial::ID
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
