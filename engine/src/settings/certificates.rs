//! Trusted certificates of a relay: validated, normalised, and stored with a description each.

use std::fmt::Write as _;

use domain::crypto::pem;
use domain::smtp::certificate::Certificate;
use domain::{CertificateCheck, Label, Refusal, SmtpSettings, Timestamp};

use super::Settings;
use crate::Actor;
use crate::audit::Action;
use crate::smtp::{decode, parse_certificate};

/// The maximum number of trusted certificates for a relay.
const CERTIFICATES_MAX: usize = 16;

impl Settings {
    /// Merges the certificates of `listed` and `added` (PEM) into the text that a save would store.
    /// Nothing is saved.
    ///
    /// With `authorities`, `added` must contain a CA certificate: a CA alone, or a chain that
    /// includes one. A relay's own certificate can be trusted only from a diagnosis that found it.
    ///
    /// # Errors
    /// [`Kind::Invalid`](domain::Kind::Invalid) under `smtp_trusted_certificates`. The text repeats
    /// nothing of the input but the subject of a certificate, so that a pasted private key is not
    /// echoed. [`Kind::Forbidden`](domain::Kind::Forbidden) for a token or a
    /// local user that may not change the settings of any relay.
    pub async fn add_certificates(
        &self,
        actor: &Actor,
        listed: &str,
        added: &str,
        authorities: bool,
    ) -> Result<String, Refusal> {
        self.audit
            .audited(actor, Action::ReadCertificates, async {
                actor.changes_settings()?;
                let mut all = match listed.trim() {
                    "" => Vec::new(),
                    listed => read(listed)?,
                };
                let added = read(added)?;
                if authorities
                    && added.iter().all(|one| !one.authority)
                    && let Some(first) = added.first()
                {
                    return Err(fault(format!(
                        "This is not a CA certificate: {}. Add the certificate of its issuer, or \
                         trust this one in a diagnosis that found it.",
                        first.subject
                    )));
                }
                all.extend(added);
                written(all)
            })
            .await
    }
}

/// Normalises PEM text for storage: each certificate once, preceded by its description as
/// explanatory text (RFC 7468 section 5.2). An empty text stays empty.
///
/// # Errors
/// A fault under `smtp_trusted_certificates` if the text is not a list of certificates, or is too
/// large.
pub(super) fn normalised(text: &str) -> Result<String, Refusal> {
    match text {
        "" => Ok(String::new()),
        text => written(read(text)?),
    }
}

/// When no certificate of the relay passes any more: the end of the last trusted CA certificate, where
/// only such are trusted. The dates of other trusted certificates do not count.
pub(super) fn end_of_authorities(settings: &SmtpSettings) -> Option<Timestamp> {
    if settings.certificate_check != CertificateCheck::Trusted {
        return None;
    }
    let trusted = read(&settings.trusted_certificates).ok()?;
    let only_authorities = trusted.iter().all(|one| one.authority);
    let ends = trusted.iter().map(|one| one.not_after);
    ends.max().filter(|_| only_authorities)
}

/// Parses every certificate in PEM text.
fn read(text: &str) -> Result<Vec<Certificate>, Refusal> {
    // Windows editors write a byte order mark at the start of a file.
    let text = text.trim_start_matches('\u{feff}');
    if text.contains("PRIVATE KEY") {
        return Err(fault(pem::PRIVATE_KEY));
    }
    if let Some(text) = pem::fault(text) {
        return Err(fault(text));
    }
    let Some(blocks) = decode(text) else {
        return Err(fault(
            "This is not PEM, which begins with -----BEGIN CERTIFICATE-----. Convert a DER file \
             with: openssl x509 -inform der -in FILE",
        ));
    };
    for block in &blocks {
        match block.label {
            "CERTIFICATE" => {}
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                return Err(fault(
                    "This is a certificate request. Enter the certificate that was issued for it.",
                ));
            }
            _ => {
                return Err(fault(
                    "This is PEM, but not a certificate, which begins with -----BEGIN \
                     CERTIFICATE-----.",
                ));
            }
        }
    }
    let certificates = blocks
        .iter()
        .map(|block| parse_certificate(block.der.as_ref()?));
    (1..)
        .zip(certificates)
        .map(|(number, certificate)| {
            certificate.ok_or_else(|| {
                fault(format!(
                    "Certificate {number} of {} cannot be read. Copy it again, from BEGIN to END.",
                    blocks.len()
                ))
            })
        })
        .collect()
}

/// Writes the certificates without duplicates, and checks their number and the total size.
fn written(certificates: Vec<Certificate>) -> Result<String, Refusal> {
    let mut each: Vec<Certificate> = Vec::new();
    for certificate in certificates {
        if each.iter().all(|other| other.sha256 != certificate.sha256) {
            each.push(certificate);
        }
    }
    if each.len() > CERTIFICATES_MAX {
        return Err(fault(
            "At most 16 certificates can be trusted. Remove some.",
        ));
    }
    let text: String = each.iter().map(described).collect();
    if text.len() > pem::TEXT_MAX {
        return Err(fault("Together they are larger than 48 kB. Remove some."));
    }
    Ok(text.trim_end().to_owned())
}

/// The PEM block of a certificate, preceded by its description.
fn described(certificate: &Certificate) -> String {
    let mut text = String::new();
    let trusted_as = match certificate.authority {
        true => "CA, for the certificates it issued; their names and dates count",
        false => "this exact certificate; its names and dates do not count",
    };
    for (name, value) in [
        ("Subject", &certificate.subject),
        ("Issuer", &certificate.issuer),
        ("Names", &certificate.names.join(", ")),
        ("Valid from", &certificate.not_before.rfc3339()),
        ("Valid until", &certificate.not_after.rfc3339()),
        ("SHA-256", &certificate.sha256),
        ("Trusted as", &trusted_as.to_owned()),
    ] {
        if !value.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    text + &certificate.pem
}

fn fault(text: impl Into<String>) -> Refusal {
    Refusal::field(Label::TrustedCertificates, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Form;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};

    fn made(subject: &str) -> String {
        let mut params = CertificateParams::new(["relay.test".to_owned()]).expect("names");
        params.distinguished_name.push(DnType::CommonName, subject);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").pem()
    }

    /// A CA certificate that ends with the beginning of this year.
    fn authority(year: i32) -> String {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").pem()
    }

    #[test]
    fn the_last_trusted_authority_decides_how_long_certificates_pass() {
        let (early, late, leaf) = (authority(2030), authority(2040), made("leaf"));
        for (check, trusted, expected) in [
            ("Trusted", early.clone(), Some("2030-01-01T00:00:00Z")),
            (
                "Trusted",
                format!("{early}{late}"),
                Some("2040-01-01T00:00:00Z"),
            ),
            ("Trusted", format!("{early}{leaf}"), None),
            ("Verify", early.clone(), None),
        ] {
            let form = Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Host, "smtp.example.org")
                .with(Label::Port, "587")
                .with(Label::CertificateCheck, check)
                .with(Label::TrustedCertificates, &trusted);
            let end = end_of_authorities(&form.parse().expect("valid"));
            let end = end.map(Timestamp::rfc3339);
            assert_eq!(end.as_deref(), expected, "{check}");
        }
    }

    #[test]
    fn a_certificate_is_written_with_its_description() {
        let (one, other) = (made("one"), made("other\n-----BEGIN X-----"));
        let pasted = format!("SHA-256: made up\n{one}\nSubject: CN=me\r\n{other}{one}");
        let text = normalised(&pasted).expect("certificates");
        let all = pem::blocks(&text).expect("certificates");
        assert_eq!(all.len(), 2, "{text}");
        for (block, subject) in all.iter().zip(["CN=one", "CN=other"]) {
            let words = block.preamble;
            let lines: Vec<_> = words.trim_start().lines().collect();
            let [subject_line, _, names, from, until, sha256, trusted_as] = lines[..] else {
                panic!("{words}");
            };
            assert!(subject_line.starts_with("Subject: "), "{words}");
            assert!(subject_line.contains(subject), "{words}");
            assert_eq!(names, "Names: relay.test");
            assert!(from.starts_with("Valid from: ") && until.starts_with("Valid until: "));
            assert_eq!(sha256.len(), "SHA-256: ".len() + 32 * 3 - 1);
            assert!(trusted_as.starts_with("Trusted as: this exact certificate"));
        }
        assert!(!text.contains("made up") && !text.contains("CN=me"));
        assert_eq!(normalised(&text).expect("the same"), text);
        assert_eq!(normalised("").expect("nothing"), "");
    }

    #[test]
    fn an_invalid_certificate_is_refused_with_its_own_reason() {
        let certificate = made("one");
        let many: String = (0..17).map(|n| made(&n.to_string())).collect();
        let as_a = |kind: &str| certificate.replace("CERTIFICATE-", &format!("{kind}-"));
        let key = KeyPair::generate().expect("a key").serialize_pem();
        let secret = key.lines().nth(1).expect("a line").to_owned();
        for (text, word) in [
            ("no PEM".to_owned(), "not PEM"),
            (format!("{certificate}{key}"), "private key"),
            (
                key.replace("-----B", "  -----B").replace("-\n", "- \n"),
                "private key",
            ),
            (as_a("CERTIFICATE REQUEST"), "request"),
            (as_a("NEW CERTIFICATE REQUEST"), "request"),
            (as_a("PKCS7"), "not a certificate"),
            (certificate.replace("MII", "MIJ"), "Certificate 1 of 1"),
            (certificate.replacen('\n', "\n!", 1), "Certificate 1 of 1"),
            (
                format!("{certificate}{}", certificate.replace("MII", "MI")),
                "Certificate 2 of 2",
            ),
            (many, "At most 16"),
        ] {
            let refusal = normalised(&text).expect_err("refused");
            let fault = &refusal.fields["smtp_trusted_certificates"];
            assert!(fault.contains(word), "{fault}");
            assert!(!refusal.to_string().contains(&secret));
        }
    }
}
