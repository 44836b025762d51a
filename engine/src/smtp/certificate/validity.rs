//! The validity period of a certificate (RFC 5280 section 4.1.2.5).

use std::time::Duration;

use domain::smtp::stage::CertificateFault;
use rustls::pki_types::UnixTime;
use x509_parser::certificate::X509Certificate;

/// How a certificate is outside its validity period.
pub(super) struct OutOfDate {
    /// [`CertificateFault::Expired`] or [`CertificateFault::NotYetValid`].
    pub fault: CertificateFault,
    /// The time closest to now at which the certificate is valid.
    pub closest: UnixTime,
}

/// `None` where the certificate is valid at `now`.
pub(super) fn out_of_date(certificate: &X509Certificate<'_>, now: UnixTime) -> Option<OutOfDate> {
    let unix = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    };
    let validity = certificate.validity();
    let first = unix(validity.not_before.timestamp());
    let last = unix(validity.not_after.timestamp());
    if now.as_secs() > last.as_secs() {
        Some(OutOfDate {
            fault: CertificateFault::Expired,
            closest: last,
        })
    } else if now.as_secs() < first.as_secs() {
        Some(OutOfDate {
            fault: CertificateFault::NotYetValid,
            closest: first,
        })
    } else {
        None
    }
}
