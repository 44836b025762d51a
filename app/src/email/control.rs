//! How each field is operated, and the words that explain it.

use domain::Label;

/// What a person operates.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// A line of text: its on-screen keyboard, and what stands there while it is empty.
    Line {
        keyboard: &'static str,
        placeholder: &'static str,
    },
    /// One of a few values, each with the words that explain it.
    Choice(&'static [(&'static str, &'static str)]),
    /// `1` or `0`, and the words beside the box.
    Switch(&'static str),
    /// A list of certificates.
    Certificates,
}

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
            ("None", "None — the relay knows this machine"),
            ("Plain", "Plain — what most relays want"),
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
            ("Off", "Off — believe whoever answers"),
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

/// What a field is for, in a sentence or two.
pub const fn hint(label: Label) -> &'static str {
    match label {
        Label::FromAddress => "The From of all mail.",
        Label::Username => "Often the whole email address. Empty where nobody signs in.",
        Label::Password => "Sealed in this browser before it is sent, and never shown again.",
        Label::Host => "Name or IP address of the relay that takes the mail.",
        Label::Port => "Usually 587; 465 with SSL; 25 between servers.",
        Label::ConnectionType => "How the line to the relay is encrypted.",
        Label::AuthenticationType => "How Postern signs in at the relay.",
        Label::FromName => "Shown beside the From address.",
        Label::ReplyTo => "Where answers go, if not to the From address.",
        Label::EhloName => "How Postern introduces itself. Empty: the domain of the From address.",
        Label::ConnectTimeout => "Seconds, 1 to 120, for each address of the host.",
        Label::CommandTimeout => "Seconds, 1 to 120, for each answer of the relay.",
        Label::CertificateCheck => "Whether the relay has to prove who it is.",
        Label::TrustedCertificates => {
            "With the check Trusted only these count, and what a CA among them issued."
        }
        Label::PlaintextAuth => "Only for a relay that has no encryption at all.",
    }
}

/// What to know about a value before choosing it.
pub fn caution(label: Label, value: &str) -> Option<&'static str> {
    match (label, value) {
        (Label::AuthenticationType, "Cram_MD5") => Some(
            "It hides the password from who listens, and makes the relay keep it in the clear. Inside TLS, Plain is the better choice.",
        ),
        (Label::CertificateCheck, "Off") => Some(
            "Anybody on the way can pose as the relay and read the password and all mail. The last resort.",
        ),
        (Label::PlaintextAuth, "1") => {
            Some("Where the relay offers no encryption, anybody on the way can read the password.")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AuthenticationType, CertificateCheck, ConnectionType};

    #[test]
    fn a_choice_offers_exactly_the_values_that_are_stored() {
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
