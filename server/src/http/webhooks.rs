//! Form posts of the webhooks: add, change the URL, switch on or off, new secret, test, remove.

use app::webhooks::{
    CHANGE_WEBHOOK, REMOVE_WEBHOOK, ShownWebhookSecret, TEST_WEBHOOK, TypedWebhook, WEBHOOK_SECRET,
    WEBHOOKS, WebhookChangeRequest, new_webhook_url, typed_webhook, webhook_host, webhook_id,
};
use app::{Flash, FormReply, with_query};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use domain::{Kind, Refusal};
use engine::Actor;
use leptos::prelude::provide_context;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, filled_in, page};
use super::refuse::with_status;
use super::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route(WEBHOOKS, post(add))
        .route(CHANGE_WEBHOOK, post(change))
        .route(WEBHOOK_SECRET, post(renew_secret))
        .route(TEST_WEBHOOK, post(test))
        .route(REMOVE_WEBHOOK, post(remove))
}

/// Adds a webhook. The page that answers is the only one that shows its secret.
async fn add(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut typed = TypedWebhook::default();
    let added = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = typed_webhook(&pairs);
        let url = new_webhook_url(&pairs)?;
        state
            .postern
            .notifications()
            .create_webhook(actor, &url)
            .await
    };
    match added.await {
        Ok(new) => {
            let host = webhook_host(&new.view.url).to_owned();
            let secret = new.secret.expose().to_owned();
            show(state, caller, ShownWebhookSecret { host, secret }).await
        }
        Err(refusal) => typed_again(state, caller, WEBHOOKS, typed, refusal).await,
    }
}

/// Renders the page at `path` for a refused form, with the URL as it was typed.
async fn typed_again(
    state: AppState,
    caller: Caller,
    path: &str,
    typed: TypedWebhook,
    refusal: Refusal,
) -> Response {
    let reply = FormReply {
        refusal: refusal.clone(),
        email: String::new(),
    };
    let more = move || {
        provide_context(reply.clone());
        provide_context(typed.clone());
    };
    with_status(page(state, caller, path, more).await, &refusal)
}

/// The page with a secret, which no other answer shows.
async fn show(state: AppState, caller: Caller, shown: ShownWebhookSecret) -> Response {
    page(state, caller, WEBHOOKS, move || {
        provide_context(shown.clone());
    })
    .await
}

/// Changes the URL, or switches a webhook on or off. A URL that is refused leads back to its page.
async fn change(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut url_form = None;
    let changed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let WebhookChangeRequest { id, change } = WebhookChangeRequest::parse(&pairs)?;
        if change.url.is_some() {
            let path = with_query(CHANGE_WEBHOOK, [("id", &id)]);
            url_form = Some((path, typed_webhook(&pairs)));
        }
        let notifications = state.postern.notifications();
        notifications.change_webhook(actor, &id, change).await
    };
    let changed = changed.await;
    match (changed, url_form) {
        (Ok(webhook), url_form) => {
            let host = webhook_host(&webhook.url).to_owned();
            let done = match (url_form, webhook.enabled) {
                (Some(_), _) => Flash::WebhookMoved(host),
                (None, true) => Flash::WebhookOn(host),
                (None, false) => Flash::WebhookOff(host),
            };
            flash::redirect(WEBHOOKS, &done, &state.url)
        }
        (Err(refusal), Some((path, typed))) => {
            typed_again(state, caller, &path, typed, refusal).await
        }
        (Err(refusal), None) => again(state, caller, WEBHOOKS, String::new(), refusal).await,
    }
}

async fn renew_secret(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let renewed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        let notifications = state.postern.notifications();
        let secret = notifications.renew_webhook_secret(actor, &id).await?;
        Ok::<_, Refusal>(ShownWebhookSecret {
            host: host(&state, actor, &id).await?,
            secret: secret.expose().to_owned(),
        })
    };
    match renewed.await {
        Ok(shown) => show(state, caller, shown).await,
        Err(refusal) => again(state, caller, WEBHOOKS, String::new(), refusal).await,
    }
}

async fn test(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let tested = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        let notifications = state.postern.notifications();
        notifications.test_webhook(actor, &id).await?;
        host(&state, actor, &id).await
    };
    match tested.await {
        Ok(host) => flash::redirect(WEBHOOKS, &Flash::WebhookTested(host), &state.url),
        Err(refusal) => again(state, caller, WEBHOOKS, String::new(), refusal).await,
    }
}

async fn remove(State(state): State<AppState>, caller: Caller, request: Request) -> Response {
    let mut path = WEBHOOKS.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        path = with_query(REMOVE_WEBHOOK, [("id", &id)]);
        let host = host(&state, actor, &id).await?;
        let notifications = state.postern.notifications();
        notifications.remove_webhook(actor, &id).await?;
        Ok::<_, Refusal>(host)
    };
    match removed.await {
        Ok(host) => flash::redirect(WEBHOOKS, &Flash::WebhookRemoved(host), &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

/// Host and port of a webhook.
async fn host(state: &AppState, actor: &Actor, id: &str) -> Result<String, Refusal> {
    let listed = state.postern.notifications().webhooks(actor).await?;
    let found = listed.iter().find(|webhook| webhook.id == id);
    let webhook = found.ok_or_else(|| {
        let text = "There is no such webhook. It may have been removed.";
        Refusal::of(Kind::NotFound, "id", text)
    })?;
    Ok(webhook_host(&webhook.url).to_owned())
}
