//! The SMTP client: one session with a relay, shared by diagnosis, test and delivery.
//!
//! `dial` resolves names and connects; `wire` carries commands and replies, within TLS where
//! `certificate` validates; `transaction` plans the commands of a mail and collects the replies;
//! `session` runs the dialogue on these. A [`SessionObserver`] receives the events of a session.
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

pub(crate) use certificate::{decode, parse_certificate};
pub(crate) use names::to_ascii;

pub use dial::{
    AddressPolicy, ByteStream, Dialer, DialerError, DnsData, DnsFailure, DnsType, PolicyError,
    PublicAddresses, Resolver,
};
pub use observer::SessionObserver;
pub use probe::probe;
pub use session::{BrokenSession, Relay, Session};
pub use transaction::{Envelope, OutgoingMessage, RecipientResults};
