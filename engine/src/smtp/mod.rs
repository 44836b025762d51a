//! SMTP as Postern speaks it. Diagnosis, test and delivery share this one dialogue.
//!
//! `dial` finds and connects (`resolve`, `policy`), `tls` encrypts (`verifier` and `judge` look at
//! the `certificate`, by the `trust_store`; `distinguished` writes its names), `wire` carries commands
//! and replies (`reply` frames them, `interruption` says what went wrong), `session` opens
//! (`capabilities`, `auth`) and `transaction` hands a mail over (`plan` words the commands,
//! `message` the mail, `verdict` sums up the replies), `delivery` one after the other. A `observer`
//! is told of all of it, where somebody listens.
//!
//! A session that failed, or whose future was dropped, is never used again.

mod auth;
mod capabilities;
mod certificate;
mod delivery;
mod dial;
mod discover;
mod distinguished_name;
mod fault;
mod first_bytes;
mod message;
mod names;
mod observer;
mod pem;
mod plan;
mod policy;
mod probe;
mod reply;
mod resolve;
mod secrets;
mod session;
mod state;
mod stream;
mod tls;
mod tls_failure;
#[cfg(test)]
mod tls_tests;
mod transaction;
mod trust_store;
mod validation;
mod verifier;
mod wire;
mod wire_error;

pub(crate) use certificate::in_words;
pub(crate) use names::to_ascii;
pub(crate) use pem::blocks;

pub use delivery::{BrokenSession, OutgoingMessage, RecipientResults};
pub use dial::{Dialer, DialerError};
pub use observer::SessionObserver;
pub use policy::{AddressPolicy, PolicyError};
pub use probe::probe;
pub use resolve::Resolver;
pub use session::{Relay, Session};
pub use transaction::Envelope;
