//! `POST /api/messages/send-email`: mail is handed over.

use axum::http::{HeaderMap, HeaderName};
use domain::{Kind, Refusal};

/// Draft-ietf-httpapi-idempotency-key-header, taken as it is, with quotes or without.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

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
