//! Sessions with relays that behave and misbehave, all on loopback.

mod client;

mod dial;
mod session;
mod transaction;
