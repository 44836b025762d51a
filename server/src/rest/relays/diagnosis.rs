//! `POST /api/diagnosis`: diagnoses a relay stage by stage.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{Event, Refusal, Trace};
use engine::{Action, Actor, Diagnosis};
use serde::Deserialize;
use utoipa::ToSchema;

use super::settings_fields::{Absent, SettingsFields};
use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Restricted, Throttled};
use crate::rest::response::event_stream::respond;

/// The configuration to diagnose, and the last stage. By default the saved configuration up to MAIL.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "to": "desk@example.org" }))]
pub struct DiagnosisRequest {
    /// Fields that override the saved ones.
    #[serde(default, deserialize_with = "lenient")]
    data: SettingsFields,
    /// The recipient of RCPT. If it is absent, RCPT is not sent.
    #[serde(default, deserialize_with = "lenient")]
    to: Option<String>,
    /// Whether to send a test mail to `to`. By default no mail is sent.
    #[serde(default, deserialize_with = "lenient")]
    send: bool,
}

impl Administrative for DiagnosisRequest {
    const ACTION: Action = Action::Diagnose;
}

/// Diagnose a relay
///
/// The status is 200 for every result of the relay: the response has a JSON line for each event as it
/// happens, or with `Accept: application/json` one document at the end. Closing the connection ends the
/// diagnosis. Four run at a time, and an account starts twelve a minute.
#[utoipa::path(
    post,
    path = "/api/diagnosis",
    tag = "Configuration",
    request_body = DiagnosisRequest,
    responses(
        (
            status = 200,
            description = "The events, or the document of all of them",
            content((Event = "application/x-ndjson"), (Success<Trace> = "application/json"))
        ),
        Restricted,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn diagnose(
    State(state): State<AppState>,
    headers: HeaderMap,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<DiagnosisRequest>,
) -> Result<Response, Refused> {
    let question = request.validate(faults)?;
    run(state.postern.diagnosis(), &actor, question, &headers).await
}

/// Diagnoses a relay, and answers in the media type that the headers accept.
pub async fn run(
    diagnosis: &Diagnosis,
    actor: &Actor,
    question: engine::DiagnosisRequest,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    let events = diagnosis.diagnose(actor, question).await?;
    Ok(respond(headers, events, Trace::apply).await)
}

impl DiagnosisRequest {
    /// # Errors
    /// [`domain::Kind::Invalid`] with all faults of the body.
    pub fn validate(self, faults: Faults) -> Result<engine::DiagnosisRequest, Refusal> {
        let (edit, password) = self.data.read(Absent::AsSaved, &faults);
        faults.into_result()?;
        Ok(engine::DiagnosisRequest {
            edit,
            password,
            typed: None,
            recipient: self.to,
            mail: self.send,
            until_sign_in: false,
            default_sender: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::request::extract::JsonBody;
    use domain::Label;
    use domain::settings::form::Edit;
    use serde_json::{Value, json};

    fn read(body: Value) -> Result<engine::DiagnosisRequest, Vec<String>> {
        JsonBody::<DiagnosisRequest>::decode(body.to_string().as_bytes())
            .and_then(|JsonBody { request, faults }| request.validate(faults))
            .map_err(|refusal| refusal.fields.into_keys().collect())
    }

    #[test]
    fn omitted_fields_have_the_saved_values() {
        assert_eq!(read(json!({})).expect("read").edit, Edit::default());
        let asked =
            read(json!({ "data": { "smtp_port": 25 }, "to": "a@example.org", "send": true }));
        let asked = asked.expect("read");
        assert_eq!(asked.edit.0.len(), 1);
        assert_eq!(asked.edit.0.get(&Label::Port), Some(&Some("25".to_owned())));
        assert_eq!(
            (asked.recipient.as_deref(), asked.mail),
            (Some("a@example.org"), true)
        );
    }

    #[test]
    fn faults_are_reported_by_field() {
        for (body, fields) in [
            (json!({ "data": 1 }), &["data"][..]),
            (json!({ "to": 1, "send": 1, "x": 1 }), &["send", "to", "x"]),
            (json!({ "data": { "smtp_host": null } }), &["smtp_host"]),
        ] {
            assert_eq!(read(body.clone()).expect_err("refused"), fields, "{body}");
        }
    }
}
