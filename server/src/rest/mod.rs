//! REST: one list of operations, from which the router and the `OpenAPI` document are made.

#![allow(
    unused_qualifications,
    reason = "the code that utoipa generates qualifies its paths"
)]

mod access;
mod api_page;
mod audit;
#[cfg(test)]
mod contract;
mod domains;
mod examples;
mod figures;
mod interfaces;
mod keys;
pub mod mail;
mod message_webhooks;
pub mod openapi;
mod relays;
pub mod request;
pub mod response;
mod smtp_settings;
mod status;
mod webhooks;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::state::AppState;
use response::refusal::{method_not_allowed, not_found};

/// Every operation.
fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(mail::send_email::send))
        .routes(routes!(mail::messages::read))
        .routes(routes!(mail::messages::source))
        .routes(routes!(mail::message_actions::act_on_one))
        .routes(routes!(
            mail::message_actions::act_on_many,
            mail::message_actions::stop_act
        ))
        .routes(routes!(mail::outbox::read))
        .routes(routes!(mail::outbox::pause))
        .routes(routes!(status::read))
        .routes(routes!(mail::suppressions::remove))
        .routes(routes!(mail::suppressions::remove_matching))
        .routes(routes!(relays::email_smtp::read, relays::email_smtp::save))
        .routes(routes!(relays::email_test::send))
        .routes(routes!(relays::diagnosis::diagnose))
        .routes(routes!(relays::probe::probe))
        .routes(routes!(
            relays::collection::list,
            relays::collection::create
        ))
        .routes(routes!(
            relays::collection::read,
            relays::collection::change_one,
            relays::collection::remove
        ))
        .routes(routes!(relays::health::read))
        .routes(routes!(relays::health::check))
        .routes(routes!(relays::settings::read, relays::settings::save))
        .routes(routes!(relays::settings::test))
        .routes(routes!(relays::settings::diagnose))
        .routes(routes!(relays::revisions::list))
        .routes(routes!(relays::revisions::restore))
        .routes(routes!(access::policy::read, access::policy::save))
        .routes(routes!(
            access::administrator_networks::read,
            access::administrator_networks::save
        ))
        .routes(routes!(interfaces::list))
        .routes(routes!(access::accounts::list, access::accounts::create))
        .routes(routes!(
            access::accounts::read,
            access::accounts::change_account,
            access::accounts::delete
        ))
        .routes(routes!(access::sessions::list))
        .routes(routes!(access::sessions::end))
        .routes(routes!(access::sessions::end_all_of_account))
        .routes(routes!(access::senders::list, access::senders::add))
        .routes(routes!(access::senders::remove))
        .routes(routes!(
            access::senders::list_of_account,
            access::senders::add_to_account
        ))
        .routes(routes!(access::senders::remove_from_account))
        .routes(routes!(access::limits::own))
        .routes(routes!(
            access::limits::of_account,
            access::limits::set_of_account
        ))
        .routes(routes!(access::limits::set_of_token))
        .routes(routes!(access::tokens::list, access::tokens::create))
        .routes(routes!(access::tokens::revoke))
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
        .route_layer(from_fn(request::extract::refuse_query))
        .routes(routes!(mail::messages::list))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(figures::read))
        .routes(routes!(mail::suppressions::list))
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
