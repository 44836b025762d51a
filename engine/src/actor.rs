//! Who asks: a signed-in account, a program with a token, or somebody at this machine.

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
enum Who {
    Session(SessionRow),
    Token(Token),
    /// The command line and local sockets, by the user id that runs them.
    Local {
        name: String,
    },
}

/// Who asks the engine for something, and from where. Made by the engine itself from what proves
/// it: a session, a token, or being at this machine.
#[derive(Clone, Debug)]
pub struct Actor {
    who: Who,
    pub origin: Origin,
}

impl Actor {
    pub(crate) fn session(session: SessionRow, origin: Origin) -> Self {
        Self {
            who: Who::Session(session),
            origin,
        }
    }

    pub(crate) fn token(token: Token, origin: Origin) -> Self {
        Self {
            who: Who::Token(token),
            origin,
        }
    }

    /// Whoever may run a command on the data folder may do everything.
    pub fn local(uid: u32) -> Self {
        Self {
            who: Who::Local {
                name: format!("uid {uid}"),
            },
            origin: Origin::default(),
        }
    }

    /// What a person recognises: the account's address, or who runs the command.
    pub fn name(&self) -> &str {
        match &self.who {
            Who::Session(session) => &session.account.email,
            Who::Token(token) => &token.account.email,
            Who::Local { name } => name,
        }
    }

    /// For the audit: the name, and the token if one was used.
    pub(crate) fn signature(&self) -> String {
        match &self.who {
            Who::Token(token) => format!("{} (token {})", token.account.email, token.name),
            _ => self.name().to_owned(),
        }
    }

    /// What the account may do; none at this machine, where no account is needed.
    pub fn role(&self) -> Option<Role> {
        self.account().map(|account| account.role)
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.who {
            Who::Session(session) => Some(&session.account),
            Who::Token(token) => Some(&token.account),
            Who::Local { .. } => None,
        }
    }

    /// The session that asks, by the hash it is stored under.
    pub(crate) fn session_id(&self) -> Option<&str> {
        match &self.who {
            Who::Session(session) => Some(&session.id),
            _ => None,
        }
    }

    /// Refuses a token that is not for sending.
    pub(crate) fn sends(&self) -> Result<(), Refusal> {
        match &self.who {
            Who::Token(token) if !token.scopes.split(' ').any(|scope| scope == "send") => {
                let text = "This token is not for sending mail. Use one that is.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ => Ok(()),
        }
    }

    /// Refuses whoever is not an administrator, and a token of one that is not for that.
    pub fn administers(&self) -> Result<(), Refusal> {
        let may = match &self.who {
            Who::Session(session) => session.account.role == Role::Admin,
            Who::Token(token) => {
                token.account.role == Role::Admin && token.scopes.split(' ').any(|s| s == "admin")
            }
            Who::Local { .. } => true,
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
