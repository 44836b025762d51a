//! What a browser loads, embedded: script, WebAssembly, stylesheet, icons and fonts.
//!
//! Every path holds a hash of its content, so an answer may be kept for ever.

use axum::{
    extract::Path,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};

struct Asset {
    /// As the sources call it: `postern.js`, `icon.svg`.
    name: &'static str,
    /// Where the browser asks for it.
    path: &'static str,
    plain: &'static [u8],
    /// Absent where compressing gains nothing.
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The folder all paths begin with, without slashes.
pub const FOLDER: &str = "pkg";

/// The path of what the sources call `name`.
pub fn path(name: &str) -> Option<&'static str> {
    let asset = TABLE.iter().find(|asset| asset.name == name)?;
    Some(asset.path)
}

/// What leptos calls the script and the WebAssembly, or nothing in a binary without them.
pub fn output_name() -> Option<&'static str> {
    let file = path("postern.js")?.rsplit('/').next()?;
    file.strip_suffix(".js")
}

/// `GET /pkg/{file}`
pub async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("/{FOLDER}/{file}");
    let Some(asset) = TABLE.iter().find(|asset| asset.path == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (encoding, bytes) = choose(asset, &headers);
    let kept = [
        (CONTENT_TYPE, content_type(asset.path)),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    match encoding {
        Some(encoding) => (kept, [(CONTENT_ENCODING, encoding)], bytes).into_response(),
        None => (kept, bytes).into_response(),
    }
}

fn choose(asset: &Asset, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let accepted = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    if let Some(bytes) = asset.brotli.filter(|_| accepts(&accepted, "br")) {
        return (Some("br"), bytes);
    }
    if let Some(bytes) = asset.gzip.filter(|_| accepts(&accepted, "gzip")) {
        return (Some("gzip"), bytes);
    }
    (None, asset.plain)
}

/// Whether an Accept-Encoding (RFC 9110, 12.5.3) takes `coding`: named with a weight above zero,
/// or not named and covered by `*`.
fn accepts(header: &str, coding: &str) -> bool {
    let weight = |wanted: &str| {
        header.split(',').find_map(|item| {
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

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::{accepts, content_type};

    #[test]
    fn weights_decide() {
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("BR;q=0.5", "br"));
        assert!(accepts("gzip;q=1.0, *;q=0.1", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("*;q=0", "gzip"));
        assert!(!accepts("", "br"));
    }

    #[test]
    fn webassembly_is_compiled_while_it_streams() {
        assert_eq!(content_type("/pkg/postern-0_bg.wasm"), "application/wasm");
    }
}
