//! Test doubles: an SMTP relay, a webhook receiver, an authenticator of passkeys.
//!
//! [`Relay`] listens on loopback and accepts every mail unless its [`RelayScript`], or a rule added
//! while it runs, says otherwise. It records what it received, or passes each mail to a callback.
//! Every connection has a thread of its own, so that a relay also serves clients of another runtime
//! and blocking ones.

#[cfg(feature = "webauthn")]
pub mod authenticator;
#[cfg(feature = "tls")]
pub mod pki;
#[cfg(feature = "tls")]
mod receiver;
mod record;
mod relay;
mod script;
mod session;
mod state;
mod transport;

#[cfg(feature = "tls")]
pub use receiver::{ReceivedRequest, Receiver};
pub use record::{AcceptedMail, Record, Transaction};
pub use relay::Relay;
pub use script::{Action, RelayScript};
