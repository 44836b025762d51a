//! The SMTP submission listener (RFC 6409): mail of programs, accepted by the engine's outbox.
//!
//! `protocol` parses what a client sends and says what follows from it. `transport` reads and writes, and
//! `listener` accepts.

mod client;
mod listener;
#[cfg(test)]
mod listener_tests;
mod protocol;
mod queue;
mod service;
mod setup;
mod slots;
#[cfg(test)]
mod submit_socket_tests;
#[cfg(test)]
mod test_client;
#[cfg(test)]
mod tls_listener_tests;
mod transport;

pub use setup::BoundSubmission;
