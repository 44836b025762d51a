//! The form that adds a webhook.

use engine::WebhookOwner;

use super::WebhookPaths;
use super::requests::{TypedWebhook, URL};
use crate::components::FormField;
use crate::request::fault;
use crate::server_prelude::*;

#[component]
pub fn AddWebhook(owner: WebhookOwner) -> AnyView {
    let action = WebhookPaths::of(owner).list;
    let typed = use_context::<TypedWebhook>().unwrap_or_default();
    view! {
        <section class="card" aria-labelledby="add-title">
            <header class="card-head">
                <h2 id="add-title">"Add a webhook"</h2>
                <p>
                    "Its secret, with which the receiver verifies the signatures, is made here and shown once."
                </p>
            </header>
            <form class="card-body" method="post" action=action>
                <div class="narrow">
                    <FormField
                        name=URL
                        label="URL"
                        autocomplete="off"
                        inputmode="url"
                        hint="As in https://example.org/hooks/postern."
                        value=typed.0
                        fault=fault(URL)
                    />
                </div>
                <div class="buttons">
                    <button class="button button-primary" type="submit">
                        "Add webhook"
                    </button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
