//! X.509 certificates of relays: reading, describing and validating them.

pub(super) mod description;
pub(super) mod distinguished_name;
pub(super) mod fault;
pub(super) mod pem;
pub(super) mod trust_store;
pub(super) mod validation;
pub(super) mod verifier;
