//! Why a message that is due is not sent: its relays, where none of them takes messages.

use domain::outbox::UnavailableRelay;

use crate::my_relay::MY_RELAY;
use crate::outbox::overview::{Backoff, diagnosis_page};
use crate::outbox::viewer::Viewer;
use crate::server_prelude::*;

/// The relays that a message waits for; nothing where it waits for none.
#[component]
pub fn Waiting(relays: Vec<UnavailableRelay>, viewer: Viewer) -> AnyView {
    if relays.is_empty() {
        return ().into_any();
    }
    let now = viewer.now;
    let (own, others): (Vec<_>, Vec<_>) = relays.into_iter().partition(|relay| relay.own);
    let is_hidden = !viewer.admin && !others.is_empty();
    let hidden = is_hidden.then_some(match own.is_empty() {
        true => "An administrator has to repair this.",
        false => "The organisation's relay takes none either; an administrator has to repair that.",
    });
    let shown = own
        .into_iter()
        .chain(others.into_iter().filter(|_| viewer.admin));
    let details = shown
        .map(|UnavailableRelay { name, own, backoff }| {
            let diagnose = match (own, viewer.admin) {
                (false, _) => Some(diagnosis_page(&backoff)),
                (true, false) => Some(MY_RELAY.to_owned()),
                // It may be that of another account.
                (true, true) => None,
            };
            view! { <Backoff backoff name=Some(name) diagnose now /> }
        })
        .collect_view();
    let hidden = hidden.map(|text| view! { <p>{text}</p> });
    view! {
        <section class="card delivery-status" aria-label="Waiting">
            <p class="delivery-status-title">
                <span class="delivery-status-bad">
                    "This message waits: no relay takes it at present."
                </span>
            </p>
            {details}
            {hidden}
        </section>
    }
    .into_any()
}
