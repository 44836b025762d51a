//! X.509 certificates of relays: reading, describing and validating them.

mod distinguished_name;
mod fault;
mod parse;
mod pem;
mod text;
mod trust_store;
mod validation;
mod validity;
mod verifier;

pub(super) use fault::InvalidCertificate;
pub(crate) use parse::parse_certificate;
pub(crate) use pem::decode;
pub(super) use trust_store::TrustStore;
pub(super) use validation::CertificateValidator;
pub(super) use verifier::{HandshakeRecord, Verifier};
