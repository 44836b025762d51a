//! `POST /api/messages/send-email`: accepts mail for delivery.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::outbox::QueueKind;
use domain::{Kind, Refusal};
use engine::{Accepted, Idempotency, Submissions};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::INTAKE;
use super::submission::{self, SendEmailBody};
use crate::http::state::AppState;
use crate::rest::request::body_budget;
use crate::rest::request::extract::{SignedIn, require_json};
use crate::rest::response::envelope::Refused;
use crate::rest::response::errors::{Always, AtLimit, JsonRefused, Restricted, StillRunning};

/// Bodies of more bytes are decoded on a thread for blocking work.
const LARGE: usize = 512 * 1024;

/// Draft-ietf-httpapi-idempotency-key-header, taken as it is, with quotes or without.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The ids of the mail, which is on disk.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!({ "id": "01M7VNZG4G8Q2X5T7B9C3D6EFH", "queue": "organisation" }))]
enum AcceptedIds {
    /// The response to one mail.
    One {
        id: String,
        /// The relays that take the mail: those of the organisation, or the account's own.
        queue: QueueKind,
        /// A note on the effect of `track_opens`; absent without it.
        #[serde(skip_serializing_if = "Option::is_none")]
        open_tracking: Option<String>,
    },
    /// The response to an array, in the order of the mails.
    Many {
        ids: Vec<String>,
        /// The relays that take the mails.
        queue: QueueKind,
        /// A note on the effect of `track_opens`; absent if no mail has it.
        #[serde(skip_serializing_if = "Option::is_none")]
        open_tracking: Option<String>,
    },
}

/// Send mail
///
/// Accepts one mail, or an array of up to 500, of which all are accepted or none. The response is
/// sent once they are on disk. A mail has at most 25 MiB. Date and Message-ID are added where they
/// are missing. `queue` is `own_relay` where the account has a relay of its own, and otherwise
/// `organisation`. If the response was lost, repeat the request with the same `Idempotency-Key`: for
/// 24 hours the same key with the same body returns the first response, and nothing is sent twice.
/// Limits of the account and of the token are at `/api/limits`; a request that exceeds one is not counted.
#[utoipa::path(
    post,
    path = INTAKE,
    tag = "Messages",
    params((
        "Idempotency-Key" = Option<String>,
        Header,
        description = "1 to 255 visible ASCII characters",
        pattern = "^[!-~]{1,255}$"
    )),
    request_body = SendEmailBody,
    responses(
        (status = 202, description = "Accepted", body = AcceptedIds),
        Restricted,
        StillRunning,
        AtLimit,
        JsonRefused,
        Always,
    )
)]
pub async fn send(
    State(state): State<AppState>,
    SignedIn(actor): SignedIn,
    request: Request,
) -> Result<Response, Refused> {
    // The extractor of header fields would clone them.
    let (parts, body) = request.into_parts();
    require_json(&parts.headers)?;
    let key = idempotency_key(&parts.headers)?;
    let (body, _permit) = body_budget::read(&actor, &parts.headers, body).await?;
    let (submissions, key) = decode(body, key).await?;
    let many = matches!(submissions, Submissions::Many(_));
    let Accepted {
        mut ids,
        queue,
        open_tracking,
    } = state
        .postern
        .outbox()
        .accept(&actor, submissions, key)
        .await?;
    let answer = match ids.len() {
        1 if !many => AcceptedIds::One {
            id: ids.remove(0),
            queue,
            open_tracking,
        },
        _ => AcceptedIds::Many {
            ids,
            queue,
            open_tracking,
        },
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

async fn decode(
    body: Vec<u8>,
    key: Option<String>,
) -> Result<(Submissions, Option<Idempotency>), Refusal> {
    let large = body.len() > LARGE;
    let decoding = move || {
        let submissions = submission::decode(&body)?;
        let key = key.map(|key| Idempotency {
            key,
            body_sha256: Sha256::digest(&body).into(),
        });
        Ok((submissions, key))
    };
    if large {
        let decoded = tokio::task::spawn_blocking(decoding).await;
        decoded.map_err(|_| Refusal::internal())?
    } else {
        decoding()
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
