//! The run to take away: as text to copy, as JSON to keep. Both without secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Trace;
use leptos::prelude::*;

#[component]
pub fn Transcript(trace: Trace) -> impl IntoView {
    let json = serde_json::to_string_pretty(&trace).unwrap_or_default();
    // A link that carries it all needs no second request, and nothing kept for one.
    let href = format!("data:application/json;base64,{}", STANDARD.encode(json));
    view! {
        <details class="transcript">
            <summary>"Transcript"</summary>
            // Not a textarea: leptos does not escape what stands in one.
            <pre id="transcript" tabindex="0" role="group" aria-label="Transcript">
                {trace.transcript()}
            </pre>
            <div class="buttons">
                <button class="button button-secondary" type="button" data-copy="transcript">
                    "Copy"
                </button>
                <a class="button button-secondary" href=href download="postern-diagnosis.json">
                    "Download JSON"
                </a>
            </div>
        </details>
    }
}
