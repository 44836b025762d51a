//! Sessions against relays that behave, misbehave and lie, all on loopback.

mod client;
mod conduct;
mod pki;
mod server;

mod connecting;
mod cutting;
mod encrypting;
mod framing;
mod resolving;
mod sending;
mod signing;
mod trusting;
