//! The SMTP submission listener (RFC 6409): mail of programs, accepted by the engine's outbox.
//!
//! `line`, `command`, `data` and `bdat` read what a client sends, `session` says what follows from it, and
//! none of them knows sockets or the engine. `connection` reads and writes, and `listener` accepts.

mod authentication;
mod bdat;
mod client;
mod command;
#[cfg(test)]
mod command_tests;
mod connection;
#[cfg(test)]
mod connection_tests;
mod data;
mod deadline;
mod limits;
mod line;
mod listener;
#[cfg(test)]
mod listener_tests;
mod outgoing;
mod queue;
mod replies;
mod service;
mod session;
mod session_replies;
#[cfg(test)]
mod session_tests;
mod setup;
mod slots;
mod stream;
#[cfg(test)]
mod submit_socket_tests;
#[cfg(test)]
mod test_client;
mod times;
#[cfg(test)]
mod tls_listener_tests;

pub use setup::BoundSubmission;
