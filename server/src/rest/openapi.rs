//! The `OpenAPI` 3.1 document of the operations, at `GET /api/openapi.json`.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use axum::Json;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use super::examples;
use super::response::envelope::ErrorEnvelope;
use super::response::errors::Anonymous;
use super::smtp_settings::refusals::SmtpError;

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
        (name = "Relays", description = "Several relays: their order, From domains, limits, settings and health."),
        (name = "Keys", description = "The keys of stored secrets and of browsers: what they seal, their rotation and retirement."),
        (name = "Webhooks", description = "Events about the health of relays, posted to URLs and signed."),
        (name = "Message webhooks", description = "Webhooks of your own account: events about the messages that name them."),
        (name = "Domains", description = "From domains: whether receivers believe their mail, and the keys of DKIM."),
        (name = "My relay", description = "The relay of your own account. Its errors are `{\"error\":text,\"errors\":{field: text}}`."),
        (name = "Accounts", description = "Accounts that may sign in."),
        (name = "Senders", description = "The addresses and domains that accounts may name as `from`."),
        (name = "Tokens", description = "API tokens of applications."),
        (name = "Audit", description = "Records of acts: the actor, the time and the origin."),
        (name = "About", description = "This document."),
    ),
    components(schemas(ErrorEnvelope, SmtpError)),
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
                "A token, made with `postern token create`, on the page of API tokens or at `/api/tokens`. \
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

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// Publishes the document with its operations, which are the same for every router.
pub fn publish(document: &OpenApi) {
    DOCUMENT.get_or_init(|| finished(document));
}

/// The published document.
pub fn published() -> &'static Value {
    DOCUMENT.get_or_init(|| finished(&frame()))
}

/// The document as it is published.
fn finished(document: &OpenApi) -> Value {
    let mut document = closed(serde_json::to_value(document).unwrap_or_default());
    examples::add(&mut document);
    document
}

/// The document with the objects of request bodies closed: a member that it does not name is refused.
/// `deny_unknown_fields` would have utoipa say so, and serde report the first such member only.
fn closed(mut document: Value) -> Value {
    let mut names = Vec::new();
    for path in members(&mut document["paths"]) {
        for operation in members(path) {
            if let Some(body) = operation.get_mut("requestBody") {
                close(body, &mut names);
            }
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = names.pop() {
        if seen.insert(name.clone()) {
            close(&mut document["components"]["schemas"][name], &mut names);
        }
    }
    document
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}

/// Closes the objects in a part of the document, and adds the names of the schemas that it refers to.
fn close(part: &mut Value, names: &mut Vec<String>) {
    if let Some(path) = part["$ref"].as_str() {
        names.extend(path.rsplit('/').next().map(str::to_owned));
        return;
    }
    match part {
        Value::Object(map) => {
            if map.contains_key("properties") {
                map.entry("additionalProperties").or_insert(json!(false));
            }
            map.values_mut().for_each(|part| close(part, names));
        }
        Value::Array(parts) => parts.iter_mut().for_each(|part| close(part, names)),
        _ => {}
    }
}

/// Read this document
///
/// The document requires no authentication. The page `/api` shows it in a readable form.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "About",
    security(()),
    responses(
        (
            status = 200,
            description = "The document",
            body = Object,
            example = json!({
                "openapi": "3.1.0",
                "info": { "title": "Postern", "version": env!("CARGO_PKG_VERSION") },
                "paths": {},
            })
        ),
        Anonymous,
    )
)]
pub async fn document() -> Json<&'static Value> {
    Json(published())
}
