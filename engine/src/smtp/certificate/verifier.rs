//! The rustls verifier of one handshake: records what a relay presents, refuses what is not valid.

use std::sync::Arc;

use domain::smtp::stage::CertificateFault;
use parking_lot::Mutex;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::fault::InvalidCertificate;
use super::validation::CertificateValidator;

/// The most certificates of a chain that are recorded.
const CHAIN_MAX: usize = 10;

/// The verifier of one handshake. It is also the resolver of client certificates, of which Postern
/// has none, to record whether the relay asked for one.
#[derive(Debug)]
pub(crate) struct Verifier {
    validator: CertificateValidator,
    /// Whether an invalid certificate ends the handshake.
    checked: bool,
    record: Mutex<HandshakeRecord>,
}

/// What a relay presented in a handshake.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandshakeRecord {
    /// Its own certificate first. Empty where it presented none.
    pub chain: Vec<CertificateDer<'static>>,
    /// As in `TLS 1.3`.
    pub version: Option<&'static str>,
    /// Why the certificate is valid; `None` where it is not.
    pub valid: Option<&'static str>,
    /// Why the certificate is not valid.
    pub invalid: Option<Arc<InvalidCertificate>>,
    /// Whether the relay asked for a client certificate.
    pub client_certificate_requested: bool,
}

impl Verifier {
    /// With `checked`, an invalid certificate ends the handshake; without, it is recorded.
    pub fn new(validator: CertificateValidator, checked: bool) -> Self {
        Self {
            validator,
            checked,
            record: Mutex::default(),
        }
    }

    /// What the relay has presented so far.
    pub fn record(&self) -> HandshakeRecord {
        self.record.lock().clone()
    }

    /// Verifies the relay's proof of possession of the certificate's key. Every handshake has one,
    /// because no session is resumed. An invalid certificate ends the handshake here, where the TLS
    /// version is known and can be recorded.
    fn conclude(
        &self,
        version: &'static str,
        verify: impl FnOnce() -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let mut record = self.record.lock();
        record.version = Some(version);
        if let Some(invalid) = record.invalid.as_ref().filter(|_| self.checked) {
            return Err(invalid.error());
        }
        verify().map_err(|error| {
            // A certificate that cannot be read has no key to verify with.
            let invalid = match record.invalid.take() {
                Some(invalid) if invalid.fault == CertificateFault::Invalid => invalid,
                _ => Arc::new(InvalidCertificate::bad_signature(&error)),
            };
            record.invalid.insert(invalid).error()
        })
    }

    /// Whether only the key of a certificate counts: where webpki cannot read the certificate, and
    /// the check is off or exactly this certificate is trusted.
    fn is_key_alone(&self, certificate: &CertificateDer<'_>) -> bool {
        let accepted = !self.checked || self.validator.trust_store.contains(certificate);
        accepted && ParsedCertificate::try_from(certificate).is_err()
    }

    /// Verifies a handshake's signature under a certificate that webpki does not read, such as one
    /// of X.509 version 1, which old devices have.
    fn verify_by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, read) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = &read.public_key().subject_public_key.data;
        self.validator
            .algorithms
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| {
                algorithm
                    .verify_signature(key, message, signed.signature())
                    .is_ok()
            })
            .then(HandshakeSignatureValid::assertion)
            .ok_or(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let validated = self
            .validator
            .validate(end_entity, intermediates, server_name, now);
        let mut record = self.record.lock();
        record.chain = std::iter::once(end_entity)
            .chain(intermediates)
            .take(CHAIN_MAX)
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        record.version = None;
        record.valid = validated.as_ref().ok().copied();
        record.invalid = validated.err().map(Arc::new);
        // An invalid certificate is refused by `conclude`, with the relay's signature.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.conclude("TLS 1.2", || {
            if self.is_key_alone(certificate) {
                return self.verify_by_key(message, certificate, signed);
            }
            verify_tls12_signature(message, certificate, signed, &self.validator.algorithms)
        })
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.conclude("TLS 1.3", || {
            if self.is_key_alone(certificate) {
                return self.verify_by_key(message, certificate, signed);
            }
            verify_tls13_signature(message, certificate, signed, &self.validator.algorithms)
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.validator.algorithms.supported_schemes()
    }
}

impl ResolvesClientCert for Verifier {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.record.lock().client_certificate_requested = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
