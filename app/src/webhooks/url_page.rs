//! The page that changes the URL of a webhook, a plain form.

use engine::{Postern, WebhookOwner};

use super::WebhookPaths;
use super::find::find_webhook;
use super::format::webhook_host;
use super::requests::{TypedWebhook, URL};
use crate::components::{ErrorNotice, FormField, HiddenFields, refused};
use crate::layout::console_page;
use crate::request::{fault, only_id, other_fault, queries};
use crate::server_prelude::*;

#[component]
pub fn WebhookUrlPage() -> impl IntoView {
    url_page(WebhookOwner::Organisation)
}

#[component]
pub fn OwnWebhookUrlPage() -> impl IntoView {
    url_page(WebhookOwner::Account)
}

fn url_page(owner: WebhookOwner) -> AnyView {
    console_page("Change a webhook", move |actor| {
        let postern = expect_context::<Postern>();
        let id = only_id(&queries());
        let (of_url, other) = (fault(URL), other_fault(&[URL]));
        let typed = use_context::<TypedWebhook>();
        Suspend::new(async move {
            let webhook = match find_webhook(&postern, &actor, owner, id).await {
                Ok(webhook) => webhook,
                Err(refusal) => return refused(&refusal),
            };
            let title = format!("Change the webhook at {}", webhook_host(&webhook.url));
            let paths = WebhookPaths::of(owner);
            let url = typed.map_or(webhook.url, |TypedWebhook(url)| url);
            view! {
                <div class="page">
                    <header class="page-head outbox-head">
                        <a class="page-back" href=paths.list>
                            "Webhooks"
                        </a>
                        <h1>{title}</h1>
                    </header>
                    {other.map(|text| view! { <ErrorNotice text /> })}
                    <section class="card">
                        <form class="card-body" method="post" action=paths.change>
                            <HiddenFields fields=vec![("id", webhook.id)] />
                            <div class="narrow">
                                <FormField
                                    name=URL
                                    label="URL"
                                    autocomplete="off"
                                    inputmode="url"
                                    hint="Events that wait are sent here, too. The secret stays."
                                    value=url
                                    fault=of_url
                                />
                            </div>
                            <div class="buttons">
                                <button class="button button-primary" type="submit">
                                    "Save URL"
                                </button>
                            </div>
                        </form>
                    </section>
                </div>
            }
            .into_any()
        })
    })
}
