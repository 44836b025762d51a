//! `POST /api/messages/send-email`: mail is handed over.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{Kind, Refusal};
use engine::Submissions;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::body::json_type;
use super::body_budget;
use super::envelope::Refused;
use super::mails::parse;
use crate::http::{AppState, Caller};

/// Bodies of more bytes are read beside the threads that answer.
const LARGE: usize = 512 * 1024;

/// Draft-ietf-httpapi-idempotency-key-header, taken as it is, with quotes or without.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Takes one mail, an object, and answers 202 with its `id`; or an array of them, all or none, and
/// answers their `ids`. The body is read when it is known who asks.
pub async fn send(
    State(state): State<AppState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Refused> {
    let actor = caller.signed_in()?;
    let (parts, body) = request.into_parts();
    let (body, _room) = body_budget::read(&parts.headers, body).await?;
    json_type(&parts.headers)?;
    let key = idempotency_key(&parts.headers)?;
    let (handed, key) = read(body, key).await?;
    let many = matches!(handed, Submissions::Many(_));
    let ids = state.postern.outbox().accept(actor, handed, key).await?;
    let answer = match ids.first() {
        Some(id) if !many => json!({ "id": id }),
        _ => json!({ "ids": ids }),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// What the engine takes: the mails, and the key with the SHA-256 of the body.
type Read = (Submissions, Option<(String, [u8; 32])>);

async fn read(body: Vec<u8>, key: Option<String>) -> Result<Read, Refusal> {
    let large = body.len() > LARGE;
    let reading = move || {
        let handed = parse(&body)?;
        let key = key.map(|key| (key, Sha256::digest(&body).into()));
        Ok((handed, key))
    };
    if large {
        let read = tokio::task::spawn_blocking(reading).await;
        read.map_err(|_| Refusal::internal())?
    } else {
        reading()
    }
}

/// The key under which a repeated request is the same one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let key = key.to_str().ok().filter(|key| {
        keys.next().is_none()
            && (1..=255).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let text = "This is one key of 1 to 255 visible ASCII characters.";
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Refusal::of(Kind::Invalid, "Idempotency-Key", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_key_is_visible_ascii() {
        let long = "k".repeat(255);
        let longer = "k".repeat(256);
        for (keys, expected) in [
            (&[][..], Some(None)),
            (&["k"], Some(Some("k"))),
            (&["\"8e03978e-40d5\""], Some(Some("\"8e03978e-40d5\""))),
            (&[&long], Some(Some(long.as_str()))),
            (&[&longer], None),
            (&[""], None),
            (&["a b"], None),
            (&["ü"], None),
            (&["a", "a"], None),
        ] {
            let mut headers = HeaderMap::new();
            for key in keys {
                let key = HeaderValue::from_bytes(key.as_bytes()).expect("a value");
                headers.append(IDEMPOTENCY_KEY, key);
            }
            let read = idempotency_key(&headers);
            assert_eq!(
                read.as_ref().ok().map(Option::as_deref),
                expected,
                "{keys:?}"
            );
            if let Err(refusal) = read {
                assert_eq!(refusal.kind, Kind::Invalid);
                assert!(refusal.fields.contains_key("Idempotency-Key"));
            }
        }
    }
}
