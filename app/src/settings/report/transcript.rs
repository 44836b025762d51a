//! The transcript of a run, as text to copy and as JSON to download. Neither holds secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Trace;

use crate::server_prelude::*;
use crate::settings::state::SettingsAction;

#[component]
pub fn Transcript(trace: Trace) -> AnyView {
    let json = serde_json::to_string_pretty(&trace).unwrap_or_default();
    // A data URL needs no second request, and no state on the server.
    let href = format!("data:application/json;base64,{}", STANDARD.encode(json));
    let action = SettingsAction::Copy("transcript".to_owned());
    view! {
        <details class="transcript">
            <summary>"Transcript"</summary>
            // Not a textarea: leptos does not escape its text.
            <pre id="transcript" tabindex="0" role="group" aria-label="Transcript">
                {trace.transcript()}
            </pre>
            <div class="buttons">
                <button class="button button-secondary" type="button" data-action=action.attribute()>
                    "Copy"
                </button>
                <a class="button button-secondary" href=href download="postern-diagnosis.json">
                    "Download JSON"
                </a>
            </div>
        </details>
    }
    .into_any()
}
