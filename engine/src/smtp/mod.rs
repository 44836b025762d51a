//! SMTP as Postern speaks it. Diagnosis, test and delivery share this one dialogue.
//!
//! A session that failed, or whose future was dropped, is never used again.

mod certificate;
mod dial;
mod names;
mod observer;
mod probe;
mod session;
mod transaction;
mod wire;

pub(crate) use certificate::description::in_words;
pub(crate) use certificate::pem::blocks;
pub(crate) use names::to_ascii;

pub use dial::policy::{AddressPolicy, PolicyError};
pub use dial::resolve::Resolver;
pub use dial::{Dialer, DialerError};
pub use observer::SessionObserver;
pub use probe::probe;
pub use session::{Relay, Session};
pub use transaction::Envelope;
pub use transaction::delivery::{BrokenSession, OutgoingMessage, RecipientResults};
