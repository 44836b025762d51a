//! Refusals of `/api/smtp/…`: a text under `error`, and the texts by field.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use domain::{Kind, Label, Refusal};
use serde::Serialize;
use utoipa::openapi::header::Header;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::http::refusal_status::with_status;
use crate::rest::response::envelope::Refused;
use crate::rest::response::errors::{INTERNAL, MISDIRECTED};

/// The prefix of the paths of these operations.
pub const FOLDER: &str = "/api/smtp/";

/// The path of a test.
pub const TEST: &str = "/api/smtp/test";

/// The answer to a request that was refused, or to a test that failed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "error": "This field is required.",
    "errors": { "host": "This field is required." },
}))]
pub struct SmtpError {
    /// The result of a test, always false.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// The fault and its repair.
    error: String,
    /// The faults by field; a fault that concerns no field is under `request`.
    errors: BTreeMap<String, String>,
}

/// A refusal as a response of these operations.
pub struct SmtpRefused {
    refusal: Refusal,
    of_test: bool,
}

impl SmtpRefused {
    /// The refusal as the answer to a test.
    pub fn of_test(self) -> Self {
        Self {
            of_test: true,
            ..self
        }
    }
}

impl From<Refusal> for SmtpRefused {
    fn from(mut refusal: Refusal) -> Self {
        let fields = std::mem::take(&mut refusal.fields);
        for (field, text) in fields {
            let text = match refusal.fields.remove(named(&field)) {
                Some(other) => format!("{other} {text}"),
                None => text,
            };
            refusal.fields.insert(named(&field).to_owned(), text);
        }
        Self {
            refusal,
            of_test: false,
        }
    }
}

impl From<Refused> for SmtpRefused {
    fn from(refused: Refused) -> Self {
        Refusal::from(refused).into()
    }
}

/// The response to a request to a path in [`FOLDER`] that is refused before its operation runs.
pub fn refuse(path: &str, refusal: Refusal) -> Response {
    let refused = SmtpRefused::from(refusal);
    match path {
        TEST => refused.of_test().into_response(),
        _ => refused.into_response(),
    }
}

/// The name of a field of the settings in these operations.
fn named(field: &str) -> &str {
    const NAMES: [(Label, &str); 6] = [
        (Label::Host, "host"),
        (Label::Port, "port"),
        (Label::ConnectionType, "secure"),
        (Label::Username, "user"),
        (Label::AuthenticationType, "user"),
        (Label::Password, "pass"),
    ];
    let known = NAMES.iter().find(|(label, _)| label.as_str() == field);
    known.map_or(field, |(_, name)| name)
}

impl IntoResponse for SmtpRefused {
    fn into_response(self) -> Response {
        let Self { refusal, of_test } = self;
        let texts: Vec<&str> = refusal.fields.values().map(String::as_str).collect();
        let body = Json(SmtpError {
            success: of_test.then_some(false),
            error: texts.join(" "),
            errors: refusal.fields.clone(),
        });
        let mut response = with_status(body.into_response(), &refusal);
        if refusal.kind == Kind::Unauthenticated {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// Refusals of every operation.
pub struct SmtpRefusals;

impl IntoResponses for SmtpRefusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let refusals = [
            (
                "400",
                "The request is malformed: its Host, or its body, which is not JSON, or has a name twice in one object.",
            ),
            ("401", "Not signed in, or the token is not valid."),
            (
                "403",
                "The token has not the scope `read` (to read) or `admin` (to change and to test), or \
                 the organisation does not allow own relays; or an administrator comes from a network that is \
                 not allowed, or has not the second factor that the organisation requires; or a browser sent a \
                 cookie from a page of another site.",
            ),
            ("408", "The body did not arrive in time."),
            ("413", "The body is too large."),
            ("415", "The Content-Type is not `application/json`."),
            ("421", MISDIRECTED),
            (
                "422",
                "Fields are missing, unknown or invalid; all of them are reported.",
            ),
            (
                "429",
                "Too many at a time or in a minute. Try again after Retry-After.",
            ),
            ("500", INTERNAL),
            ("503", "The database does not answer. Nothing was changed."),
        ];
        refusals.into_iter().map(refusal).collect()
    }
}

/// Failures of the relay in a test.
pub struct SmtpFailures;

impl IntoResponses for SmtpFailures {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let failures = [
            (
                "502",
                "The relay cannot be reached, or refuses the sign-in.",
            ),
            ("504", "The relay did not answer in time."),
        ];
        failures.into_iter().map(refusal).collect()
    }
}

fn refusal((status, text): (&str, &str)) -> (String, RefOr<utoipa::openapi::Response>) {
    let error = Ref::from_schema_name(SmtpError::name());
    let content = ContentBuilder::new().schema(Some(error)).build();
    let mut response = ResponseBuilder::new()
        .description(text)
        .content("application/json", content);
    if matches!(status, "429" | "503") {
        let mut seconds = Header::new(ObjectBuilder::new().schema_type(Type::Integer));
        seconds.description = Some("Seconds to wait.".to_owned());
        response = response.header("Retry-After", seconds);
    }
    (status.to_owned(), response.build().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_the_request() {
        let mut refusal = Refusal::invalid();
        refusal.add("smtp_host", "No host.");
        refusal.add("smtp_username", "No user.");
        refusal.add("smtp_authentication_type", "No type.");
        refusal.add("request", "Nothing.");
        let refused = SmtpRefused::from(refusal);
        let fields: Vec<&str> = refused.refusal.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["host", "request", "user"]);
        assert_eq!(refused.refusal.fields["user"], "No type. No user.");
    }
}
