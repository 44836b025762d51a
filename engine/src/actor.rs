//! Identity asks: a signed-in account, a program with a token, or somebody at this machine.

use std::fmt;
use std::net::IpAddr;

use domain::view::Role;
use domain::{Kind, Refusal};

use crate::store::accounts::Account;
use crate::store::sessions::SessionRow;
use crate::store::tokens::Token;

/// From where a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// None at this machine's command line.
    pub address: Option<IpAddr>,
    /// What the browser called itself; empty when it did not.
    pub browser: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f),
            None => f.write_str("this machine"),
        }
    }
}

#[derive(Clone, Debug)]
enum Identity {
    Session(SessionRow),
    Token(Token),
    /// The command line and local sockets, by the user id that runs them.
    Local {
        name: String,
    },
}

/// Identity asks the engine for something, and from where. Made by the engine itself from what proves
/// it: a session, a token, or being at this machine.
#[derive(Clone, Debug)]
pub struct Actor {
    identity: Identity,
    pub origin: Origin,
}

impl Actor {
    pub(crate) fn session(session: SessionRow, origin: Origin) -> Self {
        Self {
            identity: Identity::Session(session),
            origin,
        }
    }

    pub(crate) fn token(token: Token, origin: Origin) -> Self {
        Self {
            identity: Identity::Token(token),
            origin,
        }
    }

    /// Whoever may run a command on the data folder may do everything.
    pub fn local(uid: u32) -> Self {
        Self {
            identity: Identity::Local {
                name: format!("uid {uid}"),
            },
            origin: Origin::default(),
        }
    }

    /// What a person recognises: the account's address, or who runs the command.
    pub fn name(&self) -> &str {
        match &self.identity {
            Identity::Session(session) => &session.account.email,
            Identity::Token(token) => &token.account.email,
            Identity::Local { name } => name,
        }
    }

    /// For the audit: the name, and the token if one was used.
    pub(crate) fn signature(&self) -> String {
        match &self.identity {
            Identity::Token(token) => format!("{} (token {})", token.account.email, token.name),
            _ => self.name().to_owned(),
        }
    }

    /// What the account may do; none at this machine, where no account is needed.
    pub fn role(&self) -> Option<Role> {
        self.account().map(|account| account.role)
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.identity {
            Identity::Session(session) => Some(&session.account),
            Identity::Token(token) => Some(&token.account),
            Identity::Local { .. } => None,
        }
    }

    /// The session that asks, by the hash it is stored under.
    pub(crate) fn session_id(&self) -> Option<&str> {
        match &self.identity {
            Identity::Session(session) => Some(&session.id),
            _ => None,
        }
    }

    /// Refuses a token that is not for sending.
    pub(crate) fn sends(&self) -> Result<(), Refusal> {
        match &self.identity {
            Identity::Token(token) if !token.scopes.split(' ').any(|scope| scope == "send") => {
                let text = "This token is not for sending mail. Use one that is.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ => Ok(()),
        }
    }

    /// Refuses whoever is not an administrator, and a token of one that is not for that.
    pub fn administers(&self) -> Result<(), Refusal> {
        let may = match &self.identity {
            Identity::Session(session) => session.account.role == Role::Admin,
            Identity::Token(token) => {
                token.account.role == Role::Admin && token.scopes.split(' ').any(|s| s == "admin")
            }
            Identity::Local { .. } => true,
        };
        if may {
            return Ok(());
        }
        Err(Refusal::new(
            Kind::Forbidden,
            "Only administrators may do this. Ask one of yours.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn holder(role: Role, scopes: &str) -> Actor {
        let account = Account {
            id: "1".to_owned(),
            email: "a@example.org".to_owned(),
            role,
        };
        let token = Token {
            id: "2".to_owned(),
            name: "app".to_owned(),
            scopes: scopes.to_owned(),
            created_at: Timestamp(0),
            revoked_at: None,
            account,
        };
        Actor::token(token, Origin::default())
    }

    #[test]
    fn a_token_does_what_its_scopes_and_its_account_allow() {
        for (role, scopes, administers, sends) in [
            (Role::Admin, "admin send", true, true),
            (Role::Admin, "admin", true, false),
            (Role::Admin, "send", false, true),
            (Role::Admin, "read", false, false),
            (Role::User, "admin send", false, true),
            (Role::User, "send", false, true),
            (Role::User, "sender administration", false, false),
            (Role::User, "", false, false),
        ] {
            let actor = holder(role, scopes);
            assert_eq!(
                actor.administers().is_ok(),
                administers,
                "{role:?} {scopes}"
            );
            assert_eq!(actor.sends().is_ok(), sends, "{role:?} {scopes}");
        }
        assert!(Actor::local(0).administers().is_ok() && Actor::local(0).sends().is_ok());
    }
}
