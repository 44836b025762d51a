//! The protocol of a session: what a client sends, and what follows from it.
//!
//! `line`, `command`, `data` and `bdat` read what a client sends, `session` says what follows from it, and
//! none of them knows sockets or calls the engine. `authentication` asks it for the account.

pub mod authentication;
pub mod bdat;
pub mod command;
#[cfg(test)]
mod command_tests;
pub mod data;
pub mod limits;
pub mod line;
pub mod replies;
pub mod session;
mod session_replies;
#[cfg(test)]
mod session_tests;
