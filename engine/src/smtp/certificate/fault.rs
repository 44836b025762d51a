//! Why a relay's certificate is not valid, as text.

use std::sync::Arc;

use domain::Timestamp;
use domain::smtp::stage::CertificateFault;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, OtherError};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::distinguished_name::distinguished_name;
use super::parse::names;
use super::text::shown;
use super::trust_store::compare;
use super::validity::out_of_date;

/// A certificate that did not pass validation: the reason, and the names and dates in it.
#[derive(Debug, Error)]
#[error("{reason}{particulars}")]
pub(crate) struct InvalidCertificate {
    pub fault: CertificateFault,
    /// As in `the certificate has expired on 2021-01-01`.
    pub reason: String,
    particulars: String,
}

impl InvalidCertificate {
    /// Wraps it in the error that a rustls verifier returns.
    pub fn error(self: &Arc<Self>) -> Error {
        CertificateError::Other(OtherError(self.clone())).into()
    }

    /// For bytes that are no X.509 certificate.
    pub fn unreadable() -> Self {
        Self {
            fault: CertificateFault::Invalid,
            reason: "the certificate cannot be read".to_owned(),
            particulars: String::new(),
        }
    }

    /// For a certificate whose issuer's certificate is outside its validity period.
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
                Timestamp::from_unix_seconds(validity.not_before.timestamp()).rfc3339(),
                Timestamp::from_unix_seconds(validity.not_after.timestamp()).rfc3339(),
            ))
        });
        Self {
            fault,
            reason: "the certificate of the issuer is not in date".to_owned(),
            particulars: issuers.map(|issuer| format!("; {issuer}")).collect(),
        }
    }

    /// For a certificate that is neither listed nor issued by a listed one.
    pub fn not_listed(presented: &CertificateDer<'_>, listed: &[CertificateDer<'_>]) -> Self {
        Self {
            fault: CertificateFault::NotTrusted,
            reason: format!(
                "the certificate is not one that is trusted for this relay: {}",
                compare(presented, listed)
            ),
            particulars: String::new(),
        }
    }

    /// For a relay that did not prove possession of the certificate's key.
    pub fn bad_signature(error: &Error) -> Self {
        Self {
            fault: CertificateFault::Invalid,
            reason: "the relay's signature cannot be verified with the certificate's key"
                .to_owned(),
            particulars: format!(" ({error})"),
        }
    }

    /// For a certificate that can be read.
    pub fn new(
        fault: CertificateFault,
        certificate: &X509Certificate<'_>,
        name: &ServerName<'_>,
    ) -> Self {
        let validity = certificate.validity();
        let from = Timestamp::from_unix_seconds(validity.not_before.timestamp()).rfc3339();
        let until = Timestamp::from_unix_seconds(validity.not_after.timestamp()).rfc3339();
        let issuer = distinguished_name(certificate.issuer());
        // The common name does not count (RFC 9525 section 2), and the text says so.
        let names = match names(certificate) {
            none if none.is_empty() => {
                let subject = distinguished_name(certificate.subject());
                format!("no host, only the subject {subject}")
            }
            names => shown(&names.join(", ")),
        };
        let what = match fault {
            CertificateFault::Expired => format!("has expired on {}", date(&until)),
            CertificateFault::NotYetValid => format!("is not valid before {}", date(&from)),
            CertificateFault::OtherName => format!("is for {names}, not for {}", name.to_str()),
            CertificateFault::SelfSigned => "is issued by itself, not by an authority".to_owned(),
            CertificateFault::UnknownIssuer => {
                format!("is issued by {issuer}, which this machine does not know")
            }
            CertificateFault::ChainIncomplete => format!(
                "is sent without its issuer's certificate: the relay did not send that of {issuer}"
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
            reason: format!("the certificate {what}"),
            particulars: format!(
                " (for {names}; issued by {issuer}; valid from {from} to {until})"
            ),
        }
    }
}

/// The date of a timestamp in RFC 3339.
fn date(timestamp: &str) -> &str {
    timestamp.split('T').next().unwrap_or(timestamp)
}
