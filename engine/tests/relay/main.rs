//! Sessions with relays that behave and misbehave, all on loopback.

mod client;
mod courier;

mod breaking;
mod chunking;
mod connecting;
mod cutting;
mod delivering;
mod discovering;
mod encrypting;
mod framing;
mod probing;
mod resolving;
mod sending;
mod signing;
mod trusting;
