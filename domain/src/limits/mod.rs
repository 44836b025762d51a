//! Limits of messages a minute, an hour and a day, and those of an account or an API token.

pub mod rate_window;
pub mod sending;
