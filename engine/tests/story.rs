//! What the engine promises to every door, told on SQLite and on PostgreSQL.

#[path = "story/accounts.rs"]
mod accounts;
#[path = "story/certificates.rs"]
mod certificates;
#[path = "story/keys.rs"]
mod keys;
#[path = "story/outbox.rs"]
mod outbox;
#[path = "story/place.rs"]
mod place;
#[path = "story/relay.rs"]
mod relay;
#[path = "story/settings.rs"]
mod settings;
