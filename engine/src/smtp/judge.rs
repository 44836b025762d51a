//! Judging a relay's certificate, and saying what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use domain::stage::CertificateFault;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError, RootCertStore};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::anchors::{Anchors, compared};
use super::certificate::{moment, names, shown};

/// A certificate that does not pass: why, and what it says of itself.
#[derive(Debug, Error)]
#[error("{words}{particulars}")]
pub(super) struct Untrusted {
    pub fault: CertificateFault,
    /// As in `the certificate has expired on 2021-01-01`.
    pub words: String,
    particulars: String,
}

/// Asks webpki, and works a refusal's cause out of the chain: webpki stops at the first thing it
/// meets, which for a plain self-signed certificate is that it is an authority's.
#[derive(Debug)]
pub(super) struct Judge {
    pub anchors: Anchors,
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl Judge {
    /// Why the relay at `name` may show this certificate, sent with these others.
    pub fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<&'static str, Untrusted> {
        use CertificateFault::{ChainIncomplete, SelfSigned, UnknownIssuer, Version1};
        if self.anchors.hold(end_entity) {
            return Ok("The certificate is the very one that is trusted for this relay.");
        }
        let roots = self.anchors.roots();
        let issued = self.issued(end_entity, intermediates, name, now, &roots);
        match (issued, &self.anchors) {
            (Ok(()), Anchors::Machine(_)) => Ok(
                "The certificate is issued by an authority this machine knows, for this host, and in date.",
            ),
            (Ok(()), Anchors::Listed(_)) => Ok(
                "The certificate is issued by an authority that is trusted for this relay, for this host, and in date.",
            ),
            (Err(untrusted), Anchors::Listed(listed))
                if matches!(
                    untrusted.fault,
                    ChainIncomplete | SelfSigned | UnknownIssuer | Version1
                ) =>
            {
                Err(Untrusted::another(end_entity, listed))
            }
            (Err(untrusted), _) => Err(untrusted),
        }
    }

    fn issued(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
        roots: &RootCertStore,
    ) -> Result<(), Untrusted> {
        let Ok((_, read)) = X509Certificate::from_der(end_entity) else {
            return Err(Untrusted::unreadable());
        };
        let untrusted = |fault| Err(Untrusted::new(fault, &read, name));
        let parsed = match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => parsed,
            Err(_) if read.version() == X509Version::V1 => {
                return untrusted(CertificateFault::Version1);
            }
            Err(_) if is_self_signed(&read) => return untrusted(CertificateFault::SelfSigned),
            Err(error) => return untrusted(cause(&error)),
        };
        // Whether it would pass on a day of its own tells an old certificate from a strange one.
        let outdated = out_of_date(&read, now);
        let issued = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            intermediates,
            outdated.map_or(now, |(_, then)| then),
            self.algorithms.all,
        );
        if let Err(error) = issued
            && !is_root(end_entity, roots)
        {
            let alone = intermediates.iter().all(|other| other == end_entity);
            return untrusted(match cause(&error) {
                _ if is_self_signed(&read) => CertificateFault::SelfSigned,
                CertificateFault::UnknownIssuer if alone && is_publicly_issued(&read) => {
                    CertificateFault::ChainIncomplete
                }
                fault => fault,
            });
        }
        if let Some((fault, _)) = outdated {
            return untrusted(fault);
        }
        verify_server_name(&parsed, name).or_else(|error| untrusted(cause(&error)))
    }
}

/// Whether the certificate itself is among the roots. webpki takes no authority's certificate for
/// a server's; but a relay's own certificate, made by a plain `openssl req -x509` and added to this
/// machine's roots, is both, and trusting it is what its owner asked for.
fn is_root(certificate: &CertificateDer<'_>, roots: &RootCertStore) -> bool {
    let mut own = RootCertStore::empty();
    own.add(certificate.clone()).is_ok() && own.roots.iter().all(|root| roots.roots.contains(root))
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

/// Whether it says where its issuer's certificate can be had (RFC 5280 section 4.2.2.1), which
/// public authorities write into theirs and people who make their own do not.
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
    /// As rustls carries it.
    pub fn error(self: &Arc<Self>) -> Error {
        CertificateError::Other(OtherError(self.clone())).into()
    }

    fn unreadable() -> Self {
        Self {
            fault: CertificateFault::Invalid,
            words: "the certificate cannot be read".to_owned(),
            particulars: String::new(),
        }
    }

    /// Neither trusted itself nor issued by what is.
    fn another(shown: &CertificateDer<'_>, listed: &[CertificateDer<'_>]) -> Self {
        Self {
            fault: CertificateFault::NotTrusted,
            words: format!(
                "the certificate is not one that is trusted for this relay: {}",
                compared(shown, listed)
            ),
            particulars: String::new(),
        }
    }

    /// The relay did not prove that it holds the certificate's key.
    pub fn unproven(error: &Error) -> Self {
        Self {
            fault: CertificateFault::Invalid,
            words: "the relay's signature cannot be verified with the certificate's key".to_owned(),
            particulars: format!(" ({error})"),
        }
    }

    fn new(
        fault: CertificateFault,
        certificate: &X509Certificate<'_>,
        name: &ServerName<'_>,
    ) -> Self {
        let validity = certificate.validity();
        let from = moment(validity.not_before.timestamp()).rfc3339();
        let until = moment(validity.not_after.timestamp()).rfc3339();
        let issuer = shown(&certificate.issuer().to_string());
        // Its common name does not count (RFC 9525 section 2), and is told so.
        let names = match names(certificate) {
            none if none.is_empty() => {
                let subject = shown(&certificate.subject().to_string());
                format!("no host, only the subject {subject}")
            }
            names => shown(&names.join(", ")),
        };
        let what = match fault {
            CertificateFault::Expired => format!("has expired on {}", day(&until)),
            CertificateFault::NotYetValid => format!("is not valid before {}", day(&from)),
            CertificateFault::OtherName => format!("is for {names}, not for {}", name.to_str()),
            CertificateFault::SelfSigned => "is issued by itself, not by an authority".to_owned(),
            CertificateFault::UnknownIssuer => {
                format!("is issued by {issuer}, whom this machine does not know")
            }
            CertificateFault::ChainIncomplete => format!(
                "is sent without those that vouch for it: the relay did not send that of {issuer}"
            ),
            CertificateFault::Version1 => {
                "is of X.509 version 1, which cannot say what it is for".to_owned()
            }
            CertificateFault::NotTrusted | CertificateFault::Invalid => {
                "is not one for a mail server".to_owned()
            }
        };
        Self {
            fault,
            words: format!("the certificate {what}"),
            particulars: format!(
                " (for {names}; issued by {issuer}; valid from {from} to {until})"
            ),
        }
    }
}

/// Of a moment of RFC 3339.
fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair};

    fn judge(der: &[u8], others: &[CertificateDer<'_>]) -> Result<(), CertificateFault> {
        let provider = rustls::crypto::ring::default_provider();
        Judge {
            anchors: Anchors::Machine(Arc::new(RootCertStore::empty())),
            algorithms: provider.signature_verification_algorithms,
        }
        .judge(
            &CertificateDer::from(der),
            others,
            &ServerName::try_from("relay.test").expect("a name"),
            UnixTime::now(),
        )
        .map(|_| ())
        .map_err(|untrusted| {
            assert!(!untrusted.to_string().contains(char::is_control));
            untrusted.fault
        })
    }

    fn authority() -> CertificateParams {
        let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    #[test]
    fn damaged_certificates_are_refused_and_do_no_harm() {
        let key = KeyPair::generate().expect("a key");
        let certificate = authority().self_signed(&key).expect("a certificate");
        let der = certificate.der().as_ref();
        assert_eq!(judge(der, &[]), Err(CertificateFault::SelfSigned));
        for at in 0..der.len() {
            assert_eq!(
                judge(&der[..at], &[]),
                Err(CertificateFault::Invalid),
                "cut at {at}"
            );
            for damage in [0x01, 0x80, 0xff] {
                let mut damaged = der.to_vec();
                damaged[at] ^= damage;
                assert!(judge(&damaged, &[]).is_err(), "octet {at}");
            }
        }
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
            assert_eq!(judge(certificate, &others), Err(fault), "{what}");
        }
    }
}
