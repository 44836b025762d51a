//! The page that asks whether to remove an account's own relay.

use engine::Postern;

use super::{MY_RELAY, REMOVE_MY_RELAY};
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::other_fault;
use crate::server_prelude::*;

#[component]
pub fn MyRelayRemovalPage() -> impl IntoView {
    console_page("Use the organisation's relay", |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[]);
        Suspend::new(async move {
            let relay = match postern.settings().account_relay(&actor).await {
                Ok(relay) => relay,
                Err(refusal) => return refused(&refusal),
            };
            let question = match relay.own.saved {
                None => view! { <p>"You have no relay of your own."</p> }.into_any(),
                Some(_) => view! {
                    <p>
                        <strong>
                            "The settings of your own relay, its password and its earlier passwords are deleted."
                        </strong>
                        " The history stays, and brings the settings back without a password."
                    </p>
                }
                .into_any(),
            };
            let is_saved = relay.own.saved.is_some();
            let button = is_saved.then(|| "Use the organisation's relay".to_owned());
            view! {
                <Question
                    title="Use the organisation's relay?".to_owned()
                    about=relay.address
                    fault
                    action=REMOVE_MY_RELAY
                    button
                    back=MY_RELAY
                >
                    {question}
                </Question>
            }
            .into_any()
        })
    })
}
