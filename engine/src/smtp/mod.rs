//! SMTP as Postern speaks it. Diagnosis, test and delivery share this one dialogue.
//!
//! `dial` finds and connects (`resolve`, `policy`), `tls` encrypts (`verifier` and `judge` look at
//! the `certificate`, by the `anchors`; `distinguished` writes its names), `wire` carries commands
//! and replies (`reply` frames them, `interruption` says what went wrong), `session` opens
//! (`capabilities`, `auth`) and `transaction` hands a mail over (`script` words the commands,
//! `message` the mail, `verdict` sums up the replies), `delivery` one after the other. A `witness`
//! is told of all of it, where somebody listens.
//!
//! A session that failed, or whose future was dropped, is never used again.

mod anchors;
mod auth;
mod capabilities;
mod certificate;
mod delivery;
mod dial;
mod discover;
mod distinguished;
mod interruption;
mod judge;
mod message;
mod names;
mod opening;
mod pem;
mod policy;
mod probe;
mod reply;
mod resolve;
mod script;
mod secrets;
mod session;
mod stream;
mod tls;
#[cfg(test)]
mod tls_tests;
mod transaction;
mod unsecured;
mod untrusted;
mod verdict;
mod verifier;
mod wire;
mod witness;

pub(crate) use certificate::in_words;
pub(crate) use names::to_ascii;
pub(crate) use pem::blocks;

pub use delivery::{Broken, Fates, Parcel};
pub use dial::{Dialer, DialerError};
pub use policy::{AddressPolicy, PolicyError};
pub use probe::probe;
pub use resolve::Resolver;
pub use session::{Relay, Session};
pub use transaction::Envelope;
pub use witness::Witness;
