//! The interfaces that a process opens for programs, and the last use of each.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::Timestamp;

/// An interface, in the order of lists.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InterfaceKind {
    /// The console and the REST API.
    Http,
    /// SMTP submission (RFC 6409).
    Submission,
    /// SMTP submission with implicit TLS (RFC 8314).
    Submissions,
    /// SMTP submission by a Unix socket, which `postern sendmail` uses.
    SubmitSocket,
    /// Commands of programs on this machine, by a Unix socket.
    CommandSocket,
}

impl InterfaceKind {
    /// Every interface.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The options of `postern serve`, or the variables of its environment, that open the interface.
    pub const fn opened_by(self) -> &'static str {
        match self {
            Self::Http => "--listen 127.0.0.1:3000",
            Self::Submission => "--submission 127.0.0.1:2525",
            Self::Submissions => {
                "--submissions 0.0.0.0:465 --submission-cert FILE --submission-key FILE"
            }
            Self::SubmitSocket => "POSTERN_SUBMIT_SOCKET=/run/postern/submit.sock",
            Self::CommandSocket => "POSTERN_SOCKET=/run/postern/postern.sock",
        }
    }
}

/// The encryption of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InterfaceEncryption {
    /// The connections are not encrypted.
    None,
    /// TLS after the command STARTTLS.
    StartTls,
    /// TLS from the first octet.
    Implicit,
}

impl InterfaceEncryption {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An open interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    /// The kind of interface.
    pub kind: InterfaceKind,
    /// IP address and port, or the path of a socket.
    pub address: String,
    /// How the connections to it are encrypted.
    pub encryption: InterfaceEncryption,
    /// Whether only programs on this machine reach it.
    pub is_loopback: bool,
    /// The last use; `None` before the first one.
    pub last_use: Option<LastUse>,
}

impl InterfaceView {
    /// Whether mail and tokens reach the interface unencrypted over a network.
    pub fn is_exposed(&self) -> bool {
        self.kind == InterfaceKind::Submission
            && self.encryption == InterfaceEncryption::None
            && !self.is_loopback
    }
}

/// The kinds of interfaces that are not open, in their order.
pub fn closed_interfaces(open: &[InterfaceView]) -> impl Iterator<Item = InterfaceKind> {
    let is_closed = move |kind: &InterfaceKind| !open.iter().any(|view| view.kind == *kind);
    InterfaceKind::ALL.iter().copied().filter(is_closed)
}

/// A use of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// The time of the use.
    pub at: Timestamp,
    /// The address of the account, or the name of the local user.
    pub by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_api_are_those_of_the_schema() {
        for kind in InterfaceKind::ALL {
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
        for (encryption, name) in [
            (InterfaceEncryption::None, "none"),
            (InterfaceEncryption::StartTls, "start_tls"),
            (InterfaceEncryption::Implicit, "implicit"),
        ] {
            assert_eq!(serde_json::json!(encryption), name);
            assert_eq!(encryption.as_str(), name);
        }
        let mut sorted = InterfaceKind::ALL.to_vec();
        sorted.sort();
        assert_eq!(sorted, InterfaceKind::ALL, "the order of lists");
    }

    #[test]
    fn only_unencrypted_submission_from_other_machines_is_exposed() {
        use InterfaceEncryption::{Implicit, None, StartTls};
        use InterfaceKind::{Http, Submission, Submissions};
        for (kind, encryption, is_loopback, expected) in [
            (Submission, None, false, true),
            (Submission, None, true, false),
            (Submission, StartTls, false, false),
            (Submissions, Implicit, false, false),
            // HTTP without TLS is not reported, because a proxy may encrypt the connections.
            (Http, None, false, false),
        ] {
            let view = InterfaceView {
                kind,
                address: "192.0.2.1:2525".to_owned(),
                encryption,
                is_loopback,
                last_use: Option::None,
            };
            assert_eq!(view.is_exposed(), expected, "{view:?}");
            let closed: Vec<InterfaceKind> = closed_interfaces(&[view]).collect();
            let all = InterfaceKind::ALL.iter().copied();
            let others: Vec<InterfaceKind> = all.filter(|other| *other != kind).collect();
            assert_eq!(closed, others);
        }
        assert_eq!(closed_interfaces(&[]).count(), InterfaceKind::ALL.len());
    }
}
