//! Sessions: TLS, sign-in, malformed replies, and relays that end them.

mod cutting;
mod encrypting;
mod framing;
mod signing;
mod trusting;
