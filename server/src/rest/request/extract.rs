//! Extractors whose rejections are refusals in the envelope.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Fields, Kind, Refusal};
use engine::{Action, Actor};
use serde::de::DeserializeOwned;

use super::json::{self, Faults, Json};
use crate::http::authentication::Caller;
use crate::http::body::{self, BODY_MAX};
use crate::http::state::AppState;
use crate::rest::response::envelope::Refused;

/// A body that is a JSON object, decoded, with the faults of its types. Validation adds its own, so
/// that all are reported at once.
pub struct JsonBody<T> {
    pub request: T,
    pub faults: Faults,
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        require_json(request.headers())?;
        let bytes = body::read(request.into_body(), BODY_MAX).await?;
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

/// A request with a body that only administrators may make.
pub trait Administrative: DeserializeOwned + Default {
    /// The action of the audit log that its refusal is recorded as.
    const ACTION: Action;
}

/// The actor and the body of an administrative request. Other actors are refused before the body is
/// read.
pub struct AdminBody<T> {
    pub actor: Actor,
    pub request: T,
    pub faults: Faults,
}

impl<T: Administrative> FromRequest<AppState> for AdminBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(actor) = SignedIn::from_request_parts(&mut parts, state).await?;
        state.postern.audit().admit(&actor, T::ACTION).await?;
        let request = Request::from_parts(parts, body);
        let JsonBody { request, faults } = JsonBody::from_request(request, state).await?;
        Ok(Self {
            actor,
            request,
            faults,
        })
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

/// The actor of a request. Extractors that stand behind it, such as that of the body, are not run for
/// requests without one.
pub struct SignedIn(pub Actor);

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let caller: Option<&Caller> = parts.extensions.get();
        let actor = caller.ok_or_else(Refusal::internal)?.signed_in()?;
        Ok(Self(actor.clone()))
    }
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

/// The parameters in the query, in their order. Which names are known is for the operation to say.
pub struct QueryPairs(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for QueryPairs {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Query(pairs) = Query::from_request_parts(parts, state).await.map_err(|_| {
            let text = "The query is malformed.";
            Refusal::new(Kind::Invalid, text)
        })?;
        Ok(Self(pairs))
    }
}

/// Refuses a query, for operations without parameters in it: a client that sends one means something.
pub async fn refuse_query(request: Request, next: Next) -> Response {
    if request.uri().query().is_none_or(str::is_empty) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let refused = async {
        let QueryPairs(pairs) = QueryPairs::from_request_parts(&mut parts, &()).await?;
        Ok::<_, Refused>(Fields::of(&pairs).read(|_| ())?)
    };
    match refused.await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refused.into_response(),
    }
}
