//! Extractors whose rejections are refusals in the envelope.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use domain::{Kind, Refusal};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::envelope::Refused;
use super::json::{self, Faults, Json};
use crate::http::BODY_MAX;

/// How many bytes of a refused body are read: a client that still sends when the connection closes
/// never reads the response.
pub const DISCARDED: usize = 16 * 1024 * 1024;

/// A body that is a JSON object, decoded, with the faults of its types. Validation adds its own, so
/// that all are reported at once.
pub struct JsonBody<T> {
    pub request: T,
    pub faults: Faults,
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let media_type = require_json(request.headers());
        let bytes = read(request.into_body()).await?;
        media_type?;
        Ok(Self::decode(&bytes)?)
    }
}

impl<T: DeserializeOwned + Default> JsonBody<T> {
    /// Decodes a body.
    ///
    /// # Errors
    /// [`Kind::BadRequest`] where it is no JSON object.
    pub fn decode(body: &[u8]) -> Result<Self, Refusal> {
        const OBJECT: &str = "This is not a JSON object";
        let value = json::parse(body, OBJECT)?;
        if !matches!(value, Json::Object(_)) {
            return Err(Refusal::new(Kind::BadRequest, format!("{OBJECT}.")));
        }
        let faults = Faults::default();
        let request = json::decode(value, json::Path::Body, &faults).unwrap_or_default();
        Ok(Self { request, faults })
    }
}

/// Requires the media type `application/json`.
///
/// # Errors
/// [`Kind::UnsupportedMediaType`]
pub fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
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

/// The refusal of a body that ends early.
pub fn incomplete() -> Refusal {
    let text = "The body is incomplete. Send it again.";
    Refusal::new(Kind::BadRequest, text)
}

async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|_| incomplete())?;
        length += chunk.len();
        if length <= BODY_MAX {
            bytes.extend_from_slice(&chunk);
        } else if length > DISCARDED {
            break;
        }
    }
    if length > BODY_MAX {
        let text = format!("A body has at most {} KiB here.", BODY_MAX / 1024);
        return Err(Refusal::new(Kind::TooLarge, text));
    }
    Ok(bytes)
}

/// The parameters in the path.
pub struct PathParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathParams<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Path(params) = Path::from_request_parts(parts, state).await.map_err(|_| {
            let text = "The path is not UTF-8 once its %-escapes are decoded.";
            Refusal::new(Kind::Invalid, text)
        })?;
        Ok(Self(params))
    }
}

/// The parameters in the query. Unknown ones are ignored.
pub struct QueryParams<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(|_| {
            let text = "The query has a name twice or is malformed.";
            Refusal::new(Kind::Invalid, text)
        })?;
        Ok(Self(params))
    }
}
