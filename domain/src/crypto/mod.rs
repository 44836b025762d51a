//! Sealing and secrets: JWE, the keys in use, PEM texts and secret strings.

pub mod jwe;
pub mod keys;
pub mod pem;
pub mod secret;
