//! Texts about an interface: its name, how connections to it are encrypted, and its state.

use domain::interface::{InterfaceEncryption, InterfaceKind, InterfaceView};

/// What people call an interface.
pub const fn interface_name(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Http => "HTTP: console and REST API",
        InterfaceKind::Submission => "SMTP submission",
        InterfaceKind::Submissions => "SMTP submission with implicit TLS",
        InterfaceKind::SubmitSocket => "Socket of postern sendmail",
        InterfaceKind::CommandSocket => "Command socket",
    }
}

/// How connections are encrypted, as a sentence.
pub fn encryption(view: &InterfaceView, public_url: &str) -> String {
    match (view.kind, view.encryption) {
        (InterfaceKind::SubmitSocket | InterfaceKind::CommandSocket, _) => {
            "A Unix socket: only programs on this machine reach it.".to_owned()
        }
        (_, InterfaceEncryption::Implicit) => "Encrypted from the first octet.".to_owned(),
        (_, InterfaceEncryption::StartTls) => "Encrypted after STARTTLS.".to_owned(),
        (InterfaceKind::Http, InterfaceEncryption::None) => {
            match public_url.starts_with("https://") {
                true => format!("Users reach it at {public_url}: a proxy in front encrypts."),
                false => format!("Not encrypted. Users reach it at {public_url}."),
            }
        }
        (_, InterfaceEncryption::None) if view.is_loopback => {
            "Not encrypted: only programs on this machine reach it.".to_owned()
        }
        (_, InterfaceEncryption::None) => "Not encrypted.".to_owned(),
    }
}

/// The class and the text of the badge of an open interface.
pub fn interface_badge(view: &InterfaceView) -> [&'static str; 2] {
    match view.is_exposed() {
        true => ["badge badge-warn", "Exposed"],
        false => ["badge badge-good", "Open"],
    }
}

/// The text about an interface without a use so far.
pub const fn unused(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Http => "No request with a token since Postern was started",
        _ => "Not used since Postern was started",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_that_of_the_interface_and_its_proxy() {
        use InterfaceEncryption::{Implicit, StartTls};
        use InterfaceKind::{Http, Submission, Submissions, SubmitSocket};
        const PLAIN: InterfaceEncryption = InterfaceEncryption::None;
        const PROXIED: &str = "https://mail.example.org";
        for (kind, encrypted, is_loopback, url, expected) in [
            (Http, PLAIN, true, PROXIED, "a proxy in front encrypts"),
            (
                Http,
                PLAIN,
                false,
                "http://gate:3000",
                "Not encrypted. Users",
            ),
            (Submission, PLAIN, true, PROXIED, "only programs on this"),
            (Submission, PLAIN, false, PROXIED, "Not encrypted."),
            (Submission, StartTls, false, PROXIED, "after STARTTLS"),
            (Submissions, Implicit, false, PROXIED, "the first octet"),
            (SubmitSocket, PLAIN, true, PROXIED, "A Unix socket"),
        ] {
            let view = InterfaceView {
                kind,
                address: String::new(),
                encryption: encrypted,
                is_loopback,
                last_use: None,
            };
            let text = encryption(&view, url);
            assert!(text.contains(expected), "{text}");
        }
    }
}
