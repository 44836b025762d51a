//! REST: one list of operations, from which the router and the `OpenAPI` document are made.

#![allow(
    unused_qualifications,
    reason = "the code that utoipa generates qualifies its paths"
)]

mod accounts;
mod administrator_networks;
mod api_page;
mod audit;
mod body_budget;
#[cfg(test)]
mod contract_accounts;
#[cfg(test)]
mod contract_audit;
#[cfg(test)]
mod contract_domains;
#[cfg(test)]
mod contract_examples;
#[cfg(test)]
mod contract_interfaces;
#[cfg(test)]
mod contract_keys;
#[cfg(test)]
mod contract_message_webhooks;
#[cfg(test)]
mod contract_networks;
#[cfg(test)]
mod contract_open_tracking;
#[cfg(test)]
mod contract_revisions;
#[cfg(test)]
mod contract_senders;
#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod contract_webhooks;
mod diagnosis;
mod domains;
mod email_smtp;
mod email_test;
mod envelope;
mod errors;
mod event_stream;
mod examples;
mod extract;
mod field_origin;
mod figures;
mod interfaces;
mod json;
mod keys;
mod limits;
mod message_actions;
mod message_webhooks;
mod messages;
pub mod openapi;
mod outbox;
mod policy;
mod probe;
#[cfg(test)]
mod relay_contract_tests;
mod relay_health;
mod relay_settings;
mod relays;
mod revisions;
#[cfg(test)]
mod schema;
mod send_email;
mod senders;
mod sessions;
mod settings_fields;
#[cfg(test)]
mod smtp_client_tests;
mod smtp_settings;
#[cfg(test)]
mod smtp_settings_contract_tests;
mod status;
mod submission;
#[cfg(test)]
mod submission_tests;
mod suppressions;
#[cfg(test)]
mod test_api;
mod tokens;
mod webhooks;

use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{any, get};
use domain::{Kind, Refusal};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use body_budget::BodyPermit;
pub use envelope::refuse;
pub use send_email::INTAKE;

use crate::http::AppState;

/// Every operation.
fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(send_email::send))
        .routes(routes!(messages::read))
        .routes(routes!(messages::source))
        .routes(routes!(message_actions::act_on_one))
        .routes(routes!(
            message_actions::act_on_many,
            message_actions::stop_act
        ))
        .routes(routes!(outbox::read))
        .routes(routes!(outbox::pause))
        .routes(routes!(status::read))
        .routes(routes!(suppressions::remove))
        .routes(routes!(suppressions::remove_matching))
        .routes(routes!(email_smtp::read, email_smtp::save))
        .routes(routes!(email_test::send))
        .routes(routes!(diagnosis::diagnose))
        .routes(routes!(probe::probe))
        .routes(routes!(relays::list, relays::create))
        .routes(routes!(relays::read, relays::change_one, relays::remove))
        .routes(routes!(relay_health::read))
        .routes(routes!(relay_health::check))
        .routes(routes!(relay_settings::read, relay_settings::save))
        .routes(routes!(relay_settings::test))
        .routes(routes!(relay_settings::diagnose))
        .routes(routes!(revisions::list))
        .routes(routes!(revisions::restore))
        .routes(routes!(policy::read, policy::save))
        .routes(routes!(
            administrator_networks::read,
            administrator_networks::save
        ))
        .routes(routes!(interfaces::list))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(
            accounts::read,
            accounts::change_account,
            accounts::delete
        ))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::end_all_of_account))
        .routes(routes!(senders::list, senders::add))
        .routes(routes!(senders::remove))
        .routes(routes!(senders::list_of_account, senders::add_to_account))
        .routes(routes!(senders::remove_from_account))
        .routes(routes!(limits::own))
        .routes(routes!(limits::of_account, limits::set_of_account))
        .routes(routes!(limits::set_of_token))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::renew_secret))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(message_webhooks::list, message_webhooks::create))
        .routes(routes!(message_webhooks::change, message_webhooks::remove))
        .routes(routes!(message_webhooks::renew_secret))
        .routes(routes!(message_webhooks::test))
        .routes(routes!(message_webhooks::deliveries))
        .routes(routes!(domains::list))
        .routes(routes!(domains::read))
        .routes(routes!(domains::create_key))
        .routes(routes!(domains::activate_key))
        .routes(routes!(domains::remove_key))
        .routes(routes!(keys::list, keys::rotate))
        .routes(routes!(keys::browser, keys::rotate_browser))
        .routes(routes!(keys::retire))
        .route_layer(from_fn(extract::refuse_query))
        .routes(routes!(messages::list))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(figures::read))
        .routes(routes!(suppressions::list))
        .routes(routes!(
            smtp_settings::read,
            smtp_settings::save,
            smtp_settings::remove
        ))
        .routes(routes!(smtp_settings::test))
        .routes(routes!(openapi::document))
}

pub fn router() -> Router<AppState> {
    let (router, document) = operations().split_for_parts();
    openapi::publish(&document);
    router
        .route("/api", get(api_page::page))
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api/", any(not_found))
        .route("/api/{*path}", any(not_found))
}

/// The response to a request that is refused before its operation runs, as those at this path answer.
pub fn refuse_at(path: &str, refusal: Refusal) -> Response {
    match path.starts_with(smtp_settings::FOLDER) {
        true => smtp_settings::refuse(path, refusal),
        false => refuse(refusal),
    }
}

async fn not_found(uri: Uri) -> Response {
    let text = "There is nothing at this path; check its spelling.";
    refuse_at(uri.path(), Refusal::new(Kind::NotFound, text))
}

pub async fn method_not_allowed(uri: Uri) -> Response {
    let text = "This path does not support this method; the header Allow lists those it supports.";
    refuse_at(uri.path(), Refusal::new(Kind::MethodNotAllowed, text))
}
