//! Reads an X.509 certificate (RFC 5280) into `domain::smtp::certificate::Certificate`.
//!
//! The issuer chose its texts: control characters are removed and lengths limited.

use std::net::IpAddr;

use domain::Timestamp;
use domain::smtp::certificate::Certificate;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::distinguished_name::distinguished_name;
use super::pem::encode;
use super::text::shown;

/// The most host names of a certificate that are shown.
const NAMES_MAX: usize = 30;

/// Reads a certificate in DER. `None` where it cannot be read, or bytes follow it.
pub(crate) fn parse_certificate(der: &[u8]) -> Option<Certificate> {
    let (rest, read) = X509Certificate::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let validity = read.validity();
    Some(Certificate {
        subject: distinguished_name(read.subject()),
        names: names(&read),
        issuer: distinguished_name(read.issuer()),
        not_before: Timestamp::from_unix_seconds(validity.not_before.timestamp()),
        not_after: Timestamp::from_unix_seconds(validity.not_after.timestamp()),
        key: key(read.public_key()),
        sha256: fingerprint(der),
        authority: read.is_ca(),
        pem: encode(der),
    })
}

/// SHA-256, in hexadecimal with colons.
fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der)
        .iter()
        .map(|octet| format!("{octet:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// The host names and addresses that a certificate is valid for, at most [`NAMES_MAX`]. The common
/// name does not count (RFC 9525 section 2).
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let mut names = alternative
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(shown(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
    let mut listed: Vec<String> = names.by_ref().take(NAMES_MAX).collect();
    let more = names.count();
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    listed
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::from(octets).to_string()))
        .ok()
}

/// Kind and size, as in `RSA 2048`, `EC P-256` or `Ed25519`.
fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = key.algorithm.algorithm.to_id_string();
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        return format!("RSA {}", bits(rsa.modulus));
    }
    let curve = || Some(key.algorithm.parameters()?.as_oid().ok()?.to_id_string());
    match (algorithm.as_str(), curve().as_deref()) {
        ("1.2.840.10045.2.1", Some("1.2.840.10045.3.1.7")) => "EC P-256".to_owned(),
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => "EC P-384".to_owned(),
        ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => "EC P-521".to_owned(),
        ("1.2.840.10045.2.1", Some(curve)) => shown(&format!("EC {curve}")),
        ("1.2.840.10045.2.1", None) => "EC".to_owned(),
        ("1.3.101.112", _) => "Ed25519".to_owned(),
        ("1.3.101.113", _) => "Ed448".to_owned(),
        ("1.2.840.10040.4.1", _) => "DSA".to_owned(),
        (other, _) => shown(other),
    }
}

/// The size of a big-endian integer, in bits.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number[zeros..].first().map_or(0, |first| {
        let spare = usize::try_from(first.leading_zeros()).unwrap_or(0);
        (number.len() - zeros) * 8 - spare
    })
}

#[cfg(test)]
mod tests {
    use domain::sanitize::printable;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384,
        PKCS_ED25519, date_time_ymd,
    };
    use x509_parser::pem::parse_x509_pem;

    use super::super::text::TEXT_MAX;
    use super::*;

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        CertificateParams::new(names).expect("names")
    }

    fn made(params: CertificateParams, key: &KeyPair) -> Certificate {
        let certificate = params.self_signed(key).expect("a certificate");
        parse_certificate(certificate.der()).expect("a certificate")
    }

    #[test]
    fn a_certificate_is_parsed_completely() {
        let key = KeyPair::generate_for(&PKCS_ED25519).expect("a key");
        let mut params = params(&["relay.test", "192.0.2.1", "2001:db8::1"]);
        params.distinguished_name.push(DnType::CommonName, "Relay");
        params.not_before = date_time_ymd(2020, 1, 2);
        params.not_after = date_time_ymd(2030, 3, 4);
        let certificate = made(params, &key);
        assert!(certificate.subject.contains("CN=Relay"), "{certificate:?}");
        assert_eq!(certificate.issuer, certificate.subject);
        assert_eq!(
            certificate.names,
            ["relay.test", "192.0.2.1", "2001:db8::1"]
        );
        assert_eq!(certificate.not_before.rfc3339(), "2020-01-02T00:00:00Z");
        assert_eq!(certificate.not_after.rfc3339(), "2030-03-04T00:00:00Z");
        assert_eq!(certificate.key, "Ed25519");
        assert!(!certificate.authority);
        let (_, read) = parse_x509_pem(certificate.pem.as_bytes()).expect("PEM");
        assert_eq!(fingerprint(&read.contents), certificate.sha256);
        assert_eq!(certificate.sha256.len(), 32 * 3 - 1);
    }

    #[test]
    fn kinds_of_keys() {
        let p256 = KeyPair::generate().expect("a key");
        assert_eq!(made(params(&[]), &p256).key, "EC P-256");
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let mut authority = params(&[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = made(authority, &p384);
        assert_eq!(authority.key, "EC P-384");
        assert!(authority.authority);
        for (number, expected) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, 0x80, 0], 16),
            (&[0x7f, 0xff], 15),
        ] {
            assert_eq!(bits(number), expected, "{number:?}");
        }
    }

    #[test]
    fn hostile_text_is_cut_and_names_are_counted() {
        let names: Vec<String> = (0..100).map(|n| format!("n{n}.test")).collect();
        let mut hostile = params(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let text = format!("a\u{1b}[31m\r\n\u{202e}b{}", "x".repeat(1_000));
        hostile.distinguished_name.push(DnType::CommonName, text);
        let certificate = made(hostile, &KeyPair::generate().expect("a key"));
        assert_eq!(
            printable(&certificate.subject, usize::MAX),
            certificate.subject
        );
        assert_eq!(certificate.subject.chars().count(), TEXT_MAX + 1);
        assert_eq!(certificate.names.len(), NAMES_MAX + 1);
        assert_eq!(certificate.names[NAMES_MAX], "and 70 more");
    }
}
