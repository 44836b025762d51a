//! The `OpenAPI` 3.1 document of the operations, at `GET /api/openapi.json`.

use std::sync::OnceLock;

use axum::Json;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use super::envelope::ErrorEnvelope;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Postern",
        description = "Send mail, follow its delivery, and configure the relay. Every account may \
                       send mail and read its own; the rest is for administrators. Errors are \
                       `{\"status\":\"error\",\"errors\":{field: text}}`, all at once.",
    ),
    tags(
        (name = "Messages", description = "Mail: submission, search, content and actions."),
        (name = "Outbox", description = "Delivery in total, and the suppression list."),
        (name = "Configuration", description = "The relay: settings, test, diagnosis and probe."),
        (name = "Tokens", description = "API tokens of applications."),
        (name = "About", description = "This document."),
    ),
    components(schemas(ErrorEnvelope)),
    security(("token" = []), ("session" = [])),
    modifiers(&SecuritySchemes),
)]
struct Frame;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("postern_…")
            .description(Some(
                "A token, made with `postern token create`, on the account page or at `/api/tokens`. \
                 Its scopes limit what the account may do.",
            ))
            .build();
        let session = ApiKeyValue::with_description(
            "postern",
            "The session of the console; `__Host-postern` where it is reached over HTTPS.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(session));
        components.add_security_scheme("session", session);
    }
}

/// The document without its operations.
pub fn frame() -> OpenApi {
    Frame::openapi()
}

static DOCUMENT: OnceLock<OpenApi> = OnceLock::new();

/// Publishes the document with its operations, which are the same for every router.
pub fn publish(document: OpenApi) {
    DOCUMENT.get_or_init(|| document);
}

/// The published document.
pub fn published() -> &'static OpenApi {
    DOCUMENT.get_or_init(frame)
}

/// Read this document
///
/// No authentication. The page `/api` shows it to people.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "About",
    security(()),
    responses((status = 200, description = "The document", body = Object))
)]
pub async fn document() -> Json<&'static OpenApi> {
    Json(published())
}
