//! The page of a relay: its SMTP settings, its health, its name, From domain and limits.

use domain::figures::{FigureRow, FigureSubject};
use domain::settings::SettingsView;
use domain::settings::relay::RelayView;
use domain::settings::smtp_environment::VariableMeaning;
use domain::{Refusal, Timestamp};
use engine::{Actor, Postern};

use super::config_form::{ADDED, ConfigForm};
use super::requests::LIMITS;
use super::{CHECK_RELAY, RELAYS};
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::figures::RelayLastDay;
use crate::flash::{Flash, flash};
use crate::health::{CHECK_REQUESTED, HealthCard, ShownHealth, history_begin};
use crate::history::HistoryLink;
use crate::layout::console_page;
use crate::request::{other_fault, param};
use crate::server_prelude::*;
use crate::settings::{EnvironmentCard, InitialState, settings_editor};

#[component]
pub fn RelayPage() -> impl IntoView {
    console_page("Relay", |actor| {
        let postern = expect_context::<Postern>();
        let id = param("id").unwrap_or_default();
        let fault = other_fault(&[&ADDED[..], &LIMITS].concat());
        let done = flash().and_then(done);
        Suspend::new(async move {
            let now = postern.health().now();
            let ShownRelay {
                relay,
                saved,
                health,
                connections,
                last_day,
                variables,
            } = match read(&postern, &actor, &id, now).await {
                Ok(read) => read,
                Err(refusal) => return refused(&refusal),
            };
            let health = health.map(|health| {
                let fields = vec![("id", id.clone()), ("from", "relay".to_owned())];
                view! { <HealthCard health open=connections now action=CHECK_RELAY fields /> }
            });
            let last_day = last_day.map(|row| {
                let subject = FigureSubject::Relay(id.clone());
                view! {
                    <p>
                        <RelayLastDay subject row />
                    </p>
                }
            });
            let initial = InitialState {
                saved,
                me: actor.name().to_owned(),
                relay: Some(id),
                title: relay.config.name.clone(),
            };
            view! {
                <div class="page">
                    <p>
                        <a class="page-back" href=RELAYS>
                            "Relays"
                        </a>
                    </p>
                    {last_day}
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    {settings_editor(initial)}
                    <EnvironmentCard variables />
                    <HistoryLink id=relay.id.clone() />
                    {health}
                    <ConfigForm relay />
                </div>
            }
            .into_any()
        })
    })
}

/// What the page shows.
struct ShownRelay {
    relay: RelayView,
    saved: SettingsView,
    /// Where it is checked.
    health: Option<ShownHealth>,
    /// The number of open ones.
    connections: u64,
    /// The sum of its figures.
    last_day: Option<FigureRow>,
    /// Those of the environment; none for other relays than the first.
    variables: Vec<VariableMeaning>,
}

async fn read(
    postern: &Postern,
    actor: &Actor,
    id: &str,
    now: Timestamp,
) -> Result<ShownRelay, Refusal> {
    let relay = postern.relays().read(actor, id).await?;
    let settings = postern.settings().of_relay(id)?;
    let saved = settings.view(actor).await?;
    let health = postern.health();
    let view = health.read(actor, id).await?;
    let history = health.history(actor, id, history_begin(now)).await?;
    let connections = postern.outbox().connections(actor).await?;
    let mut figures = postern.figures().of_relays(actor).await?;
    Ok(ShownRelay {
        relay,
        saved,
        health: view.map(|view| ShownHealth { view, history }),
        connections: connections.get(id).copied().unwrap_or_default(),
        last_day: figures.remove(id),
        variables: settings.environment(actor).await?,
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::RelayAdded(name) => Some(format!("{name} is added. Save its SMTP settings now.")),
        Flash::RelayChanged(name) => Some(format!("{name} is changed.")),
        Flash::CheckRequested => Some(CHECK_REQUESTED.to_owned()),
        _ => None,
    }
}
