//! Checks of the certificates of HTTP and SMTP: their files, dates and names.

use std::net::{IpAddr, SocketAddr};

use domain::Timestamp;
use domain::home::EXPIRY_NOTICE;
use domain::timestamp::DAY;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::finding::Finding;
use crate::tls::CertificateFiles;

/// The files as the arguments name them; `None` where they name none. With a `host`, the certificate must
/// be for it.
pub fn certificate(
    check: &'static str,
    given: Result<Option<CertificateFiles>, String>,
    host: Option<&str>,
    now: Timestamp,
) -> Option<Finding> {
    let files = match given {
        Ok(files) => files?,
        Err(error) => return Some(Finding::fault(check, error, "give both")),
    };
    let chain = match files.read() {
        Ok(certified) => certified.cert.clone(),
        Err(error) => {
            let repair = "name readable PEM files of a certificate and its key";
            return Some(Finding::fault(check, error, repair));
        }
    };
    let shown = files.certificate.display();
    let parsed = chain
        .first()
        .map(|first| x509_parser::parse_x509_certificate(first));
    let Some(Ok((_, certificate))) = parsed else {
        let text = format!("{shown} has no X.509 certificate");
        return Some(Finding::fault(check, text, "have a certificate issued"));
    };
    let renew = format!("renew {shown}; postern reads it again within a minute");
    let validity = certificate.validity();
    let (begins, ends) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let seconds = now.unix_seconds();
    let days = (ends - seconds).div_euclid(DAY.as_secs() as i64);
    let until = Timestamp::from_unix_seconds(ends).rfc3339();
    Some(if seconds < begins {
        let from = Timestamp::from_unix_seconds(begins).rfc3339();
        Finding::fault(check, format!("{shown} is valid from {from} on"), renew)
    } else if seconds >= ends {
        Finding::fault(check, format!("{shown} has expired at {until}"), renew)
    } else if let Some(host) = host.filter(|host| !is_for(&certificate, host)) {
        let text = format!("{shown} is not for {host}, the host of the public URL");
        Finding::fault(check, text, format!("have a certificate issued for {host}"))
    } else if ends - seconds < EXPIRY_NOTICE.as_secs() as i64 {
        Finding::warning(check, format!("{shown} expires in {days} days"), renew)
    } else {
        Finding::ok(check, format!("{shown} is valid until {until}"))
    })
}

/// What SMTP at these addresses lacks without a certificate; `None` where it needs none.
pub fn missing_for_smtp(plain: Option<SocketAddr>, secure: Option<SocketAddr>) -> Option<Finding> {
    const CHECK: &str = "SMTP certificate";
    const REPAIR: &str = "give --submission-cert and --submission-key";
    if secure.is_some() {
        let text = "there is none, and postern serve does not start with --submissions";
        return Some(Finding::fault(CHECK, text, REPAIR));
    }
    let is_local = plain?.ip().to_canonical().is_loopback();
    let text = "there is none, and programs of other machines sign in inside TLS only";
    (!is_local).then(|| Finding::warning(CHECK, text, REPAIR))
}

/// Whether a certificate is for a host (RFC 6125 section 6.4), an address or a name, of which the first
/// label may be a wildcard.
fn is_for(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let mut names = names.value.general_names.iter();
    names.any(|name| match (name, address) {
        (GeneralName::IPAddress(octets), Some(IpAddr::V4(ip))) => **octets == ip.octets(),
        (GeneralName::IPAddress(octets), Some(IpAddr::V6(ip))) => **octets == ip.octets(),
        (GeneralName::DNSName(name), None) => match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        },
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::super::finding::FindingState;
    use super::*;

    /// Files with a certificate of the year 2027 for these names.
    fn files(folder: &Path, names: &[&str]) -> CertificateFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2027, 1, 1);
        params.not_after = date_time_ymd(2028, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let files = CertificateFiles {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.certificate, certificate.pem()).expect("written");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
        files
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_certificate_has_dates_and_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["mail.example.org", "*.example.net", "192.0.2.7"];
        let files = files(folder.path(), &names);
        for (now, host, expected) in [
            ("2027-06-01T00:00:00Z", None, FindingState::Ok),
            (
                "2027-06-01T00:00:00Z",
                Some("MAIL.example.org"),
                FindingState::Ok,
            ),
            (
                "2027-06-01T00:00:00Z",
                Some("a.example.net"),
                FindingState::Ok,
            ),
            ("2027-06-01T00:00:00Z", Some("192.0.2.7"), FindingState::Ok),
            (
                "2027-06-01T00:00:00Z",
                Some("example.net"),
                FindingState::Fault,
            ),
            (
                "2027-06-01T00:00:00Z",
                Some("a.b.example.net"),
                FindingState::Fault,
            ),
            (
                "2027-06-01T00:00:00Z",
                Some("192.0.2.8"),
                FindingState::Fault,
            ),
            ("2026-12-31T00:00:00Z", None, FindingState::Fault),
            ("2027-12-25T00:00:00Z", None, FindingState::Warning),
            ("2028-01-02T00:00:00Z", None, FindingState::Fault),
        ] {
            let found = certificate("certificate", Ok(Some(files.clone())), host, at(now));
            let found = found.expect("a finding");
            assert_eq!(found.state, expected, "{now} {host:?}: {found:?}");
        }
    }

    #[test]
    fn smtp_for_other_machines_needs_a_certificate() {
        let here = Some(([127, 0, 0, 1], 587).into());
        let open = Some(([0, 0, 0, 0], 587).into());
        for (plain, secure, expected) in [
            (None, None, None),
            (here, None, None),
            (open, None, Some(FindingState::Warning)),
            (None, here, Some(FindingState::Fault)),
            (open, open, Some(FindingState::Fault)),
        ] {
            let found = missing_for_smtp(plain, secure).map(|finding| finding.state);
            assert_eq!(found, expected, "{plain:?} {secure:?}");
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_faults() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = at("2027-06-01T00:00:00Z");
        assert_eq!(certificate("certificate", Ok(None), None, now), None);
        let missing = CertificateFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        for given in [Ok(Some(missing)), Err("they belong together".to_owned())] {
            let found = certificate("certificate", given, None, now).expect("a finding");
            assert_eq!(found.state, FindingState::Fault, "{found:?}");
        }
    }
}
