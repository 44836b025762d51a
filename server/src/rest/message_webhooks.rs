//! `/api/message-webhooks`: the webhooks of an account, which its messages name, and their log.

use axum::extract::State;
use domain::webhook::WebhookChange;
use engine::{WebhookOwner, Webhooks};

use super::request::extract::{JsonBody, PathParams, SignedIn};
use super::response::envelope::{Nothing, Refused, Success};
use super::response::errors::{Always, Clashing, JsonRefused, Missing, Restricted};
use super::webhooks::{
    ApiWebhook, ApiWebhookDelivery, CreatedWebhook, NewWebhookRequest, WebhookSecret, WebhookUpdate,
};
use crate::http::state::AppState;

fn webhooks(state: &AppState) -> Webhooks<'_> {
    state
        .postern
        .notifications()
        .webhooks(WebhookOwner::Account)
}

/// List your webhooks
///
/// Lists the webhooks of your account, which its messages name, with the state of the last delivery.
/// Secrets are never shown.
#[utoipa::path(
    get,
    path = "/api/message-webhooks",
    tag = "Message webhooks",
    responses(
        (status = 200, description = "The webhooks, oldest first", body = Success<Vec<ApiWebhook>>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<Vec<ApiWebhook>>, Refused> {
    let listed = webhooks(&state).list(&actor).await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}

/// Add a webhook to your account
///
/// A message that names the id of the webhook in `webhook` has the events `message.delivered`,
/// `message.deferred` (after each attempt that is followed by another) and `message.failed`, one for
/// each recipient. They are posted to the URL as JSON, signed by the Standard Webhooks specification. An
/// account has at most 10 webhooks. A token needs the scope `admin`, and may have no expiry, senders,
/// limits or highest priority.
#[utoipa::path(
    post,
    path = "/api/message-webhooks",
    tag = "Message webhooks",
    request_body = NewWebhookRequest,
    responses(
        (status = 200, description = "Added", body = Success<CreatedWebhook>),
        Restricted,
        Clashing,
        JsonRefused,
        Always,
    )
)]
pub async fn create(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    JsonBody { request, faults }: JsonBody<NewWebhookRequest>,
) -> Result<Success<CreatedWebhook>, Refused> {
    if request.url.is_none() {
        faults.add_missing("url");
    }
    faults.into_result()?;
    let url = request.url.unwrap_or_default();
    let created = webhooks(&state).create(&actor, &url).await?;
    Ok(Success::new(CreatedWebhook {
        id: created.view.id,
        secret: created.secret.expose().to_owned(),
    }))
}

/// Change a webhook of your account
///
/// Changes the URL, and whether events are sent. The response has the changed webhook.
#[utoipa::path(
    patch,
    path = "/api/message-webhooks/{id}",
    tag = "Message webhooks",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = WebhookUpdate,
    responses(
        (status = 200, description = "Changed", body = Success<ApiWebhook>),
        Restricted,
        Missing,
        Clashing,
        JsonRefused,
        Always,
    )
)]
pub async fn change(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
    JsonBody { request, faults }: JsonBody<WebhookUpdate>,
) -> Result<Success<ApiWebhook>, Refused> {
    faults.into_result()?;
    let change = WebhookChange {
        url: request.url,
        enabled: request.enabled,
    };
    let changed = webhooks(&state).change(&actor, &id, change).await?;
    Ok(Success::new(changed.into()))
}

/// Remove a webhook of your account
///
/// Removes the webhook with its secret and its deliveries. Queued events are not sent, and messages that
/// name the webhook have no further events.
#[utoipa::path(
    delete,
    path = "/api/message-webhooks/{id}",
    tag = "Message webhooks",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Removed", body = Success<Nothing>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn remove(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    webhooks(&state).remove(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}

/// Make a new secret for a webhook of your account
///
/// The previous secret becomes invalid with this response: later attempts are signed with the new one.
#[utoipa::path(
    post,
    path = "/api/message-webhooks/{id}/secret",
    tag = "Message webhooks",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Made", body = Success<WebhookSecret>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn renew_secret(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<WebhookSecret>, Refused> {
    let secret = webhooks(&state).renew_secret(&actor, &id).await?;
    Ok(Success::new(WebhookSecret {
        secret: secret.expose().to_owned(),
    }))
}

/// Send a test event to a webhook of your account
///
/// Sends an event of the type `webhook.test` after the queued events, which are retried at once. The
/// result is in the list of deliveries.
#[utoipa::path(
    post,
    path = "/api/message-webhooks/{id}/test",
    tag = "Message webhooks",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Queued", body = Success<Nothing>),
        Restricted,
        Missing,
        Clashing,
        Always,
    )
)]
pub async fn test(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Nothing>, Refused> {
    webhooks(&state).test(&actor, &id).await?;
    Ok(Success::new(Nothing {}))
}

/// List the deliveries of a webhook of your account
///
/// Lists the newest 20 deliveries. Finished ones are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/message-webhooks/{id}/deliveries",
    tag = "Message webhooks",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "The deliveries, newest first", body = Success<Vec<ApiWebhookDelivery>>),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn deliveries(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<Vec<ApiWebhookDelivery>>, Refused> {
    let listed = webhooks(&state).deliveries(&actor, &id).await?;
    Ok(Success::new(listed.into_iter().map(Into::into).collect()))
}
