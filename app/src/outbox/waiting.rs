//! Why a message that is due is not sent: its relays, where none of them takes messages.

use domain::outbox::UnavailableRelay;
use leptos::prelude::*;

use super::delivery_status::Backoff;
use super::viewer::Viewer;

/// The relays that a message waits for; nothing where it waits for none.
#[component]
pub fn Waiting(relays: Vec<UnavailableRelay>, viewer: Viewer) -> AnyView {
    if relays.is_empty() {
        return ().into_any();
    }
    let now = viewer.now;
    let details = match viewer.admin {
        true => relays
            .into_iter()
            .map(|UnavailableRelay { name, backoff }| {
                view! { <Backoff backoff name=Some(name) now /> }
            })
            .collect_view()
            .into_any(),
        false => view! { <p>"An administrator has to repair this."</p> }.into_any(),
    };
    view! {
        <section class="card delivery-status" aria-label="Waiting">
            <p class="delivery-status-title">
                <span class="delivery-status-bad">
                    "This message waits: no relay takes it at present."
                </span>
            </p>
            {details}
        </section>
    }
    .into_any()
}
