//! Validates a relay's certificate and finds the cause where it is not valid.

use domain::smtp::stage::CertificateFault;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::fault::InvalidCertificate;
use super::trust_store::TrustStore;
use super::validity::out_of_date;

/// Validates by webpki and works the cause of a refusal out of the chain, because webpki stops at
/// the first fault: for a plain self-signed certificate, that it is a CA certificate.
#[derive(Debug)]
pub(crate) struct CertificateValidator {
    pub trust_store: TrustStore,
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl CertificateValidator {
    /// Validates the certificate of the relay `name`, sent with `intermediates`, at the time `now`.
    /// Returns a sentence that says why it is valid.
    ///
    /// # Errors
    /// The fault of the certificate.
    pub fn validate(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<&'static str, InvalidCertificate> {
        use CertificateFault::{ChainIncomplete, SelfSigned, UnknownIssuer, Version1};
        if self.trust_store.contains(end_entity) {
            return Ok("This exact certificate is trusted for this relay.");
        }
        let roots = self.trust_store.roots();
        let issued = self.issued(end_entity, intermediates, name, now, &roots);
        match (issued, &self.trust_store) {
            (Ok(()), TrustStore::System(_)) => Ok(
                "The certificate is issued by an authority this machine knows, for this host, and in date.",
            ),
            (Ok(()), TrustStore::Listed(_)) => Ok(
                "The certificate is issued by an authority that is trusted for this relay, for this host, and in date.",
            ),
            (Err(invalid), TrustStore::Listed(listed))
                if matches!(
                    invalid.fault,
                    ChainIncomplete | SelfSigned | UnknownIssuer | Version1
                ) =>
            {
                Err(InvalidCertificate::not_listed(end_entity, listed))
            }
            (Err(invalid), _) => Err(invalid),
        }
    }

    fn issued(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
        roots: &RootCertStore,
    ) -> Result<(), InvalidCertificate> {
        let Ok((_, read)) = X509Certificate::from_der(end_entity) else {
            return Err(InvalidCertificate::unreadable());
        };
        let invalid = |fault| Err(InvalidCertificate::new(fault, &read, name));
        let parsed = match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => parsed,
            Err(_) if read.version() == X509Version::V1 => {
                return invalid(CertificateFault::Version1);
            }
            Err(_) if is_self_signed(&read) => return invalid(CertificateFault::SelfSigned),
            Err(error) => return invalid(cause(&error)),
        };
        // Validated at a time within its own period, so that an expired certificate of a known
        // issuer is distinguished from one of an unknown issuer.
        let outdated = out_of_date(&read, now);
        let issued = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            intermediates,
            outdated.as_ref().map_or(now, |outdated| outdated.closest),
            self.algorithms.all,
        );
        if let Err(error) = issued
            && !is_root(end_entity, roots)
        {
            let alone = intermediates.iter().all(|other| other == end_entity);
            return match cause(&error) {
                _ if is_self_signed(&read) => invalid(CertificateFault::SelfSigned),
                CertificateFault::UnknownIssuer if alone && is_publicly_issued(&read) => {
                    invalid(CertificateFault::ChainIncomplete)
                }
                // Its own dates are right at that time, so it is an issuer's that are not.
                fault @ (CertificateFault::Expired | CertificateFault::NotYetValid) => {
                    Err(InvalidCertificate::by_issuer(fault, intermediates, now))
                }
                fault => invalid(fault),
            };
        }
        if let Some(outdated) = outdated {
            return invalid(outdated.fault);
        }
        verify_server_name(&parsed, name).or_else(|error| invalid(cause(&error)))
    }
}

/// Whether the certificate itself is among the roots. webpki accepts no CA certificate for a
/// server; but a relay's certificate made by a plain `openssl req -x509` and added to this
/// machine's roots is both, and trusting it is what the administrator asked for.
fn is_root(certificate: &CertificateDer<'_>, roots: &RootCertStore) -> bool {
    let mut own = RootCertStore::empty();
    own.add(certificate.clone()).is_ok() && own.roots.iter().all(|root| roots.roots.contains(root))
}

fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
        && certificate.verify_signature(None).is_ok()
}

/// Whether it names the location of its issuer's certificate (RFC 5280 section 4.2.2.1), as
/// certificates of public authorities do and privately made ones do not.
fn is_publicly_issued(certificate: &X509Certificate<'_>) -> bool {
    certificate
        .iter_extensions()
        .any(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => access
                .iter()
                .any(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS),
            _ => false,
        })
}

/// The fault that an error of webpki stands for.
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
        // A bad signature: the issuer has the name of a known one, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateFault::UnknownIssuer
        }
        _ => CertificateFault::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
        date_time_ymd,
    };

    fn validate(der: &[u8], others: &[CertificateDer<'_>]) -> Result<(), CertificateFault> {
        with_roots(RootCertStore::empty())
            .validate(
                &CertificateDer::from(der),
                others,
                &ServerName::try_from("relay.test").expect("a name"),
                UnixTime::now(),
            )
            .map(|_| ())
            .map_err(|invalid| {
                assert!(!invalid.to_string().contains(char::is_control));
                invalid.fault
            })
    }

    fn with_roots(roots: RootCertStore) -> CertificateValidator {
        let provider = rustls::crypto::ring::default_provider();
        CertificateValidator {
            trust_store: TrustStore::System(Arc::new(roots)),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn authority() -> CertificateParams {
        let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    #[test]
    fn damaged_certificates_are_refused_without_a_panic() {
        let key = KeyPair::generate().expect("a key");
        let certificate = authority().self_signed(&key).expect("a certificate");
        let der = certificate.der().as_ref();
        assert_eq!(validate(der, &[]), Err(CertificateFault::SelfSigned));
        for at in 0..der.len() {
            assert_eq!(
                validate(&der[..at], &[]),
                Err(CertificateFault::Invalid),
                "cut at {at}"
            );
            for damage in [0x01, 0x80, 0xff] {
                let mut damaged = der.to_vec();
                damaged[at] ^= damage;
                assert!(validate(&damaged, &[]).is_err(), "octet {at}");
            }
        }
    }

    #[test]
    fn an_expired_issuer_is_distinguished_from_the_certificate() {
        let made = |common_name: &str, year| {
            let mut params = authority();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params
                .distinguished_name
                .push(DnType::CommonName, common_name);
            params.not_after = date_time_ymd(year, 1, 1);
            params
        };
        let key = || KeyPair::generate().expect("a key");
        let root_key = key();
        let root = made("Root", 2999).self_signed(&root_key).expect("a root");
        let middle_key = key();
        let middle = made("Middle", 2021)
            .signed_by(&middle_key, &Issuer::new(made("Root", 2999), root_key))
            .expect("an issuer");
        let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
        params.not_after = date_time_ymd(2999, 1, 1);
        let certificate = params
            .signed_by(&key(), &Issuer::new(made("Middle", 2021), middle_key))
            .expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).expect("a root");
        let invalid = with_roots(roots)
            .validate(
                certificate.der(),
                &[middle.der().clone()],
                &ServerName::try_from("relay.test").expect("a name"),
                UnixTime::now(),
            )
            .expect_err("not in date");
        assert_eq!(invalid.fault, CertificateFault::Expired);
        let text = invalid.to_string();
        assert!(
            text.contains("CN=Middle") && text.contains("to 2021-01-01"),
            "{text}"
        );
    }

    #[test]
    fn a_chain_is_incomplete_only_where_there_must_be_more_of_it() {
        // AuthorityInfoAccessSyntax: one caIssuers or OCSP with the URI `http:`.
        let access = |method: u8| {
            let mut der = vec![0x30, 0x13, 0x30, 0x11, 0x06, 0x08];
            der.extend([0x2b, 6, 1, 5, 5, 7, 0x30, method]);
            der.extend([0x86, 5]);
            der.extend(b"http:");
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], der)
        };
        let issuer_key = KeyPair::generate().expect("a key");
        let issuer_certificate = authority().self_signed(&issuer_key).expect("a certificate");
        let issuer = Issuer::new(authority(), issuer_key);
        let made = |extensions| {
            let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.custom_extensions = extensions;
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            certificate.der().clone()
        };
        let (issuers, ocsp, plain) = (made(vec![access(2)]), made(vec![access(1)]), made(vec![]));
        for (what, certificate, others, fault) in [
            ("alone", &issuers, vec![], CertificateFault::ChainIncomplete),
            (
                "sent twice",
                &issuers,
                vec![issuers.clone()],
                CertificateFault::ChainIncomplete,
            ),
            (
                "with its issuer",
                &issuers,
                vec![issuer_certificate.der().clone()],
                CertificateFault::UnknownIssuer,
            ),
            (
                "naming no issuer",
                &ocsp,
                vec![],
                CertificateFault::UnknownIssuer,
            ),
            (
                "naming nothing",
                &plain,
                vec![],
                CertificateFault::UnknownIssuer,
            ),
        ] {
            assert_eq!(validate(certificate, &others), Err(fault), "{what}");
        }
    }
}
