//! Finding settings: a provider's are filled in, another relay's are found by trying.

use leptos::prelude::*;

use super::editor::Editor;
use super::watch::{Cancel, Watch, Watched, fill};
use crate::calls::Trial;
use crate::dom;

/// Where the probe is seen, and the button that starts it.
const PLACE: &str = "find-verdict";
const FIND: &str = "find_settings";

#[component]
pub fn Finding(editor: Editor) -> impl IntoView {
    let watch = Watch::new(editor, PLACE);
    let note = RwSignal::new(None);
    let running = move || watch.is_running();
    view! {
        <div class="finding">
            <div class="finding-line">
                <div
                    class="finding-provider"
                    inner_html=dom::value(choices)
                    on:change=move |event| note.set(fill(editor, &event_target_value(&event)))
                ></div>
                <button
                    class="button button-secondary"
                    id=FIND
                    type="button"
                    aria-busy=dom::state(running)
                    on:click=move |_| watch.start(String::new(), Trial::Probe, FIND)
                >
                    "Find settings"
                </button>
                <Cancel watch />
            </div>
            <p class="field-hint" role="status">
                {dom::maybe(move || note.get())}
            </p>
            <Watched watch />
        </div>
    }
}

/// The providers to choose from. They come with the page; the browser has them there already.
fn choices() -> String {
    #[cfg(feature = "ssr")]
    return crate::parts::providers();
    #[cfg(not(feature = "ssr"))]
    String::new()
}
