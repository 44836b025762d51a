//! The page that asks whether to remove an account's own relay.

use engine::Postern;
use leptos::prelude::*;

use super::{MY_RELAY, REMOVE_MY_RELAY};
use crate::components::{ErrorNotice, refused};
use crate::layout::console_page;
use crate::request::other_fault;

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
                        </strong> " This cannot be undone."
                    </p>
                }
                .into_any(),
            };
            let button = relay.own.saved.is_some().then(|| {
                view! {
                    <button class="button button-danger" type="submit">
                        "Use the organisation's relay"
                    </button>
                }
            });
            view! {
                <div class="page">
                    <header class="page-head">
                        <h1>"Use the organisation's relay?"</h1>
                        <p>{relay.address}</p>
                    </header>
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    <section class="card">
                        <form class="card-body" method="post" action=REMOVE_MY_RELAY>
                            {question}
                            <div class="buttons">
                                {button} <a class="button button-secondary" href=MY_RELAY>
                                    "Back"
                                </a>
                            </div>
                        </form>
                    </section>
                </div>
            }
            .into_any()
        })
    })
}
