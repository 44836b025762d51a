//! The page of the SMTP settings.

use engine::Postern;
use leptos::prelude::*;

use super::certificate_box::CertificateBox;
use super::providers::Providers;
use super::static_parts::{CERTIFICATE_BOX, PROVIDERS, TEMPLATE};
use super::{InitialState, SettingsEditor};
use crate::components::refused;
use crate::layout::console_page;

#[component]
pub fn SettingsPage() -> impl IntoView {
    console_page("Email setup", |actor| {
        let postern = expect_context::<Postern>();
        Suspend::new(async move {
            match postern.settings().view(&actor).await {
                Ok(saved) => {
                    let me = actor.name().to_owned();
                    provide_context(InitialState { saved, me });
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
                Err(refusal) => refused(&refusal),
            }
        })
    })
}
