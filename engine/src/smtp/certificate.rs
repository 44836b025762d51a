//! Judging a relay's certificate, and saying what is wrong with it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::stage::CertificateFault;
use domain::{CertificateCheck, Instant};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// The most characters of a certificate's own words that are repeated.
const MOST_WORDS: usize = 200;

/// A certificate that does not pass: why, and what it says of itself.
#[derive(Debug, Error)]
#[error("the certificate {what}{particulars}")]
pub(super) struct Untrusted {
    pub fault: CertificateFault,
    what: &'static str,
    particulars: String,
}

/// Asks webpki, and works a refusal's cause out of the chain: webpki stops at the first thing it
/// meets, which for a plain self-signed certificate is that it is an authority's.
#[derive(Debug)]
pub(super) struct Verifier {
    check: CertificateCheck,
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub fn new(
        check: CertificateCheck,
        roots: Arc<RootCertStore>,
        provider: &CryptoProvider,
    ) -> Self {
        Self {
            check,
            roots,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Untrusted> {
        let Ok((_, read)) = X509Certificate::from_der(end_entity) else {
            return Err(Untrusted::unreadable());
        };
        let untrusted = |fault| Err(Untrusted::new(fault, &read));
        let parsed = match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => parsed,
            Err(_) if is_self_signed(&read) => return untrusted(CertificateFault::SelfSigned),
            Err(error) => return untrusted(cause(&error)),
        };
        // Whether it would pass on a day of its own tells an old certificate from a strange one.
        let outdated = out_of_date(&read, now);
        let issued = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            outdated.map_or(now, |(_, then)| then),
            self.algorithms.all,
        );
        if let Err(error) = issued
            && !self.is_root(end_entity)
        {
            return untrusted(if is_self_signed(&read) {
                CertificateFault::SelfSigned
            } else {
                cause(&error)
            });
        }
        if let Some((fault, _)) = outdated {
            return untrusted(fault);
        }
        verify_server_name(&parsed, name).or_else(|error| untrusted(cause(&error)))
    }

    /// Whether the certificate itself is among the roots. webpki takes no authority's certificate
    /// for a server's; but a relay's own certificate, made by a plain `openssl req -x509` and added
    /// to this machine's roots, is both, and trusting it is what its owner asked for.
    fn is_root(&self, certificate: &CertificateDer<'_>) -> bool {
        let mut own = RootCertStore::empty();
        own.add(certificate.clone()).is_ok()
            && own.roots.iter().all(|root| self.roots.roots.contains(root))
    }

    /// Whether nothing but the key counts of a certificate: without a check, where webpki does not
    /// read it.
    fn is_key_alone(&self, certificate: &CertificateDer<'_>) -> bool {
        self.check == CertificateCheck::Off && ParsedCertificate::try_from(certificate).is_err()
    }

    /// A handshake's signature under a certificate that webpki does not read, X.509 version 1 for
    /// one. Old devices have them, and without a check nothing but their key counts.
    fn verify_by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, read) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = &read.public_key().subject_public_key.data;
        self.algorithms
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
        if self.check == CertificateCheck::Verify {
            self.judge(end_entity, intermediates, server_name, now)
                .map_err(|untrusted| {
                    Error::from(CertificateError::Other(OtherError(Arc::new(untrusted))))
                })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_key_alone(certificate) {
            return self.verify_by_key(message, certificate, signed);
        }
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.is_key_alone(certificate) {
            return self.verify_by_key(message, certificate, signed);
        }
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// If the certificate is not in date: how, and the moment nearest to now when it is.
fn out_of_date(
    certificate: &X509Certificate<'_>,
    now: UnixTime,
) -> Option<(CertificateFault, UnixTime)> {
    let unix = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    let validity = certificate.validity();
    let first = unix(validity.not_before.timestamp());
    let last = unix(validity.not_after.timestamp());
    if now.as_secs() > last.as_secs() {
        Some((CertificateFault::Expired, last))
    } else if now.as_secs() < first.as_secs() {
        Some((CertificateFault::NotYetValid, first))
    } else {
        None
    }
}

fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
        && certificate.verify_signature(None).is_ok()
}

/// What webpki's refusal means, where it stands for itself.
fn cause(error: &Error) -> CertificateFault {
    let Error::InvalidCertificate(error) = error else {
        return CertificateFault::Invalid;
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateFault::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateFault::OtherName
        }
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
        _ => CertificateFault::Invalid,
    }
}

impl Untrusted {
    fn unreadable() -> Self {
        Self {
            fault: CertificateFault::Invalid,
            what: "cannot be read",
            particulars: String::new(),
        }
    }

    fn new(fault: CertificateFault, certificate: &X509Certificate<'_>) -> Self {
        let what = match fault {
            CertificateFault::Expired => "has expired",
            CertificateFault::NotYetValid => "is not valid yet",
            CertificateFault::OtherName => "is for another name",
            CertificateFault::SelfSigned => "is issued by itself",
            CertificateFault::UnknownIssuer => "is issued by nobody this machine knows",
            CertificateFault::ChainIncomplete => "is sent without those that vouch for it",
            CertificateFault::Version1 => "is of X.509 version 1",
            CertificateFault::NotTrusted => "is not the one that is trusted",
            CertificateFault::Invalid => "is not one for a mail server",
        };
        let day = |seconds: i64| Instant(seconds.saturating_mul(1000)).rfc3339();
        let validity = certificate.validity();
        Self {
            fault,
            what,
            particulars: format!(
                " (for {}; issued by {}; valid from {} to {})",
                shown(&names(certificate)),
                shown(&certificate.issuer().to_string()),
                day(validity.not_before.timestamp()),
                day(validity.not_after.timestamp()),
            ),
        }
    }
}

/// The names and addresses a certificate is for. Its common name does not count (RFC 9525
/// section 2), and is told so.
fn names(certificate: &X509Certificate<'_>) -> String {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
        return format!("no host, only the subject {}", certificate.subject());
    };
    alternative
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect::<Vec<_>>()
        .join(", ")
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string()))
        .ok()
}

/// A stranger's words: no control characters, and not without end.
fn shown(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    if let Some((cut, _)) = text.char_indices().nth(MOST_WORDS) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    fn judge(der: &[u8]) -> Result<(), CertificateFault> {
        let provider = rustls::crypto::ring::default_provider();
        let roots = Arc::new(RootCertStore::empty());
        Verifier::new(CertificateCheck::Verify, roots, &provider)
            .judge(
                &CertificateDer::from(der),
                &[],
                &ServerName::try_from("relay.test").expect("a name"),
                UnixTime::now(),
            )
            .map_err(|untrusted| {
                assert!(!untrusted.to_string().contains(char::is_control));
                untrusted.fault
            })
    }

    #[test]
    fn damaged_certificates_are_refused_and_do_no_harm() {
        let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let der = certificate.der().as_ref();
        assert_eq!(judge(der), Err(CertificateFault::SelfSigned));
        for at in 0..der.len() {
            assert_eq!(
                judge(&der[..at]),
                Err(CertificateFault::Invalid),
                "cut at {at}"
            );
            for damage in [0x01, 0x80, 0xff] {
                let mut damaged = der.to_vec();
                damaged[at] ^= damage;
                assert!(judge(&damaged).is_err(), "octet {at}");
            }
        }
    }
}
