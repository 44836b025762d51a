//! `POST /api/smtp/test`: tests whether a relay accepts the sign-in.

use domain::diagnosis::event::Outcome;
use domain::{Event, Kind, Refusal};
use engine::DiagnosisRequest;
use futures::{StreamExt, pin_mut};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusals::SmtpRefused;
use super::request::SmtpBody;
use crate::http::state::AppState;
use crate::test_mail::explained;

/// The relay accepts the sign-in.
#[derive(Serialize, ToSchema)]
pub struct TestPassed {
    /// The result of the test, always true.
    #[schema(example = true)]
    success: bool,
    #[schema(example = "smtp.example.org:465 works with TLS 1.3.")]
    message: String,
}

/// Connects to the relay of a body and signs in.
pub async fn run(state: &AppState, body: SmtpBody) -> Result<TestPassed, SmtpRefused> {
    let actor = body.caller.clone();
    let relay = state.postern.settings().account_relay(&actor).await?;
    let typed = body.validate(state, &relay.own.form).await?;
    let request = DiagnosisRequest {
        edit: typed.edit,
        password: typed.password,
        until_sign_in: true,
        ..DiagnosisRequest::default()
    };
    let diagnosis = state.postern.diagnosis().of_account(&actor)?;
    let events = diagnosis.diagnose(&actor, request).await?;
    pin_mut!(events);
    let mut relay = String::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Started { relay: name, .. } => relay = name,
            Event::Finished(summary) => match summary.outcome {
                Outcome::Passed | Outcome::Sent { .. } => {
                    let encryption = summary.encryption.map_or_else(
                        || "without encryption".to_owned(),
                        |encryption| format!("with {encryption}"),
                    );
                    return Ok(TestPassed {
                        success: true,
                        message: format!("{relay} works {encryption}."),
                    });
                }
                Outcome::Failed { failure, cause } => {
                    let kind = match failure.is_timeout() {
                        true => Kind::RelayTimedOut,
                        false => Kind::RelayFailed,
                    };
                    return Err(Refusal::new(kind, explained(&failure, cause)).into());
                }
            },
            _ => {}
        }
    }
    Err(Refusal::internal().into())
}
