//! The page of an account's own relay: its state, its settings, and the relay used without one.

use domain::figures::{FigureRow, FigureSubject};
use domain::health::HealthState;
use domain::settings::relay::OWN;
use domain::{Refusal, Timestamp};
use engine::{AccountRelay, Actor, Postern, RelayStatus};

use super::CHECK_MY_RELAY;
use super::state::State;
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::figures::RelayLastDay;
use crate::flash::{Flash, flash};
use crate::health::{CHECK_REQUESTED, HealthCard, ShownHealth, history_begin};
use crate::history::HistoryLink;
use crate::layout::console_page;
use crate::request::other_fault;
use crate::server_prelude::*;
use crate::settings::{InitialState, settings_editor};

#[component]
pub fn MyRelayPage() -> impl IntoView {
    console_page("My relay", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[]);
        let done = flash().and_then(done);
        Suspend::new(async move {
            let now = postern.health().now();
            let ShownOwnRelay {
                relay,
                status,
                health,
                connections,
                last_day,
            } = match read(&postern, &actor, now).await {
                Ok(read) => read,
                Err(refusal) => return refused(&refusal),
            };
            let history =
                (relay.own.revision > 0).then(|| view! { <HistoryLink id=OWN.to_owned() /> });
            let state = health.as_ref().map(|health| health.view.state);
            let is_down = state == Some(HealthState::Down);
            let health = health.map(|health| {
                view! {
                    <HealthCard
                        health
                        open=connections
                        now
                        action=CHECK_MY_RELAY
                        fields=Vec::new()
                    />
                }
            });
            let last_day = last_day.map(|OwnLastDay { subject, row }| {
                view! {
                    <p>
                        <RelayLastDay subject row />
                    </p>
                }
            });
            let editor = match relay.allowed {
                true => settings_editor(InitialState {
                    saved: relay.own.clone(),
                    me: actor.name().to_owned(),
                    relay: Some(OWN.to_owned()),
                    title: "My relay".to_owned(),
                }),
                false => view! {
                    <header class="page-head">
                        <h1>"My relay"</h1>
                        <p>"Your organisation does not allow relays of one's own."</p>
                    </header>
                }
                .into_any(),
            };
            view! {
                <div class="page">
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    <State relay status is_down now />
                    {last_day}
                    {editor}
                    {history}
                    {health}
                </div>
            }
            .into_any()
        })
    })
}

/// What the page shows.
struct ShownOwnRelay {
    relay: AccountRelay,
    status: RelayStatus,
    /// Where the own relay is checked.
    health: Option<ShownHealth>,
    /// The number of open ones to the own relay.
    connections: u64,
    /// Where the own relay is checked.
    last_day: Option<OwnLastDay>,
}

/// The sum of the figures of the own relay.
struct OwnLastDay {
    subject: FigureSubject,
    row: FigureRow,
}

async fn read(postern: &Postern, actor: &Actor, now: Timestamp) -> Result<ShownOwnRelay, Refusal> {
    let relay = postern.settings().account_relay(actor).await?;
    let status = postern.outbox().relay_status(actor).await?;
    let view = postern.health().own(actor).await?;
    let since = history_begin(now);
    let history = postern.health().history(actor, OWN, since).await?;
    let mut connections = 0;
    let mut last_day = None;
    if let Some(view) = &view {
        let open = postern.outbox().connections(actor).await?;
        connections = open.get(&view.relay_id).copied().unwrap_or_default();
        let row = postern.figures().of_own_relay(actor).await?;
        let subject = FigureSubject::Relay(view.relay_id.clone());
        last_day = row.map(|row| OwnLastDay { subject, row });
    }
    Ok(ShownOwnRelay {
        relay,
        status,
        connections,
        last_day,
        health: view.map(|view| ShownHealth { view, history }),
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    let text = match flash {
        Flash::OwnRelayRemoved => "Your mail leaves through the organisation's relay again.",
        Flash::CheckRequested => CHECK_REQUESTED,
        _ => return None,
    };
    Some(text.to_owned())
}
