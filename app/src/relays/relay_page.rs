//! The page of a relay: its SMTP settings, and the form of its name, From domain and limits.

use engine::Postern;
use leptos::prelude::*;

use super::RELAYS;
use super::config_form::{ADDED, ConfigForm};
use super::requests::LIMITS;
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::request::{other_fault, param};
use crate::settings::{InitialState, settings_editor};

#[component]
pub fn RelayPage() -> impl IntoView {
    console_page("Relay", |actor| {
        let postern = expect_context::<Postern>();
        let id = param("id").unwrap_or_default();
        let fault = other_fault(&[&ADDED[..], &LIMITS].concat());
        let done = flash().and_then(done);
        Suspend::new(async move {
            let read = async {
                let relay = postern.relays().read(&actor, &id).await?;
                let saved = postern.settings().of_relay(&id)?.view(&actor).await?;
                Ok((relay, saved))
            };
            let (relay, saved) = match read.await {
                Ok(read) => read,
                Err(refusal) => return refused(&refusal),
            };
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
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    {settings_editor(initial)}
                    <ConfigForm relay />
                </div>
            }
            .into_any()
        })
    })
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::RelayAdded(name) => Some(format!("{name} is added. Save its SMTP settings now.")),
        Flash::RelayChanged(name) => Some(format!("{name} is changed.")),
        _ => None,
    }
}
