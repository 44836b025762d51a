//! Embedded assets of the console: script, WebAssembly, stylesheet, icons and fonts.
//!
//! Every path contains a hash of the content, so responses are cacheable for ever.

use axum::{
    extract::Path,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};

use crate::compression::accepts;

struct Asset {
    /// The file name in the sources: `postern.js`, `icon.svg`.
    name: &'static str,
    /// The path it is served at.
    path: &'static str,
    plain: &'static [u8],
    /// None where compression gains nothing.
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The first segment of all paths, without slashes.
pub const FOLDER: &str = "pkg";

/// The path of the asset that the sources call `name`.
pub fn path(name: &str) -> Option<&'static str> {
    let asset = TABLE.iter().find(|asset| asset.name == name)?;
    Some(asset.path)
}

/// The name that leptos has for script and WebAssembly; none in a binary built without them.
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
    if let Some(bytes) = asset.brotli.filter(|_| accepts(headers, "br")) {
        return (Some("br"), bytes);
    }
    if let Some(bytes) = asset.gzip.filter(|_| accepts(headers, "gzip")) {
        return (Some("gzip"), bytes);
    }
    (None, asset.plain)
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
    use super::content_type;

    #[test]
    fn webassembly_is_compiled_while_it_streams() {
        assert_eq!(content_type("/pkg/postern-0_bg.wasm"), "application/wasm");
    }
}
