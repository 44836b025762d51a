//! The page of the SMTP settings, and its island for the page of a relay.

mod environment_card;
mod providers;

use domain::Refusal;
use domain::settings::SettingsView;
use domain::settings::relay::MAIN;
use domain::settings::smtp_environment::VariableMeaning;
use engine::{Actor, Postern};

use super::SettingsEditor;
use super::fields::CertificateBox;
use super::state::InitialState;
use super::static_parts::{CERTIFICATE_BOX, PROVIDERS, TEMPLATE};
use crate::components::refused;
use crate::history::HistoryLink;
use crate::layout::console_page;
use crate::server_prelude::*;
pub use environment_card::EnvironmentCard;
use providers::Providers;

#[component]
pub fn SettingsPage() -> impl IntoView {
    console_page("Email setup", |actor| {
        let postern = expect_context::<Postern>();
        Suspend::new(async move {
            match read(&postern, &actor).await {
                Ok((saved, variables)) => {
                    let editor = settings_editor(InitialState {
                        saved,
                        me: actor.name().to_owned(),
                        relay: None,
                        title: "SMTP settings".to_owned(),
                    });
                    view! {
                        <div class="page">
                            {editor}
                            <EnvironmentCard variables />
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

async fn read(
    postern: &Postern,
    actor: &Actor,
) -> Result<(SettingsView, Vec<VariableMeaning>), Refusal> {
    let settings = postern.settings();
    let variables = settings.environment(actor).await?;
    Ok((settings.view(actor).await?, variables))
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
