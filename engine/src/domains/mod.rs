//! The domains service: whether receivers believe mail of each From domain, and keys of DKIM.
//!
//! `in_use` reads the From domains and the relays that carry their mail; `findings` looks their records up
//! (with the rules of `spf` and `dmarc`) and compares them with what they should be; `keys` makes, activates
//! and removes key pairs. `dkim_signers` has those that sign, for what composes messages; `session_check` checks
//! a domain beside the session of a diagnosis.

mod dkim_signers;
mod dmarc;
mod dns;
mod findings;
mod in_use;
mod keys;
mod service;
#[cfg(test)]
mod service_tests;
mod session_check;
mod spf;
mod typed_domain;
#[cfg(test)]
mod zone_tests;

pub(crate) use dkim_signers::LastDkimSigners;
pub use keys::DkimActivation;
pub(crate) use service::DomainServices;
pub use service::Domains;
pub(crate) use session_check::SessionCheck;
