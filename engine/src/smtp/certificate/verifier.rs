//! What rustls asks during a handshake: what the relay shows is recorded, judged, and refused
//! where it is checked.

use std::sync::Arc;

use domain::stage::CertificateFault;
use parking_lot::{Mutex, MutexGuard};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::smtp::certificate::fault::InvalidCertificate;
use crate::smtp::certificate::validation::CertificateValidator;

/// The most certificates of a chain that are recorded.
const MOST_CERTIFICATES: usize = 10;

/// The verifier of one handshake.
#[derive(Debug)]
pub(crate) struct Verifier {
    validator: CertificateValidator,
    /// Whether what is wrong ends the handshake.
    checked: bool,
    seen: Mutex<Seen>,
}

/// What a relay showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Its own certificate first; empty when it showed none.
    pub chain: Vec<CertificateDer<'static>>,
    /// As in `TLS 1.3`.
    pub version: Option<&'static str>,
    /// Why it passes; none where it does not.
    pub right: Option<&'static str>,
    pub wrong: Option<Arc<InvalidCertificate>>,
    /// Whether it asked for one of Postern's.
    pub asked: bool,
}

impl Verifier {
    pub fn new(validator: CertificateValidator, checked: bool) -> Self {
        Self {
            validator,
            checked,
            seen: Mutex::default(),
        }
    }

    /// What the relay has shown so far.
    pub fn seen(&self) -> Seen {
        self.record().clone()
    }

    fn record(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    /// The relay's proof that it holds the certificate's key. Every handshake has one, as nothing
    /// is resumed; here the version is known, so here what is wrong with the certificate ends it.
    fn conclude(
        &self,
        version: &'static str,
        proven: impl FnOnce() -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let mut seen = self.record();
        seen.version = Some(version);
        if let Some(wrong) = seen.wrong.as_ref().filter(|_| self.checked) {
            return Err(wrong.error());
        }
        proven().map_err(|error| {
            // One that cannot be read has no key to prove anything with.
            let wrong = match seen.wrong.take() {
                Some(wrong) if wrong.fault == CertificateFault::Invalid => wrong,
                _ => Arc::new(InvalidCertificate::unproven(&error)),
            };
            seen.wrong.insert(wrong).error()
        })
    }

    /// Whether nothing but the key counts of a certificate: without a check, or where it is trusted
    /// itself, if webpki does not read it.
    fn is_key_alone(&self, certificate: &CertificateDer<'_>) -> bool {
        let believed = !self.checked || self.validator.trust_store.hold(certificate);
        believed && ParsedCertificate::try_from(certificate).is_err()
    }

    /// A handshake's signature under a certificate that webpki does not read, X.509 version 1 for
    /// one. Old devices have them, and where such a one is believed nothing but its key counts.
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
        let judged = self
            .validator
            .validate(end_entity, intermediates, server_name, now);
        let mut seen = self.record();
        *seen = Seen {
            chain: std::iter::once(end_entity)
                .chain(intermediates)
                .take(MOST_CERTIFICATES)
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
            version: None,
            right: judged.as_ref().ok().copied(),
            wrong: judged.err().map(Arc::new),
            // With TLS 1.3 it asks before it shows.
            asked: seen.asked,
        };
        // `conclude` refuses it, with the relay's signature.
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
        self.record().asked = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
