//! What a relay's certificate is validated against: this machine's roots, or listed certificates.

use std::sync::Arc;

use domain::{CertificateCheck, SmtpSettings};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::parse::parse_certificate;
use super::pem::decode;

/// The most trusted certificates that a failure names.
const NAMED_MAX: usize = 3;

/// What a relay's certificate is validated against.
#[derive(Clone, Debug)]
pub(crate) enum TrustStore {
    /// The roots of this machine.
    System(Arc<RootCertStore>),
    /// The certificates an administrator trusts for the relay, and no others.
    Listed(Vec<CertificateDer<'static>>),
}

impl TrustStore {
    /// The store that the settings ask for. Where the check is off it is the system's, so that a
    /// fault is known and can be shown.
    pub fn new(settings: &SmtpSettings, system: &Arc<RootCertStore>) -> Self {
        match settings.certificate_check {
            CertificateCheck::Trusted => Self::Listed(listed(&settings.trusted_certificates)),
            CertificateCheck::Verify | CertificateCheck::Off => Self::System(system.clone()),
        }
    }

    /// Whether this exact certificate is listed. Its names and dates then do not count.
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        match self {
            Self::System(_) => false,
            Self::Listed(listed) => listed.contains(certificate),
        }
    }

    /// The CA certificates, which other certificates may be issued by.
    pub fn roots(&self) -> Arc<RootCertStore> {
        match self {
            Self::System(roots) => roots.clone(),
            Self::Listed(listed) => {
                let authorities = listed.iter().filter(|der| is_authority(der)).cloned();
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(authorities);
                Arc::new(roots)
            }
        }
    }
}

/// Saved settings hold only certificates that can be read.
fn listed(pem: &str) -> Vec<CertificateDer<'static>> {
    let blocks = decode(pem).unwrap_or_default().into_iter();
    blocks
        .filter_map(|block| Some(CertificateDer::from(block.der?)))
        .collect()
}

fn is_authority(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, read)| read.is_ca())
}

/// The presented certificate beside the listed ones, by fingerprint and date: these are what
/// changes when a relay renews its certificate.
pub(super) fn compare(presented: &CertificateDer<'_>, listed: &[CertificateDer<'_>]) -> String {
    let described = |der: &[u8]| {
        parse_certificate(der).map_or_else(String::new, |certificate| {
            format!(
                "SHA-256 {}, valid until {}",
                certificate.sha256,
                certificate.not_after.rfc3339()
            )
        })
    };
    let trusted: Vec<String> = listed
        .iter()
        .take(NAMED_MAX)
        .map(|der| described(der))
        .collect();
    let more = match listed.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        "presented is the one with {}; trusted is {}{more}",
        described(presented),
        trusted.join("; ")
    )
}
