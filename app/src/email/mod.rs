//! The island of the email page: the settings form, its state always in view, and the test.

mod acts;
mod conflict;
mod control;
mod earlier;
mod editor;
mod faults;
mod field;
mod finding;
mod form;
mod line;
mod outcome;
mod password;
mod remarks;
mod row;
mod seal;
mod source;
mod standing;
mod state;
#[cfg(test)]
mod state_tests;
mod status;
mod testing;
mod trusted;
mod watch;

use leptos::ev;
use leptos::prelude::*;

use crate::dom;
use editor::Editor;
pub use source::Source;
use state::State;

/// Everything an administrator sets up mail with.
#[island]
pub fn EmailSetup() -> impl IntoView {
    let source = Source::given()?;
    let written = source.written();
    let editor = Editor::new(source);
    let asleep = RwSignal::new(true);
    Effect::new(move || asleep.set(false));
    window_event_listener(ev::beforeunload, move |event| {
        if editor.peek(State::is_dirty) {
            event.prevent_default();
        }
    });
    Some(view! {
        <div
            class="page"
            id=source::ID
            data-source=written
            on:click=move |event| watch::clicked(editor, &event)
        >
            <status::Header editor />
            <Asleep asleep />
            <line::BareLine />
            <form::SettingsForm editor asleep />
            <testing::Testing editor asleep />
        </div>
    })
}

/// Says why the form is grey, where it stays grey.
#[component]
fn Asleep(asleep: RwSignal<bool>) -> impl IntoView {
    view! {
        <noscript>
            <div class="notice notice-warn">
                "This form needs JavaScript and WebAssembly: it seals the password before it leaves the browser. Everything else of Postern works without."
            </div>
        </noscript>
        <div class="notice notice-warn asleep" hidden=dom::flag(move || !asleep.get())>
            "The form is waiting for its program. If it stays grey, this browser does not run WebAssembly, or something on the way holds it back; load the page again or use another browser."
        </div>
    }
}
