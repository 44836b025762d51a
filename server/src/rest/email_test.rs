//! `POST /api/setup/email_test/{address}`: a test mail with the saved configuration.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::event::Outcome;
use domain::view::PasswordChange;
use domain::{Event, Kind, Refusal};
use engine::RECIPIENT;
use futures::{StreamExt, pin_mut};
use serde_json::json;

use super::envelope::{Refused, Success};
use crate::http::{AppState, Caller};

/// Answers when the relay has taken the mail, or with what went wrong under `email_send`: 502, or
/// 504 when time ran out. Hanging up cancels the test.
pub async fn send(
    State(state): State<AppState>,
    caller: Caller,
    address: Result<Path<String>, PathRejection>,
) -> Result<Success, Refused> {
    let actor = caller.signed_in()?;
    let Path(address) = address.map_err(|_| {
        let text = "This is not an address: it is no text in UTF-8.";
        Refusal::of(Kind::Invalid, RECIPIENT, text)
    })?;
    let events = state
        .postern
        .diagnosis()
        .test(actor, None, PasswordChange::Keep, address)
        .await?;
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Event::Over(over) = event else { continue };
        match over.outcome {
            Outcome::Sent {
                reply, message_id, ..
            } => {
                return Ok(Success::new(json!({
                    "reply": reply.to_line(),
                    "milliseconds": over.milliseconds,
                    "encryption": over.encryption,
                    "message_id": message_id,
                })));
            }
            Outcome::Failed { failure, cause } => {
                let kind = if failure.is_timeout() {
                    Kind::RelayTimedOut
                } else {
                    Kind::RelayFailed
                };
                let mut text = sentence(&failure.to_string());
                for more in cause.into_iter().flat_map(|cause| {
                    let steps = cause.steps.iter().copied();
                    std::iter::once(cause.cause).chain(steps)
                }) {
                    text.push(' ');
                    text.push_str(more);
                }
                return Err(Refusal::of(kind, RECIPIENT, text).into());
            }
            Outcome::Passed => {}
        }
    }
    Err(Refusal::internal().into())
}

/// What was observed, as a sentence of its own. A host name in front stays as it is.
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
