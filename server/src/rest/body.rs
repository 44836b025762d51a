//! A JSON body, or a clear refusal in the envelope.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use domain::{Kind, Refusal};
use futures::StreamExt;
use serde_json::{Map, Value};

use super::envelope::Refused;
use super::once::Once;
use crate::http::BODY_MAX;

/// So much of a body that is too long is read all the same: who still sends when the connection
/// closes never sees the answer.
const READ_ON: usize = 16 * 1024 * 1024;

/// A body that is a JSON object.
pub struct JsonObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = media_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        let is_json = essence.trim().eq_ignore_ascii_case("application/json");
        let bytes = read(request.into_body()).await?;
        if !is_json {
            let text = "Send JSON, with the header “Content-Type: application/json”.";
            return Err(Refusal::new(Kind::UnsupportedMediaType, text).into());
        }
        Ok(Self(parse(&bytes)?))
    }
}

fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let fault = match serde_json::from_slice(bytes) {
        Ok(Once(Value::Object(object))) => return Ok(object),
        Ok(_) => "This is not a JSON object.".to_owned(),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            if error.is_data() {
                format!("A name stands twice in one object: line {line}, column {column}.")
            } else {
                format!("This is not a JSON object: line {line}, column {column}.")
            }
        }
    };
    Err(Refusal::new(Kind::BadRequest, fault))
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|_| {
            let text = "The body did not arrive whole. Send it again.";
            Refusal::new(Kind::BadRequest, text)
        })?;
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
