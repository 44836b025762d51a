//! The page that asks whether to remove a webhook.

use domain::Refusal;
use engine::{Actor, Postern, WebhookOwner};

use super::WebhookPaths;
use super::find::find_webhook;
use super::format::webhook_host;
use crate::components::{Question, refused};
use crate::layout::console_page;
use crate::request::{only_id, other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn WebhookRemovalPage() -> impl IntoView {
    removal_page(WebhookOwner::Organisation)
}

#[component]
pub fn OwnWebhookRemovalPage() -> impl IntoView {
    removal_page(WebhookOwner::Account)
}

fn removal_page(owner: WebhookOwner) -> AnyView {
    console_page("Remove a webhook", move |actor| {
        let postern = expect_context::<Postern>();
        let id = only_id(&queries());
        let fault = other_fault(&[]);
        Suspend::new(async move {
            match question(&postern, &actor, owner, id, fault).await {
                Ok(page) => page,
                Err(refusal) => refused(&refusal),
            }
        })
    })
}

async fn question(
    postern: &Postern,
    actor: &Actor,
    owner: WebhookOwner,
    id: Result<String, Refusal>,
    fault: Option<String>,
) -> Result<AnyView, Refusal> {
    let webhook = find_webhook(postern, actor, owner, id).await?;
    let paths = WebhookPaths::of(owner);
    let title = format!("Remove the webhook at {}?", webhook_host(&webhook.url));
    Ok(view! {
        <Question
            title
            fault
            action=paths.remove
            fields=vec![("id", webhook.id)]
            button=Some("Remove webhook".to_owned())
            back=paths.list
        >
            <p>
                <strong>"Its secret and the list of its deliveries are deleted."</strong>
                " Events that wait for it are not sent."
            </p>
        </Question>
    }
    .into_any())
}
