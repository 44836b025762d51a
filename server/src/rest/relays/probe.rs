//! `POST /api/probe`: tries the ways to reach a relay at once.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{ProbeEvent, ProbeReport, Refusal};
use engine::Action;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::state::AppState;
use crate::rest::request::extract::{AdminBody, Administrative};
use crate::rest::request::json::{Faults, lenient};
use crate::rest::response::envelope::{Refused, Success};
use crate::rest::response::errors::{Always, JsonRefused, Restricted, Throttled};
use crate::rest::response::event_stream::respond;

/// What to probe: a host, or the hosts that DNS names for the domain of an address. With both, the
/// host is probed, and the address becomes the recommended user name.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({ "host": "smtp.example.org" }))]
pub struct ProbeRequest {
    /// A host name or an IP address.
    #[serde(default, deserialize_with = "lenient")]
    host: Option<String>,
    /// An e-mail address.
    #[serde(default, deserialize_with = "lenient")]
    address: Option<String>,
    /// A port to try in addition to 465, 587, 2525 and 25.
    #[serde(default, deserialize_with = "lenient")]
    port: Option<Port>,
}

impl Administrative for ProbeRequest {
    const ACTION: Action = Action::Probe;
}

/// As a number, or as the text of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "This is a string, or a whole number.")]
enum Port {
    Number(u64),
    Text(String),
}

/// Probe a relay
///
/// The status is 200 for every result: the response has a JSON line for each event as it happens, or
/// with `Accept: application/json` one document at the end. Closing the connection ends the probe. No
/// password is sent. Four run at a time, and an account starts twelve a minute.
#[utoipa::path(
    post,
    path = "/api/probe",
    tag = "Configuration",
    request_body = ProbeRequest,
    responses(
        (
            status = 200,
            description = "The events, or the document of all of them",
            content((ProbeEvent = "application/x-ndjson"), (Success<ProbeReport> = "application/json"))
        ),
        Restricted,
        JsonRefused,
        Throttled,
        Always,
    )
)]
pub async fn probe(
    State(state): State<AppState>,
    headers: HeaderMap,
    AdminBody {
        actor,
        request,
        faults,
    }: AdminBody<ProbeRequest>,
) -> Result<Response, Refused> {
    let events = state
        .postern
        .diagnosis()
        .probe(&actor, request.validate(faults)?)
        .await?;
    Ok(respond(&headers, events, ProbeReport::apply).await)
}

impl ProbeRequest {
    fn validate(self, faults: Faults) -> Result<engine::ProbeRequest, Refusal> {
        faults.into_result()?;
        Ok(engine::ProbeRequest {
            host: self.host.unwrap_or_default(),
            address: self.address.unwrap_or_default(),
            port: match self.port {
                Some(Port::Number(number)) => number.to_string(),
                Some(Port::Text(text)) => text,
                None => String::new(),
            },
            form: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::request::extract::JsonBody;
    use serde_json::{Value, json};

    #[test]
    fn faults_are_reported_by_field() {
        let read = |body: Value| {
            JsonBody::<ProbeRequest>::decode(body.to_string().as_bytes())
                .and_then(|JsonBody { request, faults }| request.validate(faults))
        };
        let found = read(json!({ "host": "a.example", "port": 25 })).expect("read");
        assert_eq!(
            (found.host.as_str(), found.port.as_str()),
            ("a.example", "25")
        );
        for (body, fields) in [
            (
                json!({ "host": 1, "address": [] }),
                &["address", "host"][..],
            ),
            (
                json!({ "port": true, "password": "x" }),
                &["password", "port"],
            ),
        ] {
            let refusal = read(body.clone()).expect_err("refused");
            assert_eq!(refusal.fields.keys().collect::<Vec<_>>(), fields, "{body}");
        }
    }
}
