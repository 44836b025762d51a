//! `GET /open/{id}.gif`: the image of messages whose opens are tracked, the same for every id.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, Method};
use axum::response::IntoResponse;
use axum::routing::get;
use engine::OPEN_IMAGE_PATH;

use super::state::AppState;

/// A transparent GIF of one pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\
                     \x01\0\0\x02\x02D\x01\0;";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

pub fn router() -> Router<AppState> {
    Router::new().route(&format!("{OPEN_IMAGE_PATH}/{{file}}"), get(image))
}

/// The response does not wait for the count, and does not reveal whether the id is of a message.
async fn image(
    State(state): State<AppState>,
    method: Method,
    file: Result<Path<String>, PathRejection>,
) -> impl IntoResponse {
    if method == Method::GET
        && let Ok(Path(file)) = &file
        && let Some(id) = file.strip_suffix(".gif")
    {
        state.postern.outbox().opened(id);
    }
    let headers = [
        (CONTENT_TYPE, "image/gif"),
        (CACHE_CONTROL, "no-store, private"),
        // Web mail of other sites shows it.
        (CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
    ];
    (headers, GIF)
}
