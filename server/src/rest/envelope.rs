//! The envelope of every answer: `{"status":"success","data":…}`, or `{"status":"error","errors":
//! {field: text}}` with the status that the refusal's kind has.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{Kind, Refusal};
use serde_json::{Map, Value, json};

/// What was asked for: `data`, and what stands beside it.
pub struct Success(pub Map<String, Value>);

impl Success {
    pub fn new(data: Value) -> Self {
        Self(Map::from_iter([("data".to_owned(), data)]))
    }

    #[must_use]
    pub fn beside(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

impl IntoResponse for Success {
    fn into_response(mut self) -> Response {
        self.0.insert("status".to_owned(), "success".into());
        Json(self.0).into_response()
    }
}

/// A refusal as an answer.
pub struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refusal {
            kind,
            fields,
            retry_after,
        } = self.0;
        let status =
            StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Json(json!({ "status": "error", "errors": fields }));
        let mut response = (status, body).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if kind == Kind::Unauthenticated {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A refusal as a response.
pub fn refuse(refusal: Refusal) -> Response {
    Refused(refusal).into_response()
}
