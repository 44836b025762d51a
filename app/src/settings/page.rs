//! The page of the SMTP settings, and its island for the page of a relay.

use domain::relay::MAIN;
use engine::Postern;
use leptos::prelude::*;

use super::certificate_box::CertificateBox;
use super::providers::Providers;
use super::static_parts::{CERTIFICATE_BOX, PROVIDERS, TEMPLATE};
use super::{InitialState, SettingsEditor};
use crate::components::refused;
use crate::history::HistoryLink;
use crate::layout::console_page;

#[component]
pub fn SettingsPage() -> impl IntoView {
    console_page("Email setup", |actor| {
        let postern = expect_context::<Postern>();
        Suspend::new(async move {
            match postern.settings().view(&actor).await {
                Ok(saved) => {
                    let editor = settings_editor(InitialState {
                        saved,
                        me: actor.name().to_owned(),
                        relay: None,
                        title: "SMTP settings".to_owned(),
                    });
                    view! {
                        <div class="page">
                            {editor}
                            <HistoryLink id=MAIN.to_owned() />
                        </div>
                    }
                    .into_any()
                }
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

/// The island, with the parts of it that only the server draws.
pub fn settings_editor(initial: InitialState) -> AnyView {
    provide_context(initial);
    view! {
        <SettingsEditor />
        <template id=TEMPLATE>
            <div id=PROVIDERS>
                <Providers />
            </div>
            <div id=CERTIFICATE_BOX>
                <CertificateBox />
            </div>
        </template>
    }
    .into_any()
}
