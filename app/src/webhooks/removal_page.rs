//! The page that asks whether to remove a webhook.

use domain::Refusal;
use engine::{Actor, Postern};
use leptos::prelude::*;

use super::find::find_webhook;
use super::format::webhook_host;
use super::{REMOVE_WEBHOOK, WEBHOOKS, webhook_id};
use crate::components::{RemovalQuestion, refused};
use crate::layout::console_page;
use crate::request::{other_fault, queries};

#[component]
pub fn WebhookRemovalPage() -> impl IntoView {
    console_page("Remove a webhook", |actor| {
        let postern = expect_context::<Postern>();
        let id = webhook_id(&queries());
        let fault = other_fault(&[]);
        Suspend::new(async move {
            match question(&postern, &actor, id, fault).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn question(
    postern: &Postern,
    actor: &Actor,
    id: Result<String, Refusal>,
    fault: Option<String>,
) -> Result<AnyView, Refusal> {
    let webhook = find_webhook(postern, actor, id).await?;
    let title = format!("Remove the webhook at {}?", webhook_host(&webhook.url));
    Ok(view! {
        <RemovalQuestion
            title
            fault
            action=REMOVE_WEBHOOK
            fields=vec![("id", webhook.id)]
            button=Some("Remove webhook")
            back=WEBHOOKS
        >
            <p>
                <strong>"Its secret and the list of its deliveries are deleted."</strong>
                " Events that wait for it are not sent."
            </p>
        </RemovalQuestion>
    }
    .into_any())
}
