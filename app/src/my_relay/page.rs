//! The page of an account's own relay: its state, its settings, and the relay used without one.

use domain::Refusal;
use domain::relay::OWN;
use engine::{AccountRelay, Actor, Postern, RelayStatus};
use leptos::prelude::*;

use super::state::State;
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::other_fault;
use crate::settings::{InitialState, settings_editor};

#[component]
pub fn MyRelayPage() -> impl IntoView {
    console_page("My relay", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[]);
        let removed = flash() == Some(Flash::OwnRelayRemoved);
        Suspend::new(async move {
            let (relay, status) = match read(&postern, &actor).await {
                Ok(read) => read,
                Err(refusal) => return refused(&refusal),
            };
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
                    {removed
                        .then(|| {
                            view! { <SuccessNotice text="Your mail leaves through the organisation's relay again." /> }
                        })}
                    <State relay status />
                    {editor}
                </div>
            }
            .into_any()
        })
    })
}

async fn read(postern: &Postern, actor: &Actor) -> Result<(AccountRelay, RelayStatus), Refusal> {
    let relay = postern.settings().account_relay(actor).await?;
    Ok((relay, postern.outbox().relay_status(actor).await?))
}
