//! `/api/keys`: the keys of stored secrets and of browsers, their rotation and retirement.

use axum::Json;
use axum::extract::State;
use domain::Timestamp;
use domain::crypto::jwe::Jwk;
use domain::crypto::keys::{
    BrowserKeyView, KeysView, SealedCount, SealedKind, SealingKeyState, SealingKeyView,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::extract::{PathParams, SignedIn};
use super::response::envelope::{Refused, Success};
use super::response::errors::{Always, KeyInUse, Missing, Restricted, Throttled};
use crate::http::state::AppState;

/// The number of values of a kind that a key seals.
#[derive(Serialize, ToSchema)]
pub struct ApiSealedCount {
    kind: SealedKind,
    #[schema(example = 2)]
    number: i64,
}

impl From<SealedCount> for ApiSealedCount {
    fn from(SealedCount { kind, number }: SealedCount) -> Self {
        Self { kind, number }
    }
}

/// A key of stored secrets.
#[derive(Serialize, ToSchema)]
pub struct ApiSealingKey {
    /// The id, which is the name of the key file in the folder `keys` without `.key`.
    #[schema(example = "01M3XT1500C7D9E1F3G5H7J9K2")]
    id: String,
    #[schema(format = DateTime, example = "2026-10-02T08:00:00Z")]
    created: String,
    /// The state of the key in the process that answers.
    state: SealingKeyState,
    /// Whether the key file is missing, so that the process that answers has the key only until it ends.
    in_memory_only: bool,
    /// The values that the key seals, by kind.
    values: Vec<ApiSealedCount>,
}

impl From<SealingKeyView> for ApiSealingKey {
    fn from(view: SealingKeyView) -> Self {
        Self {
            id: view.id,
            created: view.created_at.rfc3339(),
            state: view.state,
            in_memory_only: view.is_in_memory_only,
            values: view.values.into_iter().map(Into::into).collect(),
        }
    }
}

/// A key that browsers seal passwords for.
#[derive(Serialize, ToSchema)]
pub struct ApiBrowserKey {
    /// The id, the `kid` of the published key.
    #[schema(example = "01M3XT1500C7D9E1F3G5H7J9K7")]
    id: String,
    #[schema(format = DateTime, example = "2026-11-20T05:00:00Z")]
    created: String,
    /// Whether the key is the published one.
    #[schema(example = true)]
    published: bool,
    /// The time until which passwords sealed for this key are accepted.
    #[schema(format = DateTime, example = "2026-11-21T06:00:00Z")]
    accepted_until: String,
    /// The number of passwords that were sealed for this key and used.
    #[schema(example = 3)]
    uses: i64,
}

impl From<BrowserKeyView> for ApiBrowserKey {
    fn from(view: BrowserKeyView) -> Self {
        Self {
            id: view.id,
            created: view.created_at.rfc3339(),
            published: view.is_published,
            accepted_until: view.accepted_until.rfc3339(),
            uses: view.uses,
        }
    }
}

/// All keys, newest first.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// The keys of stored secrets.
    sealing: Vec<ApiSealingKey>,
    browser: Vec<ApiBrowserKey>,
    /// The number of sealed values.
    #[schema(example = 2)]
    values: i64,
    /// The number of values that are not yet sealed with the active key.
    #[schema(example = 0)]
    to_seal_anew: i64,
    /// The number of values that must be entered or made again because their key is lost.
    #[schema(example = 0)]
    to_enter_again: i64,
    /// The nodes without the file of the waiting key, by host and folder.
    #[schema(example = json!([]))]
    without_file: Vec<String>,
    /// When the active key was made, if it is due for rotation; null otherwise.
    #[schema(format = DateTime)]
    due_since: Option<String>,
}

impl From<KeysView> for KeyList {
    fn from(view: KeysView) -> Self {
        Self {
            values: view.number(),
            to_seal_anew: view.to_seal_anew(),
            to_enter_again: view.to_enter_again(),
            due_since: view.due_for_rotation().map(Timestamp::rfc3339),
            sealing: view.sealing.into_iter().map(Into::into).collect(),
            browser: view.browser.into_iter().map(Into::into).collect(),
            without_file: view.without_file,
        }
    }
}

/// Read the public key for passwords
///
/// An RSA key (RFC 7517) without an envelope or authentication. Passwords are sealed for it: a JWE
/// in compact serialisation with `RSA-OAEP-256` and `A256GCM`.
#[utoipa::path(
    get,
    path = "/api/keys/browser",
    tag = "Configuration",
    security(()),
    responses((status = 200, description = "The key", body = Jwk), Always)
)]
pub async fn browser(State(state): State<AppState>) -> Result<Json<Jwk>, Refused> {
    Ok(Json(state.postern.keys().browser_key().await?))
}

/// List the keys
///
/// Lists the keys with their ages and states, and the number of values that each seals.
#[utoipa::path(
    get,
    path = "/api/keys",
    tag = "Keys",
    responses(
        (status = 200, description = "The keys", body = Success<KeyList>),
        Restricted,
        Always,
    )
)]
pub async fn list(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<KeyList>, Refused> {
    let view = state.postern.sealing_keys().list(&actor).await?;
    Ok(Success::new(view.into()))
}

/// Rotate the key of stored secrets
///
/// Makes a key that seals values from now on, or with several nodes, as soon as each has its file.
/// Values of other keys are sealed with it in the background. At most six keys a minute are made.
#[utoipa::path(
    post,
    path = "/api/keys",
    tag = "Keys",
    responses(
        (status = 200, description = "Made", body = Success<KeyList>),
        Restricted,
        KeyInUse,
        Throttled,
        Always,
    )
)]
pub async fn rotate(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<KeyList>, Refused> {
    let view = state.postern.sealing_keys().rotate(&actor).await?;
    Ok(Success::new(view.into()))
}

/// Rotate the key for passwords
///
/// Makes and publishes a key. Passwords that were sealed for the previous key are accepted for another
/// hour.
#[utoipa::path(
    post,
    path = "/api/keys/browser",
    tag = "Keys",
    responses(
        (status = 200, description = "Made", body = Success<KeyList>),
        Restricted,
        Throttled,
        Always,
    )
)]
pub async fn rotate_browser(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
) -> Result<Success<KeyList>, Refused> {
    let keys = state.postern.sealing_keys();
    let view = keys.rotate_browser_key(&actor).await?;
    Ok(Success::new(view.into()))
}

/// Retire a key of stored secrets
///
/// Retires a key that seals no value any more. Every node deletes its file.
#[utoipa::path(
    delete,
    path = "/api/keys/{id}",
    tag = "Keys",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (status = 200, description = "Retired", body = Success<KeyList>),
        Restricted,
        Missing,
        KeyInUse,
        Always,
    )
)]
pub async fn retire(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Success<KeyList>, Refused> {
    let view = state.postern.sealing_keys().retire(&actor, &id).await?;
    Ok(Success::new(view.into()))
}
