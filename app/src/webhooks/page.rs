//! The page of the webhooks: of the organisation for administrators, and of the own account.

use domain::Refusal;
use domain::timestamp::in_words;
use domain::webhook::{WEBHOOK_LIFETIME, WebhookDelivery, WebhookView};
use engine::{Actor, Postern, WebhookOwner};

use super::add_form::AddWebhook;
use super::requests::{ShownWebhookSecret, URL};
use super::webhook_row::WebhookRow;
use crate::account::ACCOUNT;
use crate::components::{ErrorNotice, SuccessNotice, refused};
use crate::flash::{Flash, flash};
use crate::layout::console_page;
use crate::relays::RELAYS;
use crate::request::other_fault;
use crate::server_prelude::*;

/// A webhook with its last deliveries.
struct Listed {
    webhook: WebhookView,
    deliveries: Vec<WebhookDelivery>,
}

async fn listed(
    postern: &Postern,
    actor: &Actor,
    owner: WebhookOwner,
) -> Result<Vec<Listed>, Refusal> {
    let webhooks = postern.notifications().webhooks(owner);
    let mut listed = Vec::new();
    for webhook in webhooks.list(actor).await? {
        let deliveries = webhooks.deliveries(actor, &webhook.id);
        listed.push(Listed {
            // Another request may have removed it meanwhile.
            deliveries: deliveries.await.unwrap_or_default(),
            webhook,
        });
    }
    Ok(listed)
}

#[component]
pub fn WebhooksPage() -> impl IntoView {
    webhooks_page(WebhookOwner::Organisation)
}

#[component]
pub fn OwnWebhooksPage() -> impl IntoView {
    webhooks_page(WebhookOwner::Account)
}

fn webhooks_page(owner: WebhookOwner) -> AnyView {
    let title = match owner {
        WebhookOwner::Organisation => "Webhooks",
        WebhookOwner::Account => "Message webhooks",
    };
    console_page(title, move |actor| {
        let postern = expect_context::<Postern>();
        let fault = other_fault(&[URL]);
        let done = flash().and_then(done);
        let secret = use_context::<ShownWebhookSecret>();
        Suspend::new(async move {
            let listed = match listed(&postern, &actor, owner).await {
                Ok(listed) => listed,
                Err(refusal) => return refused(&refusal),
            };
            view! {
                <div class="page">
                    <WebhooksHead owner title />
                    {fault.map(|text| view! { <ErrorNotice text /> })}
                    {done.map(|text| view! { <SuccessNotice text /> })}
                    {secret.map(|shown| view! { <Secret shown /> })}
                    <List owner listed />
                    <AddWebhook owner />
                </div>
            }
            .into_any()
        })
    })
}

#[component]
fn WebhooksHead(owner: WebhookOwner, title: &'static str) -> AnyView {
    match owner {
        WebhookOwner::Organisation => view! {
            <header class="page-head">
                <h1>{title}</h1>
                <p>
                    "When a "<a href=RELAYS>"relay"</a>
                    " goes down, fails now and then or recovers, an event is posted to each of these URLs, signed by the Standard Webhooks specification and tried again for up to "
                    {in_words(WEBHOOK_LIFETIME)} ". Administrators get a mail as well."
                </p>
            </header>
        }
        .into_any(),
        WebhookOwner::Account => view! {
            <header class="page-head outbox-head">
                <a class="page-back" href=ACCOUNT>
                    "Account"
                </a>
                <h1>{title}</h1>
                <p>
                    "A mail that you submit over HTTP names one of these URLs. When it is delivered, deferred or failed, an event for each recipient is posted to that URL, signed by the Standard Webhooks specification and tried again for up to "
                    {in_words(WEBHOOK_LIFETIME)} "."
                </p>
            </header>
        }
        .into_any(),
    }
}

/// What the form before this page did, if it leads here.
fn done(flash: Flash) -> Option<String> {
    match flash {
        Flash::WebhookMoved(host) => Some(format!("Events are posted to {host} from now on.")),
        Flash::WebhookOn(host) => Some(format!("The webhook at {host} is switched on.")),
        Flash::WebhookOff(host) => Some(format!(
            "The webhook at {host} is switched off. Events that waited for it are cancelled."
        )),
        Flash::WebhookTested(host) => Some(format!(
            "A test event for {host} is on its way. Load the page again to see the answer."
        )),
        Flash::WebhookRemoved(host) => Some(format!("The webhook at {host} is removed.")),
        _ => None,
    }
}

#[component]
fn Secret(shown: ShownWebhookSecret) -> AnyView {
    let text = format!(
        "The secret of the webhook at {}. Copy it now; it is not shown again.",
        shown.host
    );
    view! {
        <div class="notice notice-good" role="status">
            {text}
            <code class="token-secret">{shown.secret}</code>
        </div>
    }
    .into_any()
}

#[component]
fn List(owner: WebhookOwner, listed: Vec<Listed>) -> AnyView {
    if listed.is_empty() {
        return view! { <p class="card mail-empty">"There is no webhook."</p> }.into_any();
    }
    let rows = listed.into_iter().map(
        |Listed {
             webhook,
             deliveries,
         }| view! { <WebhookRow owner webhook deliveries /> },
    );
    view! { <ul class="card suppressions">{rows.collect_view()}</ul> }.into_any()
}
