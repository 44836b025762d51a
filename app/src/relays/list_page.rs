//! The page that lists the relays in their order.

use std::collections::BTreeMap;

use domain::figures::{FigureRow, FigureSubject};
use domain::outbox::{RelayState, Worker};
use domain::settings::Verification;
use domain::settings::relay::RelayView;
use domain::{Refusal, Timestamp};
use engine::{Actor, Postern};

use super::config_form::{ADDED, AddRelay};
use super::format::{backoff, badge, limits, rule};
use super::{CHANGE_RELAY, CHECK_RELAY, REMOVE_RELAY, relay_path};
use crate::components::{ActionButton, ErrorNotice, SuccessNotice, Time, refused};
use crate::figures::RelayLastDay;
use crate::flash::{Flash, flash};
use crate::health::{
    CHECK_REQUESTED, HealthHistory, HealthStatus, ShownHealth, connections, history_begin,
};
use crate::layout::console_page;
use crate::policy::POLICY;
use crate::request::{other_fault, with_query};
use crate::server_prelude::*;

#[component]
pub fn RelaysPage() -> impl IntoView {
    console_page("Relays", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&ADDED);
        let done = flash().and_then(done);
        Suspend::new(async move {
            let now = postern.health().now();
            let Listed {
                relays,
                workers,
                mut health,
                open,
                mut last_day,
            } = match read(&postern, &actor, now).await {
                Ok(listed) => listed,
                Err(refusal) => return refused(&refusal),
            };
            let last = relays.len() as i64;
            let rows = relays.into_iter().map(|relay| {
                let found = health
                    .iter()
                    .position(|shown| shown.view.relay_id == relay.id);
                let health = found.map(|index| health.swap_remove(index));
                let open = open.get(&relay.id).copied().unwrap_or_default();
                let last_day = last_day.remove(&relay.id);
                view! { <Row workers=workers.clone() relay last health open last_day now /> }
            });
            let rows = rows.collect_view();
            view! {
                <div class="page">
                    <header class="page-head">
                        <h1>"Relays"</h1>
                        <p>
                            "The servers that mail leaves through, in the order in which they are tried. A relay with a From domain is for mail from addresses of that domain. Whether accounts may have relays of their own is for the "
                            <a href=POLICY>"policy"</a> "."
                        </p>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    <ol class="card suppressions">{rows}</ol>
                    <AddRelay />
                </div>
            }
            .into_any()
        })
    })
}

/// What the page shows.
struct Listed {
    relays: Vec<RelayView>,
    workers: Vec<Worker>,
    /// Of the relays that are checked.
    health: Vec<ShownHealth>,
    /// The open connections to each.
    open: BTreeMap<String, u64>,
    /// The sums of the figures of each.
    last_day: BTreeMap<String, FigureRow>,
}

async fn read(postern: &Postern, actor: &Actor, now: Timestamp) -> Result<Listed, Refusal> {
    let relays = postern.relays().list(actor).await?;
    let overview = postern.outbox().overview(actor).await?;
    let views = postern.health().list(actor).await?;
    let since = history_begin(now);
    let mut histories = postern.health().histories(actor, since).await?;
    let health = views.into_iter().map(|view| ShownHealth {
        history: histories.remove(&view.relay_id).unwrap_or_default(),
        view,
    });
    Ok(Listed {
        relays,
        workers: overview.workers,
        health: health.collect(),
        open: postern.outbox().connections(actor).await?,
        last_day: postern.figures().of_relays(actor).await?,
    })
}

/// What the form before this page did, if it is one of this page.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::RelayChanged(name) => Some(format!("{name} is changed.")),
        Flash::RelayRemoved(name) => Some(format!("{name} is removed.")),
        Flash::CheckRequested => Some(CHECK_REQUESTED.to_owned()),
        _ => None,
    }
}

/// A relay with its buttons. `last` is the position of the last one, `open` the number of connections.
#[component]
fn Row(
    relay: RelayView,
    last: i64,
    workers: Vec<Worker>,
    health: Option<ShownHealth>,
    open: u64,
    last_day: Option<FigureRow>,
    now: Timestamp,
) -> AnyView {
    let backoff = backoff(&relay, &workers);
    let state = health.as_ref().map(|shown| shown.view.state);
    let badge = badge(&relay, backoff, state);
    let since = backoff.filter(|_| relay.config.enabled).map(|backoff| {
        let failure = backoff.failure.to_string();
        match backoff.state {
            RelayState::HalfOpen => view! {
                <span class="mail-detail">
                    "The last attempt failed, since " <Time at=backoff.since />
                    "; the next mail tries it again: " {failure}
                </span>
            }
            .into_any(),
            _ => view! {
                <span class="mail-detail">
                    "Backing off since " <Time at=backoff.since /> ": " {failure}
                </span>
            }
            .into_any(),
        }
    });
    let is_set_up = relay.address.is_some();
    let open = is_set_up.then(|| {
        view! { <span class="mail-detail">{connections(open)}</span> }
    });
    let last_day = last_day.filter(|_| is_set_up).map(|row| {
        let subject = FigureSubject::Relay(relay.id.clone());
        view! { <RelayLastDay subject row /> }
    });
    let limits = limits(&relay.config.limits).map(|text| format!(". {text}"));
    let name = relay.config.name.clone();
    let (switch, on) = match relay.config.enabled {
        true => ("Switch off", "0"),
        false => ("Switch on", "1"),
    };
    let (up, down) = (relay.position - 1, relay.position + 1);
    let check = health.is_some().then(|| {
        let (fields, name) = (vec![("id", relay.id.clone())], name.clone());
        view! { <ActionButton action=CHECK_RELAY text="Check now" about=name fields /> }
    });
    let page = relay_path(&relay.id);
    let health = health.map(|ShownHealth { view, history }| {
        let has_failed = view.failure.is_some();
        let diagnose = has_failed.then(|| view! { <a href=page>"Diagnose"</a> });
        view! {
            <HealthStatus view now />
            {diagnose}
            <HealthHistory periods=history now />
        }
    });
    let remove = (!relay.is_main()).then(|| {
        let href = with_query(REMOVE_RELAY, [("id", relay.id.as_str())]);
        view! {
            <a
                class="button button-danger button-small"
                href=href
                aria-label=format!("Remove {name}")
            >
                "Remove"
            </a>
        }
    });
    view! {
        <li>
            <div class="suppression-info">
                <strong class="relay-name">
                    <a href=relay_path(&relay.id)>{name.clone()}</a>
                    <span class=badge.class>{badge.name}</span>
                    {open}
                </strong>
                <span>{relay.address.clone().unwrap_or_default()}</span>
                <span class="mail-detail">{rule(&relay)} {limits}</span>
                <span class="mail-detail">{verified(&relay)}</span>
                {since} {last_day} {health}
            </div>
            <div class="actions">
                {check}
                {(up >= 1)
                    .then(|| {
                        view! { <Button relay=relay.clone() text="Move up" field=("position", up.to_string()) /> }
                    })}
                {(down <= last)
                    .then(|| {
                        view! { <Button relay=relay.clone() text="Move down" field=("position", down.to_string()) /> }
                    })} <Button relay=relay.clone() text=switch field=("enabled", on.to_owned()) />
                {remove}
            </div>
        </li>
    }
    .into_any()
}

/// Whether a test mail has verified the settings.
fn verified(relay: &RelayView) -> AnyView {
    match &relay.verified {
        Verification::Never => "Never tested".into_any(),
        Verification::Verified(stamp) => view! { "Verified " <Time at=stamp.at /> }.into_any(),
        Verification::Changed(stamp) => {
            view! { "Changed since it was verified " <Time at=stamp.at /> }.into_any()
        }
    }
}

/// A form with one button that changes one field of a relay.
#[component]
fn Button(relay: RelayView, text: &'static str, field: (&'static str, String)) -> AnyView {
    let fields = vec![
        ("id", relay.id),
        ("revision", relay.revision.to_string()),
        field,
    ];
    view! { <ActionButton action=CHANGE_RELAY text about=relay.config.name fields /> }.into_any()
}
