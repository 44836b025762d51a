//! The decoding of the forms of the console.

use app::unreadable_form;
use axum::RequestExt;
use axum::extract::{Form, Request};
use axum::http::StatusCode;
use domain::{Kind, Refusal};
use serde::de::DeserializeOwned;

use crate::http::body::{self, BODY_MAX, FORM_MAX};

/// The fields of a small form, and whether it could be decoded.
pub async fn typed<T>(request: Request) -> (T, Result<(), Refusal>)
where
    T: DeserializeOwned + Default + 'static,
{
    match decode(request, FORM_MAX).await {
        Ok(typed) => (typed, Ok(())),
        Err(refusal) => (T::default(), Err(refusal)),
    }
}

/// Decodes a form.
pub async fn filled_in<T: DeserializeOwned + 'static>(request: Request) -> Result<T, Refusal> {
    decode(request, BODY_MAX).await
}

/// Decodes a form of at most `max` bytes.
pub async fn decode<T: DeserializeOwned + 'static>(
    request: Request,
    max: usize,
) -> Result<T, Refusal> {
    let (parts, body) = request.into_parts();
    let body = body::read(body, max).await?;
    let request = Request::from_parts(parts, body.into());
    match request.extract::<Form<T>, _>().await {
        Ok(Form(typed)) => Ok(typed),
        Err(rejection) => {
            let kind = match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
                _ => Kind::BadRequest,
            };
            Err(unreadable_form(kind))
        }
    }
}
