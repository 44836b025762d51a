//! Whom a relay's certificate is believed for: the roots of this machine, or the certificates an
//! administrator trusts for the relay, and then nobody else.

use std::sync::Arc;

use domain::{CertificateCheck, SmtpSettings};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::smtp::certificate::description::in_words;
use crate::smtp::certificate::pem::blocks;

/// The most trusted certificates that a refusal names.
const MOST_NAMED: usize = 3;

#[derive(Clone, Debug)]
pub(crate) enum TrustStore {
    Machine(Arc<RootCertStore>),
    Listed(Vec<CertificateDer<'static>>),
}

impl TrustStore {
    /// Those of the settings. Without a check they are this machine's, so that what is wrong is
    /// known all the same.
    pub fn of(settings: &SmtpSettings, machine: &Arc<RootCertStore>) -> Self {
        match settings.certificate_check {
            CertificateCheck::Trusted => Self::Listed(listed(&settings.trusted_certificates)),
            CertificateCheck::Verify | CertificateCheck::Off => Self::Machine(machine.clone()),
        }
    }

    /// Whether this very certificate is trusted, whatever stands in it.
    pub fn hold(&self, certificate: &CertificateDer<'_>) -> bool {
        match self {
            Self::Machine(_) => false,
            Self::Listed(listed) => listed.contains(certificate),
        }
    }

    /// Those that vouch for others.
    pub fn roots(&self) -> Arc<RootCertStore> {
        match self {
            Self::Machine(roots) => roots.clone(),
            Self::Listed(listed) => {
                let authorities = listed.iter().filter(|der| is_authority(der)).cloned();
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(authorities);
                Arc::new(roots)
            }
        }
    }
}

/// Settings that are saved hold only what can be read.
fn listed(pem: &str) -> Vec<CertificateDer<'static>> {
    let blocks = blocks(pem).unwrap_or_default().into_iter();
    blocks
        .filter_map(|block| Some(CertificateDer::from(block.der?)))
        .collect()
}

fn is_authority(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, read)| read.is_ca())
}

/// What was shown, and what is trusted instead: by fingerprint and date, for these are what
/// changes when a relay renews its certificate.
pub(crate) fn compared(shown: &CertificateDer<'_>, listed: &[CertificateDer<'_>]) -> String {
    let told = |der: &[u8]| {
        in_words(der).map_or_else(String::new, |certificate| {
            format!(
                "SHA-256 {}, valid until {}",
                certificate.sha256,
                certificate.not_after.rfc3339()
            )
        })
    };
    let trusted: Vec<String> = listed
        .iter()
        .take(MOST_NAMED)
        .map(|der| told(der))
        .collect();
    let more = match listed.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        "shown was the one with {}; trusted is {}{more}",
        told(shown),
        trusted.join("; ")
    )
}
