//! The notifications service: webhooks, and mail about changes of the health of relays.
//!
//! A change of state is queued in the transaction that writes it, by the store, and an event of a message in
//! the commit that writes the result, by the outbox. The service claims events,
//! signs them and records the outcomes; its caller speaks HTTP, over a connection that the service makes.

mod attempt;
mod endpoint;
mod endpoints;
mod mail;
mod mail_rule;
mod owner;
mod queue;
mod service;
mod signature;
mod text;

pub use attempt::{WebhookAttempt, WebhookOutcome};
pub use endpoints::{NewWebhook, Webhooks};
pub use owner::WebhookOwner;
pub(crate) use service::NotificationServices;
pub use service::Notifications;
pub use text::{OWN_RELAY_PATH, RELAYS_PATH};
