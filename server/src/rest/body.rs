//! A JSON body, or a clear refusal in the envelope.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use domain::{Kind, Refusal};
use futures::StreamExt;
use serde_json::{Map, Value};

use super::envelope::Refused;
use super::once::Once;
use crate::http::BODY_MAX;

/// So much of a body that is refused is read all the same: who still sends when the connection
/// closes never sees the answer.
pub const READ_ON: usize = 16 * 1024 * 1024;

/// A body that is a JSON object.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let typed = json_type(request.headers());
        let bytes = read(request.into_body()).await?;
        typed?;
        Ok(Self(parse(&bytes)?))
    }
}

/// Whether a body says that it is JSON.
pub fn json_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let text = "Send JSON, with the header “Content-Type: application/json”.";
    Err(Refusal::new(Kind::UnsupportedMediaType, text))
}

const OBJECT: &str = "This is not a JSON object";

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(bytes) {
        Ok(Once(Value::Object(object))) => Ok(object),
        Ok(_) => Err(Refusal::new(Kind::BadRequest, format!("{OBJECT}."))),
        Err(error) => Err(unreadable(&error, OBJECT)),
    }
}

/// What is wrong with JSON, and where. A data error is one of ours and tells its fault itself; any
/// other is told as `other`.
pub fn unreadable(error: &serde_json::Error, other: &str) -> Refusal {
    let (line, column) = (error.line(), error.column());
    let told = error.to_string();
    let fault = match told.split(" at line ").next() {
        Some(fault) if error.is_data() => fault,
        _ => other,
    };
    let text = format!("{fault}: line {line}, column {column}.");
    Refusal::new(Kind::BadRequest, text)
}

/// What to say of a body that ends in its midst.
pub fn torn() -> Refusal {
    let text = "The body did not arrive whole. Send it again.";
    Refusal::new(Kind::BadRequest, text)
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|_| torn())?;
        length += chunk.len();
        if length <= BODY_MAX {
            bytes.extend_from_slice(&chunk);
        } else if length > READ_ON {
            break;
        }
    }
    if length > BODY_MAX {
        let text = format!("A body has at most {} KiB here.", BODY_MAX / 1024);
        return Err(Refusal::new(Kind::TooLarge, text));
    }
    Ok(bytes)
}
