//! DKIM (RFC 6376, RFC 8463): keys, and signatures of accepted messages.
//!
//! The crate `mail-auth` is not used: it brings a second generation of `RustCrypto` or aws-lc, and the
//! signatures need no more than `ring`, which rustls brings and which signs in constant time, while `rsa`
//! makes the RSA keys, as it does for browsers.
//!
//! Signatures are relaxed/relaxed, without `l=` and `x=`. From is signed once more than it is there, so that
//! no relay can add another one.

mod canonical;
mod key;
mod signer;
#[cfg(test)]
mod signer_tests;

pub use key::NewDkimKey;
pub use signer::{DkimSigner, DkimSigners};

/// The scope that private keys are sealed for; the label is the id of the key.
pub const DKIM_SCOPE: &str = "dkim";
