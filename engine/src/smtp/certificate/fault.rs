//! What is wrong with a relay's certificate, in words.

use std::sync::Arc;

use domain::stage::CertificateFault;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, OtherError};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::smtp::certificate::description::{moment, names, shown};
use crate::smtp::certificate::distinguished_name::distinguished_name;
use crate::smtp::certificate::trust_store::compared;
use crate::smtp::certificate::validation::out_of_date;

/// A certificate that does not pass: why, and what it says of itself.
#[derive(Debug, Error)]
#[error("{words}{particulars}")]
pub(crate) struct InvalidCertificate {
    pub fault: CertificateFault,
    /// As in `the certificate has expired on 2021-01-01`.
    pub words: String,
    particulars: String,
}

impl InvalidCertificate {
    /// As rustls carries it.
    pub fn error(self: &Arc<Self>) -> Error {
        CertificateError::Other(OtherError(self.clone())).into()
    }

    pub fn unreadable() -> Self {
        Self {
            fault: CertificateFault::Invalid,
            words: "the certificate cannot be read".to_owned(),
            particulars: String::new(),
        }
    }

    /// One of those that vouch for it is not in date.
    pub fn by_issuer(
        fault: CertificateFault,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Self {
        let issuers = intermediates.iter().filter_map(|der| {
            let (_, issuer) = X509Certificate::from_der(der).ok()?;
            out_of_date(&issuer, now)?;
            let validity = issuer.validity();
            Some(format!(
                "{} (valid from {} to {})",
                distinguished_name(issuer.subject()),
                moment(validity.not_before.timestamp()).rfc3339(),
                moment(validity.not_after.timestamp()).rfc3339(),
            ))
        });
        Self {
            fault,
            words: "the certificate is vouched for by one that is not in date".to_owned(),
            particulars: issuers.map(|issuer| format!("; {issuer}")).collect(),
        }
    }

    /// Neither trusted itself nor issued by what is.
    pub fn another(shown: &CertificateDer<'_>, listed: &[CertificateDer<'_>]) -> Self {
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

    pub fn new(
        fault: CertificateFault,
        certificate: &X509Certificate<'_>,
        name: &ServerName<'_>,
    ) -> Self {
        let validity = certificate.validity();
        let from = moment(validity.not_before.timestamp()).rfc3339();
        let until = moment(validity.not_after.timestamp()).rfc3339();
        let issuer = distinguished_name(certificate.issuer());
        // Its common name does not count (RFC 9525 section 2), and is told so.
        let names = match names(certificate) {
            none if none.is_empty() => {
                let subject = distinguished_name(certificate.subject());
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
