//! Form posts of webhooks: add, change the URL, switch on or off, new secret, test, remove.

use app::webhooks::{
    ShownWebhookSecret, TypedWebhook, WebhookChangeRequest, WebhookScope, new_webhook_url,
    typed_webhook, webhook_host, webhook_id,
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
    forms(WebhookScope::Organisation).merge(forms(WebhookScope::Account))
}

fn forms(scope: WebhookScope) -> Router<AppState> {
    let paths = scope.paths();
    Router::new()
        .route(
            paths.list,
            post(
                move |State(state): State<AppState>, caller: Caller, request: Request| {
                    add(scope, state, caller, request)
                },
            ),
        )
        .route(
            paths.change,
            post(
                move |State(state): State<AppState>, caller: Caller, request: Request| {
                    change(scope, state, caller, request)
                },
            ),
        )
        .route(
            paths.secret,
            post(
                move |State(state): State<AppState>, caller: Caller, request: Request| {
                    renew_secret(scope, state, caller, request)
                },
            ),
        )
        .route(
            paths.test,
            post(
                move |State(state): State<AppState>, caller: Caller, request: Request| {
                    test(scope, state, caller, request)
                },
            ),
        )
        .route(
            paths.remove,
            post(
                move |State(state): State<AppState>, caller: Caller, request: Request| {
                    remove(scope, state, caller, request)
                },
            ),
        )
}

/// Adds a webhook. The page that answers is the only one that shows its secret.
async fn add(scope: WebhookScope, state: AppState, caller: Caller, request: Request) -> Response {
    let mut typed = TypedWebhook::default();
    let added = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        typed = typed_webhook(&pairs);
        let url = new_webhook_url(&pairs)?;
        let notifications = state.postern.notifications();
        match scope {
            WebhookScope::Organisation => notifications.create_webhook(actor, &url).await,
            WebhookScope::Account => notifications.create_own_webhook(actor, &url).await,
        }
    };
    match added.await {
        Ok(new) => {
            let host = webhook_host(&new.view.url).to_owned();
            let secret = new.secret.expose().to_owned();
            let shown = ShownWebhookSecret { host, secret };
            show(scope, state, caller, shown).await
        }
        Err(refusal) => typed_again(state, caller, scope.paths().list, typed, refusal).await,
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
async fn show(
    scope: WebhookScope,
    state: AppState,
    caller: Caller,
    shown: ShownWebhookSecret,
) -> Response {
    page(state, caller, scope.paths().list, move || {
        provide_context(shown.clone());
    })
    .await
}

/// Changes the URL, or switches a webhook on or off. A URL that is refused leads back to its page.
async fn change(
    scope: WebhookScope,
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
            let path = with_query(scope.paths().change, [("id", &id)]);
            url_form = Some((path, typed_webhook(&pairs)));
        }
        let notifications = state.postern.notifications();
        match scope {
            WebhookScope::Organisation => notifications.change_webhook(actor, &id, change).await,
            WebhookScope::Account => notifications.change_own_webhook(actor, &id, change).await,
        }
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
            flash::redirect(scope.paths().list, &done, &state.url)
        }
        (Err(refusal), Some((path, typed))) => {
            typed_again(state, caller, &path, typed, refusal).await
        }
        (Err(refusal), None) => {
            again(state, caller, scope.paths().list, String::new(), refusal).await
        }
    }
}

async fn renew_secret(
    scope: WebhookScope,
    state: AppState,
    caller: Caller,
    request: Request,
) -> Response {
    let renewed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        let notifications = state.postern.notifications();
        let secret = match scope {
            WebhookScope::Organisation => notifications.renew_webhook_secret(actor, &id).await?,
            WebhookScope::Account => notifications.renew_own_webhook_secret(actor, &id).await?,
        };
        Ok::<_, Refusal>(ShownWebhookSecret {
            host: host(scope, &state, actor, &id).await?,
            secret: secret.expose().to_owned(),
        })
    };
    match renewed.await {
        Ok(shown) => show(scope, state, caller, shown).await,
        Err(refusal) => again(state, caller, scope.paths().list, String::new(), refusal).await,
    }
}

async fn test(scope: WebhookScope, state: AppState, caller: Caller, request: Request) -> Response {
    let tested = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        let notifications = state.postern.notifications();
        match scope {
            WebhookScope::Organisation => notifications.test_webhook(actor, &id).await?,
            WebhookScope::Account => notifications.test_own_webhook(actor, &id).await?,
        }
        host(scope, &state, actor, &id).await
    };
    match tested.await {
        Ok(host) => flash::redirect(scope.paths().list, &Flash::WebhookTested(host), &state.url),
        Err(refusal) => again(state, caller, scope.paths().list, String::new(), refusal).await,
    }
}

async fn remove(
    scope: WebhookScope,
    state: AppState,
    caller: Caller,
    request: Request,
) -> Response {
    let mut path = scope.paths().list.to_owned();
    let removed = async {
        let actor = caller.signed_in()?;
        let pairs: Vec<(String, String)> = filled_in(request).await?;
        let id = webhook_id(&pairs)?;
        path = with_query(scope.paths().remove, [("id", &id)]);
        let host = host(scope, &state, actor, &id).await?;
        let notifications = state.postern.notifications();
        match scope {
            WebhookScope::Organisation => notifications.remove_webhook(actor, &id).await?,
            WebhookScope::Account => notifications.remove_own_webhook(actor, &id).await?,
        }
        Ok::<_, Refusal>(host)
    };
    match removed.await {
        Ok(host) => flash::redirect(scope.paths().list, &Flash::WebhookRemoved(host), &state.url),
        Err(refusal) => again(state, caller, &path, String::new(), refusal).await,
    }
}

/// Host and port of a webhook.
async fn host(
    scope: WebhookScope,
    state: &AppState,
    actor: &Actor,
    id: &str,
) -> Result<String, Refusal> {
    let notifications = state.postern.notifications();
    let listed = match scope {
        WebhookScope::Organisation => notifications.webhooks(actor).await?,
        WebhookScope::Account => notifications.own_webhooks(actor).await?,
    };
    let found = listed.iter().find(|webhook| webhook.id == id);
    let webhook = found.ok_or_else(|| {
        let text = "There is no such webhook. It may have been removed.";
        Refusal::of(Kind::NotFound, "id", text)
    })?;
    Ok(webhook_host(&webhook.url).to_owned())
}
