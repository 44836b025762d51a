//! Finding settings: those of a known provider, or by a probe of the relay.

use leptos::prelude::*;

use super::run::{Cancel, RunControl, RunReport};
use super::state::{Editor, SettingsAction};
use super::static_parts::PROVIDERS;
use crate::live::{RunKind, from_attribute};
use crate::reactive;

/// The button that starts the probe.
const FIND: &str = "find_settings";

#[component]
pub fn FindSettings(editor: Editor) -> impl IntoView {
    let run = RunControl::new(editor, RunKind::Probe.report());
    let note = RwSignal::new(None);
    let running = move || run.is_running();
    view! {
        <div class="finder">
            <div class="finder-line">
                <div
                    class="finder-provider"
                    id=PROVIDERS
                    on:change=move |event| note.set(choose(editor, &event_target_value(&event)))
                ></div>
                <button
                    class="button button-secondary"
                    id=FIND
                    type="button"
                    aria-busy=reactive::state(running)
                    on:click=move |_| run.start(String::new(), RunKind::Probe, FIND)
                >
                    "Find settings"
                </button>
                <Cancel run />
            </div>
            <p class="field-hint" role="status">
                {reactive::maybe(move || note.get())}
            </p>
            <RunReport run />
        </div>
    }
}

/// Fills the settings of the chosen provider in, and returns the remark about it.
fn choose(editor: Editor, value: &str) -> Option<String> {
    match from_attribute(value)? {
        SettingsAction::Fill(preset) => {
            let note = preset.note.clone();
            editor.fill(preset);
            Some(note)
        }
        _ => None,
    }
}
