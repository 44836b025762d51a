//! Compresses pages, and negotiates content codings (RFC 9110 section 12.5.3).

use std::io::{self, Write};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bodies of fewer bytes gain nothing.
const SMALLEST: usize = 1024;

/// Compresses HTML. A page is rendered as a whole before it is sent, so nothing is delayed by it; a
/// stream of a live view is not HTML and passes as it is.
pub async fn compress_pages(request: Request, next: Next) -> Response {
    let accepted = request.method() != Method::HEAD && accepts(request.headers(), "gzip");
    let response = next.run(request).await;
    if !is_page(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts
        .headers
        .append(VARY, HeaderValue::from_static("accept-encoding"));
    if !accepted {
        return Response::from_parts(parts, body);
    }
    let body = match to_bytes(body, usize::MAX).await {
        Ok(page) if page.len() < SMALLEST => Body::from(page),
        Ok(page) => match gzip(&page) {
            Ok(packed) => {
                let coding = HeaderValue::from_static("gzip");
                parts.headers.insert(CONTENT_ENCODING, coding);
                parts.headers.remove(CONTENT_LENGTH);
                Body::from(packed)
            }
            Err(_) => Body::from(page),
        },
        Err(error) => Body::from_stream(futures::stream::once(async { Err::<Bytes, _>(error) })),
    };
    Response::from_parts(parts, body)
}

fn is_page(headers: &HeaderMap) -> bool {
    let html = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    html && !headers.contains_key(CONTENT_ENCODING)
}

fn gzip(page: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 3), Compression::default());
    encoder.write_all(page)?;
    encoder.finish()
}

/// Whether a client accepts `coding`: its Accept-Encoding names it with a weight above zero, or does
/// not name it and has `*`.
pub fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let weight = |wanted: &str| {
        let mut items = values.iter().flat_map(|value| value.split(','));
        items.find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts
                .next()
                .filter(|name| name.eq_ignore_ascii_case(wanted))?;
            let q = parts
                .find_map(|part| part.strip_prefix("q="))
                .unwrap_or("1");
            Some(q.parse::<f32>().is_ok_and(|q| q > 0.0))
        })
    };
    weight(coding).or_else(|| weight("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::response::Html;
    use axum::routing::get;
    use flate2::read::GzDecoder;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn content_codings_are_chosen_by_weight() {
        for (header, coding, accepted) in [
            ("gzip, deflate, br, zstd", "br", true),
            ("BR;q=0.5", "br", true),
            ("gzip;q=1.0, *;q=0.1", "br", true),
            ("gzip, br;q=0", "br", false),
            ("*;q=0", "gzip", false),
            ("", "br", false),
        ] {
            let headers =
                HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(accepts(&headers, coding), accepted, "{header}");
        }
    }

    #[tokio::test]
    async fn pages_are_compressed_and_streams_are_not() {
        let page = "<p>A page.</p>".repeat(200);
        let body = page.clone();
        let router = Router::new()
            .route("/page", get(async move || Html(body)))
            .route("/stream", get(async || "x".repeat(4000)))
            .layer(from_fn(compress_pages));
        for (path, accepted, coding) in [
            ("/page", "gzip, br", Some("gzip")),
            ("/page", "identity", None),
            ("/stream", "gzip", None),
        ] {
            let request = Request::get(path).header(ACCEPT_ENCODING, accepted);
            let request = request.body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let found = answer.headers().get(CONTENT_ENCODING);
            assert_eq!(
                found.map(HeaderValue::as_bytes),
                coding.map(str::as_bytes),
                "{path}"
            );
            assert_eq!(answer.headers().contains_key(VARY), path == "/page");
            let bytes = to_bytes(answer.into_body(), usize::MAX)
                .await
                .expect("a body");
            if coding.is_some() {
                let mut text = String::new();
                let mut decoder = GzDecoder::new(&bytes[..]);
                decoder.read_to_string(&mut text).expect("gzip");
                assert_eq!(text, page);
                assert!(bytes.len() < page.len() / 4);
            }
        }
    }
}
