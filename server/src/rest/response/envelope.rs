//! The envelope of every response: `{"status":"success","data":…}`, or the errors by field.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use domain::{Kind, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::refusal_status::with_status;

/// The response to a request that succeeded.
#[derive(Serialize, ToSchema)]
pub struct Success<T> {
    /// The status, always `success`.
    #[schema(value_type = String, pattern = "^success$", example = json!(SUCCESS))]
    status: &'static str,
    data: T,
}

impl<T> Success<T> {
    pub fn new(data: T) -> Self {
        Self {
            status: SUCCESS,
            data,
        }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// The status in the envelope of a response that is not an error.
pub const SUCCESS: &str = "success";

/// The response has no data.
#[derive(Serialize, ToSchema)]
pub struct Nothing {}

/// The response to a request that was refused: each text names the fault and the repair.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "status": "error",
    "errors": { "to": "This is not an e-mail address: it has no “@”." },
}))]
pub struct ErrorEnvelope {
    /// The status, always `error`.
    #[schema(value_type = String, pattern = "^error$")]
    status: &'static str,
    /// The faults by field; a fault that concerns no field is under `request`.
    errors: BTreeMap<String, String>,
}

/// A refusal as a response body.
pub struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Refused> for Refusal {
    fn from(Refused(refusal): Refused) -> Self {
        refusal
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        let body = Json(ErrorEnvelope {
            status: "error",
            errors: refusal.fields.clone(),
        });
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
