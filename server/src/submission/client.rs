//! The client of a connection: an address, or a user of this machine.

use std::fmt;
use std::net::IpAddr;

use engine::Origin;

use crate::http::listener::client_network;

/// A client of the submission listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmissionPeer {
    /// Over TCP, from a canonical address.
    Tcp(IpAddr),
    /// Over the Unix socket, by the user id of the process.
    Unix(u32),
}

/// What connections are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientKey {
    /// An IPv4 address, or an IPv6 network of 64 bits.
    Network(IpAddr),
    /// A user of this machine.
    User(u32),
}

impl ClientKey {
    /// Whether it is of programs on this machine.
    pub fn is_local(self) -> bool {
        match self {
            Self::Network(IpAddr::V4(address)) => address.is_loopback(),
            // The network of ::1.
            Self::Network(IpAddr::V6(network)) => network.is_unspecified(),
            Self::User(_) => true,
        }
    }
}

impl SubmissionPeer {
    /// A client over TCP.
    pub fn tcp(address: IpAddr) -> Self {
        Self::Tcp(address.to_canonical())
    }

    /// Whether it is a program on this machine, whose mail never crosses a network.
    pub fn is_local(self) -> bool {
        match self {
            Self::Tcp(address) => address.is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The user id, where it is known.
    pub fn uid(self) -> Option<u32> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(uid) => Some(uid),
        }
    }

    /// What its connections are counted by: a customer has as many IPv6 addresses as it likes.
    pub fn key(self) -> ClientKey {
        match self {
            Self::Tcp(address) => ClientKey::Network(client_network(address)),
            Self::Unix(uid) => ClientKey::User(uid),
        }
    }

    /// Whose share of the memory for mails that are read its mail takes. Users of this machine have shares of
    /// their own, also where they submit mail as one submitter: one of them does not use up that of all.
    pub fn share_of(self, submitter: &str) -> String {
        match self {
            Self::Tcp(_) => submitter.to_owned(),
            Self::Unix(uid) => format!("{submitter} (uid {uid})"),
        }
    }

    /// Its name in the trace field of its mail (RFC 5321 section 4.4): an address literal, or the user id and
    /// this machine.
    pub fn in_trace(self, host: &str) -> String {
        match self {
            Self::Tcp(IpAddr::V4(address)) => format!("[{address}]"),
            Self::Tcp(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            Self::Unix(uid) => format!("uid {uid} on {host}"),
        }
    }

    /// Where its requests come from.
    pub fn origin(self) -> Origin {
        Origin {
            address: match self {
                Self::Tcp(address) => Some(address),
                Self::Unix(_) => None,
            },
            ..Origin::default()
        }
    }
}

impl fmt::Display for SubmissionPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(uid) => write!(f, "uid {uid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_local_by_address_or_socket() {
        for (address, is_local, trace) in [
            ("127.0.0.1", true, "[127.0.0.1]"),
            ("::1", true, "[IPv6:::1]"),
            ("::ffff:127.0.0.9", true, "[127.0.0.9]"),
            ("192.0.2.1", false, "[192.0.2.1]"),
            ("2001:db8::1", false, "[IPv6:2001:db8::1]"),
        ] {
            let client = SubmissionPeer::tcp(address.parse().expect("an address"));
            assert_eq!(client.is_local(), is_local, "{address}");
            assert_eq!(client.key().is_local(), is_local, "{address}");
            assert_eq!(client.in_trace("gate"), trace);
            assert_eq!(
                (client.uid(), client.origin().address.is_some()),
                (None, true)
            );
        }
        let client = SubmissionPeer::Unix(1000);
        assert!(client.is_local() && client.uid() == Some(1000));
        assert!(client.key().is_local());
        assert_eq!(client.in_trace("gate"), "uid 1000 on gate");
        assert_eq!(client.origin(), Origin::default());
    }

    #[test]
    fn users_of_this_machine_have_shares_of_their_own() {
        let tcp = SubmissionPeer::tcp([127, 0, 0, 1].into());
        assert_eq!(tcp.share_of("ann@example.org"), "ann@example.org");
        let share = |uid| SubmissionPeer::Unix(uid).share_of("local");
        assert_eq!(share(1), share(1));
        assert_ne!(share(1), share(2));
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_client() {
        let key = |text: &str| SubmissionPeer::tcp(text.parse().expect("an address")).key();
        for (a, b, same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            assert_eq!(key(a) == key(b), same, "{a} {b}");
        }
        assert_ne!(SubmissionPeer::Unix(1).key(), SubmissionPeer::Unix(2).key());
    }
}
