//! `POST /api/setup/email_test/{address}`: a test mail with the saved configuration.

use axum::extract::State;
use domain::{Kind, Refusal};
use engine::{Actor, Diagnosis, RECIPIENT};

use crate::http::state::AppState;
use crate::rest::request::extract::{PathParams, SignedIn};
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, RelayRefusals, Restricted, Throttled};
use crate::test_mail::{self, TestSent};

/// Send a test mail
///
/// Sends a test mail with the saved configuration. The response follows when the relay has accepted the
/// mail, or has the failure under `email_send`. Closing the connection cancels the test. An account
/// sends six a minute.
#[utoipa::path(
    post,
    path = "/api/setup/email_test/{address}",
    tag = "Configuration",
    params(("address" = String, Path, description = "The recipient")),
    responses(
        (status = 200, description = "The relay accepted the mail", body = Success<TestSent>),
        Restricted,
        Throttled,
        RelayRefusals,
        Always,
    )
)]
pub async fn send(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    address: Result<PathParams<String>, Refused>,
) -> Result<Success<TestSent>, Refused> {
    let PathParams(address) = address.map_err(|_| not_utf8())?;
    run(state.postern.diagnosis(), &actor, address).await
}

/// The refusal of a recipient in the path.
pub fn not_utf8() -> Refusal {
    let text = "This is not an address: it is not UTF-8.";
    Refusal::of(Kind::Invalid, RECIPIENT, text)
}

/// Sends a test mail with the saved configuration of a relay.
pub async fn run(
    diagnosis: &Diagnosis,
    actor: &Actor,
    address: String,
) -> Result<Success<TestSent>, Refused> {
    let sent = test_mail::send(diagnosis, actor, address).await?;
    Ok(Success::new(sent))
}
