//! Form posts of webhooks: add, change the URL, switch on or off, new secret, test, remove.

use app::webhooks::{
    ShownWebhookSecret, TypedWebhook, WebhookChangeRequest, WebhookPaths, find_webhook,
    new_webhook_url, typed_webhook, webhook_host,
};
use app::{Flash, only_id, with_query};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use domain::Refusal;
use engine::{Actor, WebhookOwner};
use leptos::prelude::provide_context;

use super::authentication::Caller;
use super::flash;
use super::forms::{again, again_with, filled_in, page};
use super::state::AppState;

pub fn router() -> Router<AppState> {
    forms(WebhookOwner::Organisation).merge(forms(WebhookOwner::Account))
}

fn forms(owner: WebhookOwner) -> Router<AppState> {
    let paths = WebhookPaths::of(owner);
    Router::new()
        .route(paths.list, form(owner, add))
        .route(paths.change, form(owner, change))
        .route(paths.secret, form(owner, renew_secret))
        .route(paths.test, form(owner, test))
        .route(paths.remove, form(owner, remove))
}

/// The route of a form about webhooks of an owner.
fn form<Answer>(
    owner: WebhookOwner,
    act: fn(WebhookOwner, AppState, Caller, Request) -> Answer,
) -> MethodRouter<AppState>
where
    Answer: Future<Output = Response> + Send + 'static,
{
    post(
        move |State(state): State<AppState>, caller: Caller, request: Request| {
            act(owner, state, caller, request)
        },
    )
}

/// The page of the webhooks of an owner.
fn list(owner: WebhookOwner) -> &'static str {
    WebhookPaths::of(owner).list
}

/// Adds a webhook. The page that answers is the only one that shows its secret.
async fn add(owner: WebhookOwner, state: AppState, caller: Caller, request: Request) -> Response {
    let mut typed = TypedWebhook::default();
    let added = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = typed_webhook(&pairs);
        let url = new_webhook_url(&pairs)?;
        let webhooks = state.postern.notifications().webhooks(owner);
        webhooks.create(actor, &url).await
    };
    match added.await {
        Ok(new) => {
            let host = webhook_host(&new.view.url).to_owned();
            let secret = new.secret.expose().to_owned();
            let shown = ShownWebhookSecret { host, secret };
            show(owner, state, caller, shown).await
        }
        Err(refusal) => again_with(state, caller, list(owner), typed, refusal).await,
    }
}

/// The page with a secret, which no other answer shows.
async fn show(
    owner: WebhookOwner,
    state: AppState,
    caller: Caller,
    shown: ShownWebhookSecret,
) -> Response {
    page(state, caller, list(owner), move || {
        provide_context(shown.clone());
    })
    .await
}

/// Changes the URL, or switches a webhook on or off. A URL that is refused leads back to its page.
async fn change(
    owner: WebhookOwner,
    state: AppState,
    caller: Caller,
    request: Request,
) -> Response {
    let mut url_form = None;
    let changed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let WebhookChangeRequest { id, change } = WebhookChangeRequest::parse(&pairs)?;
        if change.url.is_some() {
            let path = with_query(WebhookPaths::of(owner).change, [("id", &id)]);
            url_form = Some((path, typed_webhook(&pairs)));
        }
        let webhooks = state.postern.notifications().webhooks(owner);
        webhooks.change(actor, &id, change).await
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
            flash::redirect(list(owner), &done, &state.url)
        }
        (Err(refusal), Some((path, typed))) => {
            again_with(state, caller, &path, typed, refusal).await
        }
        (Err(refusal), None) => again(state, caller, list(owner), String::new(), refusal).await,
    }
}

async fn renew_secret(
    owner: WebhookOwner,
    state: AppState,
    caller: Caller,
    request: Request,
) -> Response {
    let renewed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        let webhooks = state.postern.notifications().webhooks(owner);
        let secret = webhooks.renew_secret(actor, &id).await?;
        Ok::<_, Refusal>(ShownWebhookSecret {
            host: host(owner, &state, actor, &id).await?,
            secret: secret.expose().to_owned(),
        })
    };
    match renewed.await {
        Ok(shown) => show(owner, state, caller, shown).await,
        Err(refusal) => again(state, caller, list(owner), String::new(), refusal).await,
    }
}

async fn test(owner: WebhookOwner, state: AppState, caller: Caller, request: Request) -> Response {
    let tested = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        let webhooks = state.postern.notifications().webhooks(owner);
        webhooks.test(actor, &id).await?;
        host(owner, &state, actor, &id).await
    };
    match tested.await {
        Ok(host) => flash::redirect(list(owner), &Flash::WebhookTested(host), &state.url),
        Err(refusal) => again(state, caller, list(owner), String::new(), refusal).await,
    }
}

async fn remove(
    owner: WebhookOwner,
    state: AppState,
    caller: Caller,
    request: Request,
) -> Response {
    let mut path = list(owner).to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = only_id(&pairs)?;
        path = with_query(WebhookPaths::of(owner).remove, [("id", &id)]);
        let host = host(owner, &state, actor, &id).await?;
        let webhooks = state.postern.notifications().webhooks(owner);
        webhooks.remove(actor, &id).await?;
        Ok::<_, Refusal>(host)
    };
    match removed.await {
        Ok(host) => flash::redirect(list(owner), &Flash::WebhookRemoved(host), &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

/// Host and port of a webhook.
async fn host(
    owner: WebhookOwner,
    state: &AppState,
    actor: &Actor,
    id: &str,
) -> Result<String, Refusal> {
    let webhook = find_webhook(&state.postern, actor, owner, Ok(id.to_owned())).await?;
    Ok(webhook_host(&webhook.url).to_owned())
}
