//! `POST /api/setup/email_test/{address}`: a test mail with the saved configuration.

use axum::extract::State;
use domain::cause::Finding;
use domain::event::{Elapsed, Outcome};
use domain::view::PasswordChange;
use domain::{Event, Failure, Kind, Refusal};
use engine::{Actor, Diagnosis, RECIPIENT};
use futures::{StreamExt, pin_mut};
use serde::Serialize;
use utoipa::ToSchema;

use super::envelope::{Refused, Success};
use super::errors::{Always, RelayRefusals, Restricted, Throttled};
use super::extract::{PathParams, SignedIn};
use crate::http::AppState;

/// The relay accepted the test mail.
#[derive(Serialize, ToSchema)]
pub struct TestSent {
    /// The relay's reply to the end of the mail.
    reply: String,
    /// The duration of the whole test in milliseconds.
    milliseconds: Elapsed,
    /// As in `TLS 1.3`; null when nothing was encrypted.
    encryption: Option<String>,
    /// The Message-ID of the test mail.
    message_id: String,
}

/// Send a test mail
///
/// Uses the saved configuration. The response follows when the relay has accepted the mail, or has
/// the failure under `email_send`. Closing the connection cancels the test. An account sends six a
/// minute.
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
    let events = diagnosis
        .test(actor, None, PasswordChange::Keep, address)
        .await?;
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Event::Over(over) = event else { continue };
        match over.outcome {
            Outcome::Sent {
                reply, message_id, ..
            } => {
                return Ok(Success::new(TestSent {
                    reply: reply.to_line(),
                    milliseconds: over.milliseconds,
                    encryption: over.encryption,
                    message_id,
                }));
            }
            Outcome::Failed { failure, cause } => {
                let kind = if failure.is_timeout() {
                    Kind::RelayTimedOut
                } else {
                    Kind::RelayFailed
                };
                let text = explained(&failure, cause);
                return Err(Refusal::of(kind, RECIPIENT, text).into());
            }
            Outcome::Passed => {}
        }
    }
    Err(Refusal::internal().into())
}

/// A failure with its cause and the steps of its repair, as sentences.
pub fn explained(failure: &Failure, cause: Option<Finding>) -> String {
    let mut text = sentence(&failure.to_string());
    for more in cause.into_iter().flat_map(|found| {
        let steps = found.cause.steps.iter().copied();
        std::iter::once(found.cause.cause).chain(steps)
    }) {
        text.push(' ');
        text.push_str(more);
    }
    text
}

/// An observation as a sentence. A host name in front keeps its case.
fn sentence(observed: &str) -> String {
    let mut sentence = observed.trim_end().to_owned();
    let word = sentence.split(' ').next().unwrap_or_default();
    if word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && let Some(first) = sentence.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
