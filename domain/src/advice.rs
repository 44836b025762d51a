//! From what was observed to what to do: one sentence for a failed test.

use crate::settings::{ConnectionType, SmtpSettings};
use crate::stage::{CertificateFault, Failure, Fault, Stage};

/// What the administrator can do about a failure of a session with these settings.
pub fn advice(failure: &Failure, settings: &SmtpSettings) -> &'static str {
    match &failure.fault {
        Fault::NameNotFound => "Check the spelling of the host name; DNS does not know it.",
        Fault::ResolverFailed => {
            "DNS does not answer this machine; check its resolver, or enter the relay's IP address for now."
        }
        Fault::ConnectionRefused => {
            "The host is there but nothing listens at this port; check the port (587, 465, 25 or 2525) and that the mail service runs."
        }
        Fault::Unreachable => {
            "This machine has no route to the relay; check the address and the network."
        }
        Fault::NoAnswer => {
            "A firewall most likely drops this port; try 587, 465 or 2525, or have the port opened for this machine."
        }
        Fault::AddressNotAllowed => {
            "Whoever runs this Postern does not allow this address; ask them, or choose another relay."
        }
        Fault::TimedOut
            if failure.stage == Stage::Greeting && settings.connection != ConnectionType::Ssl =>
        {
            "The relay is connected but says nothing; if this is port 465, choose SSL."
        }
        Fault::TimedOut if failure.stage == Stage::Tls => {
            "The relay does not answer the TLS handshake; with StartTLS ports (587, 25) choose TLS instead of SSL."
        }
        Fault::TimedOut => {
            "The relay stopped answering; try again, raise the command time-out, or ask its operator."
        }
        Fault::Closed | Fault::Reset if failure.stage == Stage::Auth => {
            "The relay hung up while signing in; check user name and password, and whether it wants another authentication type or encryption first."
        }
        Fault::Closed | Fault::Reset if matches!(failure.stage, Stage::Tls | Stage::StartTls) => {
            "The connection was cut during the TLS handshake, often by a firewall that inspects mail; try port 465 with SSL."
        }
        Fault::Closed | Fault::Reset => {
            "The relay hung up; it may refuse this machine's address or be overloaded, so try again or ask its operator."
        }
        Fault::NotTls => {
            "This port does not speak TLS from the first byte; choose TLS (StartTLS), or port 465."
        }
        Fault::Handshake | Fault::TlsTooOld => {
            "Relay and Postern found no common way to encrypt; the relay must offer TLS 1.2 or 1.3."
        }
        Fault::Certificate(CertificateFault::Expired) => {
            "Have the relay's operator renew the certificate; check this machine's clock too."
        }
        Fault::Certificate(CertificateFault::NotYetValid) => {
            "Check this machine's clock; the certificate is not valid yet."
        }
        Fault::Certificate(CertificateFault::OtherName) => {
            "Enter the host name that stands in the certificate."
        }
        Fault::Certificate(
            CertificateFault::SelfSigned
            | CertificateFault::UnknownIssuer
            | CertificateFault::ChainIncomplete
            | CertificateFault::NotTrusted,
        ) => {
            "Have the relay's certificate issued by a known authority, or add its authority to this machine's certificates."
        }
        Fault::Certificate(CertificateFault::Invalid | CertificateFault::Version1) => {
            "Have the relay's operator replace the certificate; it is not one that can be checked."
        }
        Fault::ResponseInjection => {
            "Somebody may be tampering with the connection; use SSL on port 465, and look at what stands between this machine and the relay."
        }
        Fault::StartTlsNotOffered => {
            "The relay, or something in between, does not offer StartTLS; try SSL on port 465."
        }
        Fault::Malformed => "What answers does not speak SMTP as it should; check host and port.",
        Fault::MechanismNotOffered(offered) if offered.is_empty() => {
            "The relay offers no way to sign in here; choose encryption (TLS or SSL) or authentication None."
        }
        Fault::MechanismNotOffered(_) => {
            "Choose one of the authentication types that the relay offers."
        }
        Fault::EncryptionRequired => {
            "Choose TLS or SSL; only if the relay has no encryption at all, allow the password without it under More options."
        }
        Fault::NoCredentials => "Enter user name and password, or choose authentication None.",
        Fault::SmtpUtf8NotOffered => {
            "The relay takes only ASCII addresses; use addresses without accents or other scripts before the @."
        }
        Fault::EightBitNotOffered => "The relay takes only 7-bit mail.",
        Fault::LineBreak => {
            "The mail or an address holds a line break where none may be; have whoever made it mend it."
        }
        Fault::TooBig(_) => "The relay does not take mail of this size.",
        Fault::Deadline => {
            "The whole test took too long; the relay is very slow or stuck, so ask its operator."
        }
        Fault::Rejected => rejected(failure),
    }
}

fn rejected(failure: &Failure) -> &'static str {
    let Some(reply) = &failure.reply else {
        return "Ask the relay's operator what the refusal means.";
    };
    match (failure.stage, reply.code, reply.enhanced) {
        (_, 421, _) => "The relay is closing or overloaded; try again in some minutes.",
        (Stage::Auth, 534 | 538, _) => {
            "The relay wants another authentication type, or an app password from the provider."
        }
        (Stage::Auth, 454, _) => {
            "The relay cannot sign anybody in at the moment; try again in some minutes."
        }
        (Stage::Auth, 500..=599, _) => {
            "Check user name and password; many providers want an app password here instead of the ordinary one."
        }
        (_, 530, _) => {
            "The relay wants a sign-in or encryption first; choose an authentication type and TLS."
        }
        (Stage::Mail, 500..=599, _) => {
            "The relay does not accept this From address; use one that belongs to the account you sign in with."
        }
        (Stage::Rcpt, 500..=599, Some([5, 7, _])) => {
            "The relay does not pass mail on to this recipient; sign in, or have this machine allowed there."
        }
        (Stage::Rcpt, 550 | 551 | 553 | 554, _) => {
            "The relay refuses this recipient; check the address, and whether the relay wants a sign-in before it passes mail on."
        }
        (Stage::Data, 552, _) => "The relay refuses the mail for its size.",
        (_, 400..=499, _) => "The relay says this will pass; try again in some minutes.",
        (Stage::Greeting, _, _) => {
            "The relay does not talk to this machine; have this machine's address allowed there."
        }
        (Stage::StartTls, _, _) => {
            "The relay cannot encrypt at the moment; try SSL on port 465, or ask its operator."
        }
        _ => "Ask the relay's operator what the refusal means.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Label, Reply};

    #[test]
    fn a_refusal_leads_to_the_repair_of_its_stage() {
        let settings = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587")
            .parse()
            .expect("valid");
        for (stage, code, text, word) in [
            (Stage::Auth, 535, "5.7.8 bad credentials", "password"),
            (
                Stage::Mail,
                530,
                "5.7.0 Must issue a STARTTLS command first",
                "encryption",
            ),
            (Stage::Mail, 553, "5.7.1 not owned by user", "From address"),
            (Stage::Rcpt, 554, "5.7.1 Relay access denied", "sign in"),
            (Stage::Rcpt, 550, "5.1.1 unknown", "check the address"),
            (Stage::Rcpt, 450, "4.2.0 greylisted", "try again"),
            (Stage::Greeting, 554, "no", "allowed"),
            (Stage::Data, 421, "closing", "overloaded"),
        ] {
            let failure = Failure::rejected(stage, Reply::new(code, [text.as_bytes()].into_iter()));
            let said = advice(&failure, &settings);
            assert!(said.contains(word), "{stage:?} {code}: {said}");
        }
    }
}
