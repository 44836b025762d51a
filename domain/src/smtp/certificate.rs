//! A relay's certificates and the result of validating them, for display.

use serde::Serialize;

use crate::Timestamp;
use crate::smtp::stage::CertificateFault;

/// An X.509 certificate (RFC 5280), formatted for display.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Certificate {
    /// The distinguished name of the subject.
    pub subject: String,
    /// The DNS names and IP addresses of the subject (RFC 5280 section 4.2.1.6).
    pub names: Vec<String>,
    /// The distinguished name of the issuer.
    pub issuer: String,
    /// The start of the validity period.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub not_before: Timestamp,
    /// The end of the validity period.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub not_after: Timestamp,
    /// Type and size of the public key, as in `RSA 2048` or `EC P-256`.
    pub key: String,
    /// The SHA-256 fingerprint, in hexadecimal with colons.
    pub sha256: String,
    /// Whether it is a certificate authority (RFC 5280 section 4.2.1.9).
    pub authority: bool,
    /// The certificate as PEM (RFC 7468).
    pub pem: String,
}

/// The end of a verdict when the certificate check is off.
pub const UNCHECKED: &str = " The certificate check is off.";

/// A TLS handshake with a relay, complete or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Handshake {
    /// The protocol version, as in `TLS 1.3`; none when it was not negotiated.
    pub version: Option<String>,
    /// The cipher suite, as in `TLS_AES_256_GCM_SHA384`; none when it was not negotiated.
    pub cipher: Option<String>,
    /// The chain as sent, the relay's own certificate first; empty when none was sent.
    pub chain: Vec<Certificate>,
    /// The fault found by the configured check, or by the system's roots when the check is off.
    /// None when the certificate passes.
    pub fault: Option<CertificateFault>,
    /// Whether a fault ends the session; false when the check is off.
    pub checked: bool,
    /// Whether the relay requested a client certificate (RFC 8446 section 4.3.2). Postern has none,
    /// and the request may be optional.
    pub client_certificate_requested: bool,
    /// The result of the check as a sentence for the user.
    pub verdict: String,
}

impl Handshake {
    /// The details of the handshake for display, one per line.
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

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake() -> Handshake {
        Handshake {
            version: Some("TLS 1.3".to_owned()),
            cipher: Some("TLS_AES_256_GCM_SHA384".to_owned()),
            chain: vec![Certificate {
                subject: "CN=smtp.example.org".to_owned(),
                names: vec!["smtp.example.org".to_owned(), "192.0.2.1".to_owned()],
                issuer: "CN=Example CA".to_owned(),
                not_before: Timestamp(0),
                not_after: Timestamp(86_400_000),
                key: "EC P-256".to_owned(),
                sha256: "AA:BB".to_owned(),
                authority: false,
                pem: String::new(),
            }],
            fault: None,
            checked: true,
            client_certificate_requested: true,
            verdict: "It passes.".to_owned(),
        }
    }

    #[test]
    fn facts_have_a_line_for_each_detail() {
        assert_eq!(
            handshake().facts(),
            [
                "TLS 1.3, TLS_AES_256_GCM_SHA384",
                "The relay asked for a client certificate; Postern has none.",
                "It passes.",
                "certificate 1: CN=smtp.example.org",
                "  for smtp.example.org, 192.0.2.1",
                "  issued by CN=Example CA",
                "  valid from 1970-01-01 00:00 UTC to 1970-01-02 00:00 UTC",
                "  EC P-256, SHA-256 AA:BB",
            ]
        );
        let mut bare = handshake();
        bare.chain[0].names.clear();
        assert_eq!(bare.facts().len(), 7);
        let failed = Handshake {
            version: None,
            cipher: None,
            chain: Vec::new(),
            client_certificate_requested: false,
            verdict: String::new(),
            ..bare
        };
        assert!(failed.facts().is_empty());
    }

    #[test]
    fn dates_serialise_as_rfc_3339() {
        let json = serde_json::to_value(&handshake().chain[0]).expect("serialises");
        assert_eq!(json["not_after"], "1970-01-02T00:00:00Z");
    }
}
