//! The kind of input of each field, its hint and its cautions.

use domain::Label;

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// A line of text: its on-screen keyboard and its placeholder.
    Line {
        keyboard: &'static str,
        placeholder: &'static str,
    },
    /// One of a few values, each with an explanation.
    Choice(&'static [(&'static str, &'static str)]),
    /// `1` or `0`, and the text beside the box.
    Switch(&'static str),
    /// A list of certificates.
    Certificates,
}

/// The input of a field.
pub const fn control(label: Label) -> Control {
    match label {
        Label::FromAddress => line("email", "alerts@example.org"),
        Label::Username | Label::Password => line("text", ""),
        Label::Host => line("url", "smtp.example.org"),
        Label::Port => line("numeric", "587"),
        Label::ConnectionType => Control::Choice(&[
            ("None", "None (StartTLS) — encrypted if the relay offers it"),
            ("SSL", "SSL — TLS from the first byte, usually port 465"),
            ("TLS", "TLS — StartTLS required, usually port 587"),
        ]),
        Label::AuthenticationType => Control::Choice(&[
            (
                "None",
                "None — the relay accepts this machine without sign-in",
            ),
            ("Plain", "Plain — for most relays"),
            ("Login", "Login — for relays without Plain"),
            ("Cram_MD5", "Cram_MD5 — for relays that ask for it"),
        ]),
        Label::FromName => line("text", "Example alerts"),
        Label::ReplyTo => line("email", "desk@example.org"),
        Label::EhloName => line("url", "gate.example.org"),
        Label::ConnectTimeout | Label::CommandTimeout => line("numeric", label.default_value()),
        Label::CertificateCheck => Control::Choice(&[
            ("Verify", "Verify — it must be valid for the host"),
            ("Trusted", "Trusted — only certificates listed here count"),
            ("Off", "Off — any certificate is accepted"),
        ]),
        Label::TrustedCertificates => Control::Certificates,
        Label::PlaintextAuth => Control::Switch("Allow the password without encryption"),
    }
}

const fn line(keyboard: &'static str, placeholder: &'static str) -> Control {
    Control::Line {
        keyboard,
        placeholder,
    }
}

/// The hint of a field, in a sentence or two.
pub const fn hint(label: Label) -> &'static str {
    match label {
        Label::FromAddress => "The From address of every message.",
        Label::Username => "Often the whole email address. Empty without authentication.",
        Label::Password => "Sealed in this browser before it is sent, and never shown again.",
        Label::Host => "Name or IP address of the relay that takes the mail.",
        Label::Port => "Usually 587; 465 with SSL; 25 between servers.",
        Label::ConnectionType => "How the connection to the relay is encrypted.",
        Label::AuthenticationType => "How Postern signs in at the relay.",
        Label::FromName => "Shown beside the From address.",
        Label::ReplyTo => "The address for replies, if it is not the From address.",
        Label::EhloName => "The name in the EHLO command. Empty: the domain of the From address.",
        Label::ConnectTimeout => "Seconds, 1 to 120, for each address of the host.",
        Label::CommandTimeout => "Seconds, 1 to 120, for each reply of the relay.",
        Label::CertificateCheck => "Which certificates of the relay are accepted.",
        Label::TrustedCertificates => {
            "With the check Trusted, only these are accepted and those that a CA among them issued."
        }
        Label::PlaintextAuth => "Only for a relay without any encryption.",
    }
}

/// The caution about a value.
pub fn caution(label: Label, value: &str) -> Option<&'static str> {
    match (label, value) {
        (Label::AuthenticationType, "Cram_MD5") => Some(
            "It hides the password from eavesdroppers, but the relay must store it in plaintext. \
             Inside TLS, Plain is the better choice.",
        ),
        (Label::CertificateCheck, "Off") => Some(
            "Anybody on the network path can impersonate the relay and read the password and all mail. Use it as the last resort.",
        ),
        (Label::PlaintextAuth, "1") => Some(
            "Where the relay offers no encryption, anybody on the network path can read the password.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AuthenticationType, CertificateCheck, ConnectionType};

    #[test]
    fn a_choice_offers_exactly_the_stored_values() {
        let offered = |label| match control(label) {
            Control::Choice(choices) => choices.iter().map(|(value, _)| *value).collect(),
            _ => Vec::new(),
        };
        let connections: Vec<&str> = ConnectionType::ALL.iter().map(|c| c.as_str()).collect();
        let sign_ins: Vec<&str> = AuthenticationType::ALL.iter().map(|a| a.as_str()).collect();
        let checks: Vec<&str> = CertificateCheck::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(offered(Label::ConnectionType), connections);
        assert_eq!(offered(Label::AuthenticationType), sign_ins);
        assert_eq!(offered(Label::CertificateCheck), checks);
    }
}
