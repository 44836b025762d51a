//! A test mail with the saved configuration of a relay: its result, and its failure as text.

#![allow(
    unused_qualifications,
    reason = "the code that utoipa generates qualifies its paths"
)]

use domain::cause::Finding;
use domain::diagnosis::event::{Elapsed, Outcome};
use domain::settings::PasswordChange;
use domain::{Event, Failure, Kind, Refusal};
use engine::{Actor, Diagnosis, RECIPIENT};
use futures::{StreamExt, pin_mut};
use serde::Serialize;
use utoipa::ToSchema;

/// The relay accepted the test mail.
#[derive(Serialize, ToSchema)]
pub struct TestSent {
    /// The relay's reply to the end of the mail.
    #[schema(example = "250 2.0.0 Ok: queued as 4bT1Zy2sXz")]
    reply: String,
    /// The duration of the whole test in milliseconds.
    milliseconds: Elapsed,
    /// As in `TLS 1.3`; null when nothing was encrypted.
    #[schema(example = "TLS 1.3")]
    encryption: Option<String>,
    /// The Message-ID of the test mail.
    #[schema(example = "<01M7VNZG4G8Q2X5T7B9C3D6EFH@example.org>")]
    message_id: String,
}

/// Sends a test mail with the saved configuration of a relay. Dropping the future cancels the test.
///
/// # Errors
/// As [`Diagnosis::test`]; [`Kind::RelayFailed`] or [`Kind::RelayTimedOut`] under [`RECIPIENT`] where the
/// mail was not accepted.
pub async fn send(
    diagnosis: &Diagnosis,
    actor: &Actor,
    address: String,
) -> Result<TestSent, Refusal> {
    let events = diagnosis
        .test(actor, None, PasswordChange::Keep, address)
        .await?;
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Event::Finished(summary) = event else {
            continue;
        };
        match summary.outcome {
            Outcome::Sent {
                reply, message_id, ..
            } => {
                return Ok(TestSent {
                    reply: reply.to_line(),
                    milliseconds: summary.milliseconds,
                    encryption: summary.encryption,
                    message_id,
                });
            }
            Outcome::Failed { failure, cause } => {
                let kind = if failure.is_timeout() {
                    Kind::RelayTimedOut
                } else {
                    Kind::RelayFailed
                };
                let text = explained(&failure, cause);
                return Err(Refusal::of(kind, RECIPIENT, text));
            }
            Outcome::Passed => {}
        }
    }
    Err(Refusal::internal())
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
