//! Calls of the operations by subject, for the contract tests.

pub mod accounts;
pub mod audit;
pub mod domains;
pub mod interfaces;
pub mod keys;
pub mod message_webhooks;
pub mod networks;
pub mod relays;
pub mod revisions;
pub mod senders;
pub mod smtp_settings;
pub mod webhooks;
