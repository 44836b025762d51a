//! The SMTP server that applications name in their settings, of the interfaces that are open.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use domain::interface::{InterfaceEncryption, InterfaceKind, InterfaceView};
use url::Url;

/// Where applications submit mail by SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpEndpoint {
    pub host: String,
    pub port: u16,
    pub encryption: InterfaceEncryption,
    /// The interface to open first, where none for SMTP is open.
    pub missing: Option<InterfaceKind>,
}

impl SmtpEndpoint {
    /// The open interface that most applications can use; where there is none, the one of
    /// [`InterfaceKind::opened_by`].
    pub fn of(open: &[InterfaceView], public_url: &str) -> Self {
        let listeners = open.iter().filter(|view| {
            matches!(
                view.kind,
                InterfaceKind::Submission | InterfaceKind::Submissions
            )
        });
        let listeners =
            listeners.filter_map(|view| Some((view, view.address.parse::<SocketAddr>().ok()?)));
        let best = listeners.min_by_key(|(view, _)| rank(view));
        match best {
            Some((view, address)) => Self::listener(view, address, public_url),
            None => Self {
                host: Ipv4Addr::LOCALHOST.to_string(),
                port: 2525,
                encryption: InterfaceEncryption::None,
                missing: Some(InterfaceKind::Submission),
            },
        }
    }

    fn listener(view: &InterfaceView, address: SocketAddr, public_url: &str) -> Self {
        let encryption = match view.encryption {
            // A certificate is for a name, not for the address of this machine.
            InterfaceEncryption::StartTls if view.is_loopback => InterfaceEncryption::None,
            other => other,
        };
        let encrypted = encryption != InterfaceEncryption::None;
        let name = public_name(public_url).filter(|_| encrypted && !view.is_loopback);
        Self {
            host: name.unwrap_or_else(|| reached_at(address.ip()).to_string()),
            port: address.port(),
            encryption,
            missing: None,
        }
    }
}

/// An encrypted listener serves applications on every machine, one on loopback those on this one.
fn rank(view: &InterfaceView) -> u8 {
    match (view.encryption, view.is_loopback) {
        (InterfaceEncryption::Implicit, false) => 0,
        (InterfaceEncryption::StartTls, false) => 1,
        (InterfaceEncryption::None | InterfaceEncryption::StartTls, true) => 2,
        (InterfaceEncryption::Implicit, true) => 3,
        (InterfaceEncryption::None, false) => 4,
    }
}

/// The host of the public URL, if it is a name that a certificate can be for.
fn public_name(public_url: &str) -> Option<String> {
    let url = Url::parse(public_url).ok()?;
    let name = url.domain()?;
    (name != "localhost").then(|| name.to_owned())
}

/// An address that reaches a listener: one that listens on all addresses is on this machine, too.
fn reached_at(address: IpAddr) -> IpAddr {
    match address.is_unspecified() {
        true => Ipv4Addr::LOCALHOST.into(),
        false => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(
        kind: InterfaceKind,
        address: &str,
        encryption: InterfaceEncryption,
        is_loopback: bool,
    ) -> InterfaceView {
        InterfaceView {
            kind,
            address: address.to_owned(),
            encryption,
            is_loopback,
            last_use: None,
        }
    }

    #[test]
    fn applications_get_the_listener_that_most_can_use() {
        use InterfaceEncryption::{Implicit, StartTls};
        use InterfaceKind::{Http, SubmitSocket};
        const PLAIN: InterfaceEncryption = InterfaceEncryption::None;
        let http = view(Http, "127.0.0.1:3000", PLAIN, true);
        let socket = view(SubmitSocket, "/run/postern/submit.sock", PLAIN, true);
        let submission = |address, encryption, is_loopback| {
            view(InterfaceKind::Submission, address, encryption, is_loopback)
        };
        let local = submission("127.0.0.1:2500", PLAIN, true);
        let starts_tls = submission("0.0.0.0:587", StartTls, false);
        let exposed = submission("0.0.0.0:2525", PLAIN, false);
        let implicit = view(InterfaceKind::Submissions, "192.0.2.1:465", Implicit, false);
        let bracketed = submission("[::1]:2525", StartTls, true);
        let named = "https://mail.example.org";
        for (open, url, host, port, encryption) in [
            (vec![&http, &socket], named, "127.0.0.1", 2525, PLAIN),
            (vec![&local], named, "127.0.0.1", 2500, PLAIN),
            (
                vec![&local, &starts_tls],
                named,
                "mail.example.org",
                587,
                StartTls,
            ),
            (
                vec![&starts_tls, &implicit],
                named,
                "mail.example.org",
                465,
                Implicit,
            ),
            (
                vec![&implicit],
                "http://127.0.0.1:3000",
                "192.0.2.1",
                465,
                Implicit,
            ),
            (
                vec![&starts_tls],
                "http://localhost:3000",
                "127.0.0.1",
                587,
                StartTls,
            ),
            (vec![&exposed, &local], named, "127.0.0.1", 2500, PLAIN),
            (vec![&exposed], named, "127.0.0.1", 2525, PLAIN),
            (vec![&bracketed], named, "::1", 2525, PLAIN),
        ] {
            let open: Vec<InterfaceView> = open.into_iter().cloned().collect();
            let found = SmtpEndpoint::of(&open, url);
            let expected = (host.to_owned(), port, encryption);
            let is_closed = !open
                .iter()
                .any(|view| view.kind < SubmitSocket && view.kind != Http);
            assert_eq!(
                (found.host, found.port, found.encryption),
                expected,
                "{open:?}"
            );
            assert_eq!(found.missing.is_some(), is_closed, "{open:?}");
        }
    }
}
