//! The relays on Home with their health.

use domain::health::HealthState;
use domain::home::HomeRelay;

use crate::components::Time;
use crate::my_relay::MY_RELAY;
use crate::relays::relay_path;
use crate::server_prelude::*;

#[component]
pub fn HomeRelays(relays: Vec<HomeRelay>, admin: bool) -> AnyView {
    if relays.is_empty() {
        return ().into_any();
    }
    let rows = relays
        .into_iter()
        .map(|relay| view! { <Row relay admin /> })
        .collect_view();
    view! {
        <section class="home-section" aria-labelledby="home-relays">
            <h2 id="home-relays">"Relays"</h2>
            <ul class="home-list">{rows}</ul>
        </section>
    }
    .into_any()
}

#[component]
fn Row(relay: HomeRelay, admin: bool) -> AnyView {
    let (class, state) = badge(relay.state);
    let path = match (relay.own, admin) {
        (true, _) => Some(MY_RELAY.to_owned()),
        (false, true) => Some(relay_path(&relay.relay.id)),
        // The organisation's relays are for administrators.
        (false, false) => None,
    };
    // Names that administrators gave stay as they are.
    let name = match admin {
        true => relay.relay.name.clone(),
        false => sentence_case(&relay.relay.name),
    };
    let name = match path {
        Some(path) => view! { <a href=path>{name}</a> }.into_any(),
        None => view! { <strong>{name}</strong> }.into_any(),
    };
    let known = relay.state != HealthState::Unknown;
    let since = relay.since.filter(|_| known).map(|at| {
        view! {
            <span class="mail-detail">
                "Since " <Time at />
            </span>
        }
    });
    let cause = relay
        .cause
        .map(|cause| view! { <span class="mail-detail">{cause}</span> });
    view! {
        <li>
            <span class=format!("badge {class}")>{state}</span>
            <div>{name} {since} {cause}</div>
        </li>
    }
    .into_any()
}

/// A name at the beginning of a line.
fn sentence_case(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Class and text of the badge of a state.
const fn badge(state: HealthState) -> (&'static str, &'static str) {
    match state {
        HealthState::Unknown => ("badge-plain", "Not checked yet"),
        HealthState::Healthy => ("badge-good", "Healthy"),
        HealthState::Degraded => ("badge-warn", "Degraded"),
        HealthState::Down => ("badge-bad", "Down"),
    }
}
