//! Validated relay settings, and the rule for reusing a saved password with changed settings.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::crypto::pem::{Block, blocks};
use crate::refusal::TextFault;
use crate::{EmailAddress, Host};

/// How the connection is encrypted.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(parse_err_ty = TextFault, parse_err_fn = unknown_connection_type)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ConnectionType {
    /// Opportunistic encryption: StartTLS is used when the relay offers it, and then it must succeed.
    None,
    /// Implicit TLS (RFC 8314 section 3), usually port 465.
    #[serde(rename = "SSL")]
    #[strum(serialize = "SSL")]
    Ssl,
    /// StartTLS is required (RFC 3207), usually port 587.
    #[serde(rename = "TLS")]
    #[strum(serialize = "TLS")]
    Tls,
}

/// The SASL mechanism of the sign-in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(parse_err_ty = TextFault, parse_err_fn = unknown_authentication_type)]
pub enum AuthenticationType {
    /// No sign-in.
    None,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, not standardised but offered by most relays.
    Login,
    /// CRAM-MD5 (RFC 2195). It does not send the password, but the relay must store it in plain text.
    #[serde(rename = "Cram_MD5")]
    #[strum(serialize = "Cram_MD5")]
    CramMd5,
}

impl AuthenticationType {
    /// The SASL mechanism (RFC 4422), as relays name it; none without a sign-in.
    pub const fn mechanism(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Plain => Some("PLAIN"),
            Self::Login => Some("LOGIN"),
            Self::CramMd5 => Some("CRAM-MD5"),
        }
    }

    /// Whether settings with this type have a password. Without a sign-in none is saved, so that
    /// there is none that other settings could send elsewhere.
    pub const fn keeps_password(self) -> bool {
        self.mechanism().is_some()
    }
}

/// How the relay's certificate is checked.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(parse_err_ty = TextFault, parse_err_fn = unknown_certificate_check)]
pub enum CertificateCheck {
    /// The certificate must be issued by a root of the system, be valid for the host name and be in
    /// date.
    Verify,
    /// The certificate must be a trusted one itself, or be issued by a trusted authority, be valid for
    /// the host name and be in date. The roots of the system do not count.
    Trusted,
    /// The certificate is not checked.
    Off,
}

macro_rules! stored_text {
    ($type:ty) => {
        impl $type {
            /// Every value, in display order.
            pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

            /// The stored text.
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }

        // The derived implementation pads, which adds 1 kB to the browser bundle.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
stored_text!(ConnectionType);
stored_text!(AuthenticationType);
stored_text!(CertificateCheck);

fn unknown_connection_type(_: &str) -> TextFault {
    "Choose None, SSL or TLS."
}

fn unknown_authentication_type(_: &str) -> TextFault {
    "Choose None, Plain, Login or Cram_MD5."
}

fn unknown_certificate_check(_: &str) -> TextFault {
    "Choose Verify, Trusted or Off."
}

/// The settings of a relay without the password, validated by [`crate::Form::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// The From address.
    pub from_address: EmailAddress,
    /// The user name; empty when there is none.
    pub username: String,
    /// The host of the relay.
    pub host: Host,
    /// The TCP port, 1 to 65535.
    pub port: u16,
    /// How the connection is encrypted.
    pub connection: ConnectionType,
    /// The mechanism of the sign-in.
    pub authentication: AuthenticationType,
    /// The display name of the From header; empty when there is none.
    pub from_name: String,
    /// The Reply-To address.
    pub reply_to: Option<EmailAddress>,
    /// The argument of EHLO; `None` means the domain of the From address.
    pub ehlo_name: Option<String>,
    /// The time-out for connecting to each address of the host.
    pub connect_timeout: Duration,
    /// The time-out for the greeting, the TLS handshake and each command.
    pub command_timeout: Duration,
    /// How the relay's certificate is checked.
    pub certificate_check: CertificateCheck,
    /// Trusted certificates as PEM; empty when there are none.
    pub trusted_certificates: String,
    /// Whether the password may be sent on an unencrypted connection.
    pub plaintext_auth: bool,
}

impl SmtpSettings {
    /// The argument of EHLO (RFC 5321 section 4.1.1.1).
    pub fn ehlo(&self) -> &str {
        self.ehlo_name
            .as_deref()
            .unwrap_or_else(|| self.from_address.domain())
    }

    /// Whether the password saved for `self` may be used with `next` without being typed again. Host,
    /// port, connection type and user must be unchanged, and `next` must not weaken the certificate
    /// check or expose the password. Where `next` keeps no password, there is nothing to type
    /// ([`AuthenticationType::keeps_password`]).
    pub fn password_stays(&self, next: &Self) -> bool {
        let same_relay = self.host == next.host
            && self.port == next.port
            && self.connection == next.connection
            && self.username == next.username;
        let check_weakened = match (self.certificate_check, next.certificate_check) {
            (CertificateCheck::Off, _) | (_, CertificateCheck::Verify) => false,
            (CertificateCheck::Trusted, CertificateCheck::Trusted) => !self.trusts_all_of(next),
            _ => true,
        };
        // CRAM-MD5 never sends the password; the other mechanisms expose it without encryption, and to a
        // man in the middle where no certificate is checked.
        let hidden = self.authentication == AuthenticationType::CramMd5
            && next.authentication != AuthenticationType::CramMd5;
        let bared = next.plaintext_auth && !self.plaintext_auth;
        let is_open = next.plaintext_auth || next.certificate_check == CertificateCheck::Off;
        let exposed = hidden && is_open;
        same_relay && !(check_weakened || bared || exposed)
    }

    /// Whether every certificate trusted by `other` is trusted by `self`. A save normalises lists, so
    /// that equal certificates have equal text.
    fn trusts_all_of(&self, other: &Self) -> bool {
        let own = blocks(&self.trusted_certificates).unwrap_or_default();
        let others = blocks(&other.trusted_certificates);
        others.is_some_and(|others| {
            let trusted = |other: &Block<'_>| own.iter().any(|own| own.body == other.body);
            others.iter().all(trusted)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Form, Label};

    #[test]
    fn a_password_is_kept_only_for_its_relay() {
        let saved = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(Label::Username, "alerts")
            .with(Label::ConnectionType, "TLS")
            .with(Label::AuthenticationType, "Plain");
        let before = saved.parse().expect("valid");
        for (label, value, stays) in [
            (Label::FromAddress, "other@example.org", true),
            (Label::FromName, "Alerts", true),
            (Label::AuthenticationType, "Login", true),
            (Label::CommandTimeout, "60", true),
            (Label::Host, "SMTP.example.org", true),
            (Label::Host, "smtp.example.net", false),
            (Label::Port, "25", false),
            (Label::Username, "other", false),
            (Label::ConnectionType, "None", false),
            (Label::ConnectionType, "SSL", false),
            (Label::CertificateCheck, "Off", false),
            (Label::PlaintextAuth, "1", false),
        ] {
            let next = saved.clone().with(label, value).parse().expect("valid");
            assert_eq!(before.password_stays(&next), stays, "{label:?} = {value}");
            if matches!(label, Label::CertificateCheck | Label::PlaintextAuth) {
                assert!(
                    next.password_stays(&before),
                    "taking {label:?} back strengthens"
                );
            }
        }
    }

    #[test]
    fn to_trust_more_is_weaker_and_to_trust_less_is_not() {
        let pem = |bodies: &[&str]| -> String {
            let block = |body| {
                format!(
                    "Subject: {body}\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
                )
            };
            bodies.iter().map(block).collect()
        };
        let settings = |(check, trusted): (&str, &[&str])| {
            Form::default()
                .with(Label::FromAddress, "alerts@example.org")
                .with(Label::Host, "smtp.example.org")
                .with(Label::Port, "587")
                .with(Label::CertificateCheck, check)
                .with(Label::TrustedCertificates, &pem(trusted))
                .parse()
                .expect("valid")
        };
        let verify: (&str, &[&str]) = ("Verify", &[]);
        let (one, other) = (("Trusted", &["AA"][..]), ("Trusted", &["BB"][..]));
        let both = ("Trusted", &["BB", "AA"][..]);
        for (from, to, stays) in [
            (verify, one, false),
            (verify, ("Verify", &["AA"]), true),
            (("Verify", &["AA"]), one, false),
            (verify, ("Off", &["AA"]), false),
            (one, verify, true),
            (one, one, true),
            (one, other, false),
            (one, both, false),
            (both, one, true),
            (both, ("Trusted", &["AA", "BB"]), true),
            (one, ("Off", &["AA"]), false),
            (("Off", &[]), one, true),
            (("Off", &[]), verify, true),
        ] {
            let [before, next] = [from, to].map(settings);
            assert_eq!(before.password_stays(&next), stays, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn cram_md5_to_unencrypted_plain_requires_the_password() {
        let hidden = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "25")
            .with(Label::PlaintextAuth, "1")
            .with(Label::AuthenticationType, "Cram_MD5");
        let shown = hidden.clone().with(Label::AuthenticationType, "Plain");
        let [hidden, shown] = [hidden, shown].map(|form| form.parse().expect("valid"));
        assert!(!hidden.password_stays(&shown));
        assert!(shown.password_stays(&hidden));
    }

    #[test]
    fn each_weakening_requires_the_password() {
        let base = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .with(Label::Username, "alerts")
            .with(Label::AuthenticationType, "Plain");
        let settings = |check: &str, plaintext: &str, authentication: &str| {
            base.clone()
                .with(Label::CertificateCheck, check)
                .with(
                    Label::TrustedCertificates,
                    "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n",
                )
                .with(Label::PlaintextAuth, plaintext)
                .with(Label::AuthenticationType, authentication)
                .parse()
                .expect("valid")
        };
        for (from, to, stays) in [
            (("Verify", "0", "Plain"), ("Verify", "0", "Login"), true),
            (("Verify", "0", "Plain"), ("Verify", "1", "Cram_MD5"), false),
            (("Verify", "1", "Plain"), ("Verify", "1", "Login"), true),
            (("Verify", "1", "Plain"), ("Verify", "1", "Cram_MD5"), true),
            (("Verify", "1", "Cram_MD5"), ("Verify", "1", "Login"), false),
            (
                ("Verify", "1", "Cram_MD5"),
                ("Verify", "1", "Cram_MD5"),
                true,
            ),
            (("Verify", "0", "Cram_MD5"), ("Verify", "0", "Plain"), true),
            (("Off", "0", "Plain"), ("Off", "0", "Plain"), true),
            (("Off", "0", "Cram_MD5"), ("Off", "0", "Plain"), false),
            (("Off", "0", "Cram_MD5"), ("Verify", "0", "Plain"), true),
            (("Off", "0", "Plain"), ("Off", "1", "Plain"), false),
            (("Off", "1", "Plain"), ("Verify", "0", "Plain"), true),
            (("Verify", "0", "Plain"), ("Off", "0", "Plain"), false),
        ] {
            let [before, next] = [from, to].map(|(check, plaintext, authentication)| {
                settings(check, plaintext, authentication)
            });
            assert_eq!(before.password_stays(&next), stays, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn stored_texts_parse_and_are_the_texts_of_json() {
        use super::{AuthenticationType, CertificateCheck, ConnectionType};
        fn check<T>(values: &[T], texts: &[&str])
        where
            T: std::str::FromStr<Err = &'static str>
                + ToString
                + PartialEq
                + std::fmt::Debug
                + serde::Serialize,
        {
            assert_eq!(values.len(), texts.len());
            for (value, text) in values.iter().zip(texts) {
                assert_eq!(value.to_string(), *text);
                assert_eq!(text.parse::<T>().as_ref(), Ok(value));
                assert_eq!(serde_json::to_value(value).expect("serialises"), *text);
            }
            let fault = "other".parse::<T>().expect_err("unknown");
            assert!(texts.iter().all(|text| fault.contains(text)), "{fault}");
        }
        check(ConnectionType::ALL, &["None", "SSL", "TLS"]);
        check(
            AuthenticationType::ALL,
            &["None", "Plain", "Login", "Cram_MD5"],
        );
        check(CertificateCheck::ALL, &["Verify", "Trusted", "Off"]);
    }

    #[test]
    fn the_ehlo_name_defaults_to_the_from_domain() {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.net")
            .with(Label::Port, "25");
        let ehlo = |form: &Form| form.parse().expect("valid").ehlo().to_owned();
        assert_eq!(ehlo(&form), "example.org");
        assert_eq!(
            ehlo(&form.with(Label::EhloName, "gate.example.org")),
            "gate.example.org"
        );
    }
}
