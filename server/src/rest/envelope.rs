//! The envelope of every answer: `{"status":"success","data":…}`, or `{"status":"error","errors":
//! {field: text}}` with the status that the refusal's kind has.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use domain::{Kind, Refusal};
use serde_json::{Map, Value, json};

use crate::http::with_status;

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
        let Self(refusal) = self;
        let body = Json(json!({ "status": "error", "errors": refusal.fields }));
        let mut response = with_status(body.into_response(), &refusal);
        if refusal.kind == Kind::Unauthenticated {
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
