//! `/api/relays/{id}/…`: the configuration of one relay, read, saved, tested and diagnosed.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Event, Trace};

use super::diagnosis::DiagnosisRequest;
use super::email_smtp::{SaveSettings, SavedSettings, answer};
use super::email_test::not_utf8;
use super::{diagnosis, email_test};
use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, PathParams, SignedIn};
use crate::rest::response::envelope::{Nothing, Refused, Success};
use crate::rest::response::errors::{
    Always, Conflicting, JsonRefused, Missing, RelayRefusals, Restricted, Throttled,
};
use crate::test_mail::TestSent;

/// Read the configuration of a relay
///
/// Returns all fields as they are stored. The ETag is the revision.
#[utoipa::path(
    get,
    path = "/api/relays/{id}/email_smtp",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list")),
    responses(
        (
            status = 200,
            description = "The saved configuration",
            body = SavedSettings,
            headers(("ETag" = String, description = "The revision, quoted"))
        ),
        Restricted,
        Missing,
        Always,
    )
)]
pub async fn read(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    PathParams(id): PathParams<String>,
) -> Result<Response, Refused> {
    answer(&state.postern.settings().of_relay(&id)?, &actor).await
}

/// Save the configuration of a relay
///
/// Saves the configuration like `/api/setup/email_smtp`, which is that of the relay `global`.
#[utoipa::path(
    post,
    path = "/api/relays/{id}/email_smtp",
    tag = "Relays",
    params(
        ("id" = String, Path, description = "The id in the list"),
        (
            "If-Match" = Option<String>,
            Header,
            description = "The ETag of a GET, in the place of `revision`",
            pattern = "^\"[0-9]{1,18}\"$"
        )
    ),
    request_body = SaveSettings,
    responses(
        (status = 200, description = "Saved", body = Success<Nothing>),
        Restricted,
        Missing,
        Conflicting,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn save(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<SaveSettings>,
) -> Result<Success<Nothing>, Refused> {
    let changes = request.validate(&headers, faults)?;
    let settings = state.postern.settings().of_relay(&id)?;
    changes.save(&settings, &actor).await
}

/// Send a test mail through a relay
///
/// Sends a test mail with the saved configuration of the relay, also if it is switched off. The response
/// is that of `/api/setup/email_test`.
#[utoipa::path(
    post,
    path = "/api/relays/{id}/email_test/{address}",
    tag = "Relays",
    params(
        ("id" = String, Path, description = "The id in the list"),
        ("address" = String, Path, description = "The recipient")
    ),
    responses(
        (status = 200, description = "The relay accepted the mail", body = Success<TestSent>),
        Restricted,
        Missing,
        Throttled,
        RelayRefusals,
        Always,
    )
)]
pub async fn test(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    params: Result<PathParams<(String, String)>, Refused>,
) -> Result<Success<TestSent>, Refused> {
    let PathParams((id, address)) = params.map_err(|_| not_utf8())?;
    let diagnosis = state.postern.diagnosis().of_relay(&id)?;
    email_test::run(&diagnosis, &actor, address).await
}

/// Diagnose one relay
///
/// Diagnoses the relay like `/api/diagnosis`, with its saved configuration.
#[utoipa::path(
    post,
    path = "/api/relays/{id}/diagnosis",
    tag = "Relays",
    params(("id" = String, Path, description = "The id in the list")),
    request_body = DiagnosisRequest,
    responses(
        (
            status = 200,
            description = "The events, or the document of all of them",
            content((Event = "application/x-ndjson"), (Success<Trace> = "application/json"))
        ),
        Restricted,
        Missing,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn diagnose(
    State(state): State<AppState>,
    PathParams(id): PathParams<String>,
    headers: HeaderMap,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<DiagnosisRequest>,
) -> Result<Response, Refused> {
    let question = request.validate(faults)?;
    let relay = state.postern.diagnosis().of_relay(&id)?;
    diagnosis::run(&relay, &actor, question, &headers).await
}
