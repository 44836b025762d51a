//! Event streams as responses: JSON lines as they happen, or one document at the end.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, pin_mut};
use serde::Serialize;

use super::envelope::Success;

const LINES: &str = "application/x-ndjson";

/// Responds with JSON lines, unless the client accepts `application/json` and not
/// `application/x-ndjson`. `gather` adds an event to the document. A client that disconnects drops
/// the stream.
pub async fn respond<E, D>(
    headers: &HeaderMap,
    events: impl Stream<Item = E> + Send + 'static,
    gather: fn(&mut D, E),
) -> Response
where
    E: Serialize,
    D: Default + Serialize,
{
    if !wants_document(headers) {
        let lines = events.map(|event| serde_json::to_string(&event).map(|line| line + "\n"));
        let kind = HeaderValue::from_static(LINES);
        return ([(CONTENT_TYPE, kind)], Body::from_stream(lines)).into_response();
    }
    let mut document = D::default();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        gather(&mut document, event);
    }
    Success::new(document).into_response()
}

fn wants_document(headers: &HeaderMap) -> bool {
    accepts(headers, "application/json") && !accepts(headers, LINES)
}

/// Whether a client names a media type as one that it accepts.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next().unwrap_or_default();
            named.eq_ignore_ascii_case(media_type) && !parts.any(is_unwanted)
        })
}

/// A weight of 0 (RFC 9110 section 12.4.2): not acceptable.
fn is_unwanted(parameter: &str) -> bool {
    let weight = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    weight
        .and_then(|weight| weight.parse::<f32>().ok())
        .is_some_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_for_clients_that_accept_it() {
        for (accept, document) in [
            ("*/*", false),
            ("application/json", true),
            ("text/html, application/json;q=0.9", true),
            ("Application/JSON", true),
            ("application/x-ndjson", false),
            ("application/json, application/x-ndjson", false),
            ("application/jsonl", false),
            ("application/json;q=0", false),
            ("application/json; charset=utf-8; q=0.000", false),
            ("application/json;q=0.1", true),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_document(&headers), document, "{accept}");
        }
        assert!(!wants_document(&HeaderMap::new()));
    }
}
