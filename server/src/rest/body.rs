//! A JSON body, or a clear refusal in the envelope.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use domain::{Kind, Refusal};
use serde_json::{Map, Value};

use super::envelope::Refused;
use crate::http::BODY_MAX;

/// A body that is a JSON object.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = media_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            let text = "Send JSON, with the header “Content-Type: application/json”.";
            return Err(Refusal::new(Kind::UnsupportedMediaType, text).into());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let object = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!(
                "This is not a JSON object: line {}, column {}.",
                error.line(),
                error.column()
            );
            Refusal::new(Kind::BadRequest, text)
        })?;
        Ok(Self(object))
    }
}

fn unread(rejection: BytesRejection) -> Refusal {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let text = format!("A body has at most {} KiB here.", BODY_MAX / 1024);
        return Refusal::new(Kind::TooLarge, text);
    }
    Refusal::new(
        Kind::BadRequest,
        "The body did not arrive whole. Send it again.",
    )
}
