//! `GET /api/keys/browser`: the public key that passwords are sealed for.

use axum::Json;
use axum::extract::State;
use domain::jwe::Jwk;

use super::envelope::Refused;
use super::errors::Always;
use crate::http::AppState;

/// Read the public key for passwords
///
/// An RSA key (RFC 7517) without an envelope or authentication. Passwords are sealed for it: a JWE
/// in compact serialisation with `RSA-OAEP-256` and `A256GCM`.
#[utoipa::path(
    get,
    path = "/api/keys/browser",
    tag = "Configuration",
    security(()),
    responses((status = 200, description = "The key", body = Jwk), Always)
)]
pub async fn browser(State(state): State<AppState>) -> Result<Json<Jwk>, Refused> {
    Ok(Json(state.postern.keys().browser_key().await?))
}
