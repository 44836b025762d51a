//! `/api/webhooks`: endpoints that events are posted to, and the last deliveries.

use axum::extract::State;
use domain::Timestamp;
use domain::settings::PasswordState;
use domain::webhook::{WebhookChange, WebhookDelivery, WebhookDeliveryState, WebhookView};
use engine::{Action, WebhookOwner, Webhooks};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::extract::{AdminBody, Administrative, PathParams, SignedIn};
use super::request::json::lenient;
use super::response::envelope::{Nothing, Refused, Success};
use super::response::errors::{Always, Clashing, JsonRefused, Missing, Restricted};
use crate::http::state::AppState;

/// A delivery of an event.
#[derive(Serialize, ToSchema)]
pub struct ApiWebhookDelivery {
    /// The id in the header `webhook-id`, the same in every attempt.
    #[schema(example = "01M7VNZG4GY3Z5A7B9C1D3E5F7")]
    event_id: String,
    /// The type of the event: `relay.down`, `relay.degraded`, `relay.recovered` or `webhook.test`; for a
    /// webhook of an account `message.delivered`, `message.deferred`, `message.failed` or
    /// `webhook.test`.
    #[schema(example = "relay.down")]
    event: String,
    /// The state; `cancelled` if the webhook was switched off before the delivery.
    state: WebhookDeliveryState,
    #[schema(format = DateTime)]
    created: String,
    #[schema(example = 1)]
    attempts: i64,
    /// When the last attempt ended; null before the first.
    #[schema(format = DateTime, example = "2026-11-20T05:13:31Z")]
    attempted: Option<String>,
    /// When the next attempt is due; null if there is none.
    #[schema(format = DateTime)]
    next_attempt: Option<String>,
    /// The HTTP status of the last answer; null if there was none.
    #[schema(example = 204)]
    http_status: Option<i64>,
    /// The beginning of the last answer, or the reason why there was none.
    answer: Option<String>,
}

impl From<WebhookDelivery> for ApiWebhookDelivery {
    fn from(delivery: WebhookDelivery) -> Self {
        Self {
            event_id: delivery.event_id,
            event: delivery.event,
            state: delivery.state,
            created: delivery.created_at.rfc3339(),
            attempts: delivery.attempts,
            attempted: delivery.attempted_at.map(Timestamp::rfc3339),
            next_attempt: delivery.next_attempt_at.map(Timestamp::rfc3339),
            http_status: delivery.status,
            answer: delivery.answer,
        }
    }
}

/// A webhook, without its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiWebhook {
    #[schema(example = "01M3XT1500T8V0W2X4Y6Z1A3B5")]
    id: String,
    #[schema(example = "https://example.org/hooks/postern")]
    url: String,
    /// Whether events are sent.
    #[schema(example = true)]
    enabled: bool,
    /// When the receiver answered 410, which switched the webhook off; null if it did not.
    #[schema(format = DateTime)]
    gone: Option<String>,
    #[schema(format = DateTime, example = "2026-10-02T08:00:00Z")]
    created: String,
    #[schema(example = "admin@example.org")]
    created_by: String,
    /// The state of the secret; `re-enter` if its key is lost. Then events are not sent until a new
    /// secret is made.
    secret: PasswordState,
    /// The number of queued events.
    #[schema(example = 0)]
    queued: i64,
    /// The delivery with the last attempt; null before the first attempt.
    last: Option<ApiWebhookDelivery>,
}

impl From<WebhookView> for ApiWebhook {
    fn from(view: WebhookView) -> Self {
        Self {
            id: view.id,
            url: view.url,
            enabled: view.enabled,
            gone: view.gone_at.map(Timestamp::rfc3339),
            created: view.created_at.rfc3339(),
            created_by: view.created_by,
            secret: match view.is_secret_lost {
                true => PasswordState::ReEnter,
                false => PasswordState::Saved,
            },
            queued: view.queued,
            last: view.last.map(Into::into),
        }
    }
}

/// A webhook that was added.
#[derive(Serialize, ToSchema)]
pub struct CreatedWebhook {
    #[schema(example = "01M3XT1500T8V0W2X4Y6Z1A3B5")]
    pub id: String,
    /// The secret: `whsec_` and 32 octets in Base64, with which the receiver verifies signatures. It is
    /// shown once.
    #[schema(example = "whsec_…")]
    pub secret: String,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
pub struct WebhookSecret {
    /// The secret, which is shown once.
    #[schema(example = "whsec_…")]
    pub secret: String,
}

/// A webhook to add.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "url": "https://example.org/hooks/postern" }))]
pub struct NewWebhookRequest {
    /// The URL, with `https`; `http` is accepted only to this machine, and only for webhooks of the
    /// organisation. The URL has no user, password or fragment.
    #[serde(default, deserialize_with = "lenient")]
    #[schema(required, nullable = false)]
    pub url: Option<String>,
}

impl Administrative for NewWebhookRequest {
    const ACTION: Action = Action::CreateWebhook;
}

/// Fields of a webhook to change. Absent fields keep their value.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "enabled": false }))]
pub struct WebhookUpdate {
    #[serde(default, deserialize_with = "lenient")]
    pub url: Option<String>,
    /// Whether events are sent. False cancels the queued events.
    #[serde(default, deserialize_with = "lenient")]
    pub enabled: Option<bool>,
}

impl Administrative for WebhookUpdate {
    const ACTION: Action = Action::ChangeWebhook;
}

fn webhooks(state: &AppState) -> Webhooks<'_> {
    state
        .postern
        .notifications()
        .webhooks(WebhookOwner::Organisation)
}

/// List the webhooks
///
/// Lists the webhooks with the state of the last delivery. Secrets are never shown.
#[utoipa::path(
    get,
    path = "/api/webhooks",
    tag = "Webhooks",
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

/// Add a webhook
///
/// Events are posted to the URL as JSON, signed by the Standard Webhooks specification. There are at
/// most 10 webhooks.
#[utoipa::path(
    post,
    path = "/api/webhooks",
    tag = "Webhooks",
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
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<NewWebhookRequest>,
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

/// Change a webhook
///
/// Changes the URL, and whether events are sent. The response has the changed webhook.
#[utoipa::path(
    patch,
    path = "/api/webhooks/{id}",
    tag = "Webhooks",
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
    PathParams(id): PathParams<String>,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<WebhookUpdate>,
) -> Result<Success<ApiWebhook>, Refused> {
    faults.into_result()?;
    let change = WebhookChange {
        url: request.url,
        enabled: request.enabled,
    };
    let changed = webhooks(&state).change(&actor, &id, change).await?;
    Ok(Success::new(changed.into()))
}

/// Remove a webhook
///
/// Removes the webhook with its secret and its deliveries. Queued events are not sent.
#[utoipa::path(
    delete,
    path = "/api/webhooks/{id}",
    tag = "Webhooks",
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

/// Make a new secret
///
/// The previous secret becomes invalid with this response: later attempts are signed with the new one.
#[utoipa::path(
    post,
    path = "/api/webhooks/{id}/secret",
    tag = "Webhooks",
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

/// Send a test event
///
/// Sends an event of the type `webhook.test` after the queued events, which are retried at once. The
/// result is in the list of deliveries.
#[utoipa::path(
    post,
    path = "/api/webhooks/{id}/test",
    tag = "Webhooks",
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

/// List the deliveries of a webhook
///
/// Lists the newest 20 deliveries. Finished ones are kept for 30 days.
#[utoipa::path(
    get,
    path = "/api/webhooks/{id}/deliveries",
    tag = "Webhooks",
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
