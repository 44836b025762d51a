//! A certificate as a relay showed it, and what came of checking it.

use serde::Serialize;

use crate::Timestamp;
use crate::stage::CertificateFault;

/// An X.509 certificate (RFC 5280), in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Its distinguished name.
    pub subject: String,
    /// The host names and addresses it is for (RFC 5280 section 4.2.1.6).
    pub names: Vec<String>,
    /// The distinguished name of who signed it.
    pub issuer: String,
    #[serde(serialize_with = "rfc3339")]
    pub not_before: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    pub not_after: Timestamp,
    /// Kind and size of the key, as in `RSA 2048` or `EC P-256`.
    pub key: String,
    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub sha256: String,
    /// Whether it may sign others (RFC 5280 section 4.2.1.9).
    pub authority: bool,
    /// The certificate itself (RFC 7468).
    pub pem: String,
}

/// What a verdict ends with where the check is off.
pub const UNCHECKED: &str = " Nobody checks it.";

/// A TLS handshake with a relay, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handshake {
    /// As in `TLS 1.3`; none when it did not come so far.
    pub version: Option<String>,
    /// As in `TLS_AES_256_GCM_SHA384`; none when it did not come so far.
    pub cipher: Option<String>,
    /// As the relay sent it, its own certificate first. Empty when it sent none.
    pub chain: Vec<Certificate>,
    /// What is wrong with it by the check that is configured; without a check, by this machine's
    /// roots. None when it passes.
    pub fault: Option<CertificateFault>,
    /// Whether a fault ends the session: not where the check is off.
    pub checked: bool,
    /// Whether the relay asked for a certificate, as it may without needing one (RFC 8446 section
    /// 4.3.2). Postern has none.
    pub client_certificate_requested: bool,
    /// What the check said, as a sentence for a person.
    pub verdict: String,
}

impl Handshake {
    /// What was learnt, a line each, for a person.
    pub fn facts(&self) -> Vec<String> {
        let agreed = [self.version.as_deref(), self.cipher.as_deref()];
        let agreed: Vec<&str> = agreed.into_iter().flatten().collect();
        let mut facts = Vec::new();
        if !agreed.is_empty() {
            facts.push(agreed.join(", "));
        }
        if self.client_certificate_requested {
            facts.push("The relay asked for a client certificate; Postern has none.".to_owned());
        }
        if !self.verdict.is_empty() {
            facts.push(self.verdict.clone());
        }
        for (place, certificate) in (1..).zip(&self.chain) {
            facts.push(format!("certificate {place}: {}", certificate.subject));
            if !certificate.names.is_empty() {
                facts.push(format!("  for {}", certificate.names.join(", ")));
            }
            facts.push(format!("  issued by {}", certificate.issuer));
            let (from, to) = (certificate.not_before, certificate.not_after);
            facts.push(format!("  valid from {from} to {to}"));
            facts.push(format!(
                "  {}, SHA-256 {}",
                certificate.key, certificate.sha256
            ));
        }
        facts
    }
}

fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}
