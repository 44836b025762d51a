//! Accounts of the tenancy tests. The addresses, subjects and names of each contain its mark.

use std::net::Ipv4Addr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::account::Role;
use testkit::Relay;

/// A domain that resolvers do not send queries for (RFC 6761 section 6.4).
pub const NO_DOMAIN: &str = "mail.invalid";

/// An account with its resources.
pub struct Tenant {
    pub spec: Spec,
    pub id: String,
    /// The relay of the account, also where the account does not use one. That of the administrator is
    /// the organisation's.
    pub relay: Relay,
    /// A token with all scopes.
    pub token: String,
    pub token_id: String,
    /// The id of a further sender address.
    pub sender_id: String,
    /// The id of a webhook that its messages may name.
    pub webhook_id: String,
    /// Tokens with one scope each.
    pub narrow: Vec<(&'static str, String)>,
    pub cookie: String,
    pub session_id: String,
    /// The ids of a message in each state that a relay's replies lead to, and of a queued one.
    pub messages: Vec<String>,
}

/// The properties of an account of the tests.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// A text that is unique to the account: its addresses, subjects, names and passwords contain it.
    pub mark: &'static str,
    pub role: Role,
    /// The address of its relay.
    pub host: Ipv4Addr,
    pub has_own_relay: bool,
    pub is_disabled: bool,
}

/// The administrator, whose relay is the organisation's, and four users.
pub const SPECS: [Spec; 5] = [
    Spec {
        role: Role::Admin,
        ..user("adah3j6", 11)
    },
    Spec {
        has_own_relay: true,
        ..user("annq7x2", 12)
    },
    user("benk4v9", 13),
    Spec {
        has_own_relay: true,
        ..user("catz8w5", 14)
    },
    Spec {
        is_disabled: true,
        ..user("danp5r1", 15)
    },
];

const fn user(mark: &'static str, host: u8) -> Spec {
    Spec {
        mark,
        role: Role::User,
        host: Ipv4Addr::new(127, 61, 7, host),
        has_own_relay: false,
        is_disabled: false,
    }
}

impl Spec {
    pub fn email(&self) -> String {
        format!("{0}@{0}.example", self.mark)
    }

    /// The user of the sign-in at its relay.
    pub fn login(&self) -> String {
        format!("{}-login", self.mark)
    }

    /// The password of the sign-in at its relay.
    pub fn relay_password(&self) -> String {
        format!("{}-relay-password", self.mark)
    }

    /// The response to AUTH PLAIN (RFC 4616) at its relay.
    pub fn plain(&self) -> String {
        BASE64_STANDARD.encode(format!("\0{}\0{}", self.login(), self.relay_password()))
    }

    /// A recipient that takes mail.
    pub fn desk(&self) -> String {
        format!("{}-desk@example.net", self.mark)
    }

    /// A recipient that the relay refuses for good.
    pub fn nobody(&self) -> String {
        format!("{}-nobody@example.net", self.mark)
    }

    /// The texts that no answer to another account may contain. Administrators see the addresses and the
    /// mail of all accounts, and every account sees the host of the organisation's relay.
    pub fn secrets_from(&self, other: &Self) -> Vec<String> {
        match (self.role, other.role) {
            (Role::User, Role::Admin) => vec![self.login(), self.relay_password()],
            (Role::User, Role::User) => vec![self.mark.to_owned(), self.host.to_string()],
            (Role::Admin, _) => vec![self.mark.to_owned()],
        }
    }
}

impl Tenant {
    /// The queued message.
    pub fn message(&self) -> &str {
        self.messages.last().expect("messages")
    }
}
