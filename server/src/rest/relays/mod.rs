//! Operations on relays: their configurations with history, their health, tests and diagnosis.

pub mod collection;
pub mod diagnosis;
pub mod email_smtp;
pub mod email_test;
mod field_origin;
pub mod health;
pub mod probe;
pub mod revisions;
pub mod settings;
mod settings_fields;
