//! The actor of a call: a session, an API token, or a local user, with its permissions.

mod senders;
#[cfg(test)]
mod tests;
mod webhooks;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use domain::account::Role;
use domain::outbox::PriorityLimits;
use domain::{Kind, Refusal};

use crate::store::accounts::Account;
use crate::store::accounts::sessions::SessionRow;
use crate::store::accounts::tokens::{Token, TokenScope};

/// Where a request came from, as recorded in the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's IP address; `None` for the command line and local sockets.
    pub address: Option<IpAddr>,
    /// The User-Agent of the request; empty if it has none.
    pub browser: String,
    /// The device cookie of a browser that signs in
    /// ([`Accounts::device_cookie`](crate::Accounts::device_cookie)).
    pub device: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f),
            None => f.write_str("this machine"),
        }
    }
}

/// How the actor was authenticated.
#[derive(Clone, Debug)]
enum Identity {
    Session(SessionRow),
    /// Shared: each request with a token clones its actor several times.
    Token {
        token: Arc<Token>,
        /// The digest of its secret.
        digest: Arc<str>,
    },
    /// The command line or a local socket, identified by the user id of the calling process.
    Local {
        name: String,
    },
    /// A program that submits mail as an account, without a token of it.
    Sender(Account),
    /// A program of this machine that submits mail without an account.
    LocalSender {
        /// The user id of the program, where it is known.
        uid: Option<u32>,
    },
    /// Postern itself, which submits mail about accounts.
    Postern,
}

/// What messages of Postern itself name as their account, whose ids are ULIDs.
pub(crate) const OWN_MAIL: &str = "postern";

/// What messages of programs of this machine without an account name as their account, and the name of
/// their submitter.
pub(crate) const LOCAL_MAIL: &str = "local";

/// The name of Postern as the submitter of messages.
const POSTERN: &str = "Postern";

/// The authenticated caller of the engine, and where its request came from.
///
/// The engine makes it from a session secret
/// ([`Accounts::session_actor`](crate::Accounts::session_actor)), an API token
/// ([`Accounts::token_actor`](crate::Accounts::token_actor)), an account that a program submits mail as
/// ([`Accounts::sender_by_email`](crate::Accounts::sender_by_email)) or a local user id ([`Actor::local`],
/// [`Actor::local_sender`]).
#[derive(Clone, Debug)]
pub struct Actor {
    identity: Identity,
    /// Where the request came from.
    pub origin: Origin,
}

impl Actor {
    /// The actor of a session that is still valid.
    pub(crate) fn session(session: SessionRow, origin: Origin) -> Self {
        Self {
            identity: Identity::Session(session),
            origin,
        }
    }

    /// The actor of a token that is not revoked, with the digest of its secret.
    pub(crate) fn token(
        token: impl Into<Arc<Token>>,
        digest: impl Into<Arc<str>>,
        origin: Origin,
    ) -> Self {
        Self {
            identity: Identity::Token {
                token: token.into(),
                digest: digest.into(),
            },
            origin,
        }
    }

    /// A local user, by user id. It has every permission: access to the data folder is checked by
    /// the operating system.
    pub fn local(uid: u32) -> Self {
        Self {
            identity: Identity::Local {
                name: format!("uid {uid}"),
            },
            origin: Origin::default(),
        }
    }

    /// A program of this machine without an account, by the user id where it is known. It may submit mail
    /// from any address, and nothing else.
    pub fn local_sender(uid: Option<u32>) -> Self {
        Self {
            identity: Identity::LocalSender { uid },
            origin: Origin::default(),
        }
    }

    /// A program that may submit mail as an account, and nothing else.
    pub(crate) fn sender(account: Account, origin: Origin) -> Self {
        Self {
            identity: Identity::Sender(account),
            origin,
        }
    }

    /// Postern itself, which may submit mail and nothing else.
    pub(crate) fn postern() -> Self {
        Self {
            identity: Identity::Postern,
            origin: Origin::default(),
        }
    }

    /// The display name: the account's address, `uid N` for a local user, `local` for a program without an
    /// account, or Postern.
    pub fn name(&self) -> &str {
        match &self.identity {
            Identity::Postern => POSTERN,
            Identity::Session(session) => &session.account.email,
            Identity::Token { token, .. } => &token.account.email,
            Identity::Local { name } => name,
            Identity::Sender(account) => &account.email,
            Identity::LocalSender { .. } => LOCAL_MAIL,
        }
    }

    /// The name for the audit log, with the token's name if the actor is a token, and the user id of a
    /// program without an account.
    pub(crate) fn signature(&self) -> String {
        match &self.identity {
            Identity::Token { token, .. } => {
                format!("{} (token {})", token.account.email, token.name)
            }
            Identity::LocalSender { uid: Some(uid) } => format!("{LOCAL_MAIL} (uid {uid})"),
            _ => self.name().to_owned(),
        }
    }

    /// The role of the account; `None` for a local user, who has no account.
    pub fn role(&self) -> Option<Role> {
        self.account().map(|account| account.role)
    }

    /// The account of the session or token, or that a program submits mail as; `None` for a local user.
    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.identity {
            Identity::Session(session) => Some(&session.account),
            Identity::Token { token, .. } => Some(&token.account),
            Identity::Sender(account) => Some(account),
            Identity::Local { .. } | Identity::LocalSender { .. } | Identity::Postern => None,
        }
    }

    /// The account that the actor may only submit mail as; `None` for other actors.
    pub(crate) fn as_sender(&self) -> Option<&Account> {
        match &self.identity {
            Identity::Sender(account) => Some(account),
            _ => None,
        }
    }

    /// Whether the actor may submit mail and nothing else.
    fn only_sends(&self) -> bool {
        matches!(
            &self.identity,
            Identity::Sender(_) | Identity::LocalSender { .. } | Identity::Postern
        )
    }

    /// What the messages that the actor submits name as their account: its id, [`OWN_MAIL`],
    /// [`LOCAL_MAIL`], or nothing for a local user.
    pub(crate) fn submitter(&self) -> &str {
        match &self.identity {
            Identity::Postern => OWN_MAIL,
            Identity::LocalSender { .. } => LOCAL_MAIL,
            _ => self.account().map_or("", |account| &account.id),
        }
    }

    /// The actor's session; `None` for other actors.
    pub(crate) fn as_session(&self) -> Option<&SessionRow> {
        match &self.identity {
            Identity::Session(session) => Some(session),
            _ => None,
        }
    }

    /// The id of the actor's session, which is the digest of its secret; `None` for other actors.
    pub(crate) fn session_id(&self) -> Option<&str> {
        self.as_session().map(|session| session.id.as_str())
    }

    /// Whether the actor is a session of an account that has a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.as_session()
            .is_some_and(|session| session.has_second_factor)
    }

    /// The actor's token; `None` for other actors.
    pub(crate) fn as_token(&self) -> Option<&Token> {
        match &self.identity {
            Identity::Token { token, .. } => Some(token),
            _ => None,
        }
    }

    /// The digest of the secret of the actor's token; `None` for other actors.
    pub(crate) fn token_digest(&self) -> Option<&str> {
        match &self.identity {
            Identity::Token { digest, .. } => Some(digest),
            _ => None,
        }
    }

    /// The account of a session. What belongs to a person, such as the password and the sessions, is
    /// for sessions only: an application's token is no proof of the person.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token or a local user.
    pub(crate) fn person(&self) -> Result<&Account, Refusal> {
        match &self.identity {
            Identity::Session(session) => Ok(&session.account),
            _ => Err(Refusal::new(
                Kind::Forbidden,
                "Only a signed-in person may do this. Sign in with the password of the account.",
            )),
        }
    }

    /// Checks that the actor may submit messages. Tokens need the scope `send`.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token without that scope.
    pub(crate) fn sends(&self) -> Result<(), Refusal> {
        match &self.identity {
            Identity::Token { token, .. } if !token.has(TokenScope::Send) => {
                let text = "This token is not for sending mail. Use one with that scope.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the actor may read messages. Tokens need the scope `read` or `admin`.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token with neither.
    pub(crate) fn reads(&self) -> Result<(), Refusal> {
        match &self.identity {
            Identity::Token { token, .. }
                if !token.has(TokenScope::Read) && !token.has(TokenScope::Admin) =>
            {
                let text = "This token is not for reading. Use one with that scope.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ if self.only_sends() => Err(not_an_administrator()),
            _ => Ok(()),
        }
    }

    /// Whether the actor sees what administrators see of the outbox: every message, and the relays.
    /// Unlike [`Actor::administers`] the scope `read` is enough.
    pub(crate) fn oversees(&self) -> bool {
        self.reads().is_ok() && self.role().is_none_or(|role| role == Role::Admin)
    }

    /// Checks that the actor is an administrator who may at least read.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub(crate) fn must_oversee(&self) -> Result<(), Refusal> {
        self.reads()?;
        match self.oversees() {
            true => Ok(()),
            false => Err(not_an_administrator()),
        }
    }

    /// Checks that a request may read metrics: one of an administrator, or one that its interface takes from this
    /// machine (`local`).
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] without an actor, and [`Kind::Forbidden`] for other actors than administrators.
    pub(crate) fn must_read_metrics(actor: Option<&Self>, local: bool) -> Result<(), Refusal> {
        if local {
            return Ok(());
        }
        let nobody = || {
            let text = "Send an administrator's token as “Authorization: Bearer postern_…”, or send the request \
                        from this machine.";
            Refusal::new(Kind::Unauthenticated, text)
        };
        actor.ok_or_else(nobody)?.must_oversee()
    }

    /// Checks that the actor may create API tokens. A token does so only if it is unlimited itself:
    /// otherwise it would outlive or exceed its limits with another one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token that expires, or has senders, limits or a highest priority.
    pub(crate) fn creates_tokens(&self) -> Result<(), Refusal> {
        match self.is_limited() {
            true => {
                let text = "A token that expires, or has senders, limits or a highest priority, creates no \
                            tokens. Sign in to create one.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            false => Ok(()),
        }
    }

    /// Checks that the actor may create, change and delete accounts: administrators, but no token that
    /// is limited itself, which an account would outlive or exceed.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub(crate) fn manages_accounts(&self) -> Result<(), Refusal> {
        self.administers()?;
        match self.is_limited() {
            true => {
                let text = "A token that expires, or has senders, limits or a highest priority, changes no \
                            accounts. Sign in to do it.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            false => Ok(()),
        }
    }

    /// Checks that the actor is an administrator who is signed in, or a local user. What belongs to a
    /// person is not for tokens, also where the person is another one.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub(crate) fn manages_people(&self) -> Result<(), Refusal> {
        self.administers()?;
        match &self.identity {
            Identity::Token { .. } => {
                let text = "Passwords, second factors and sessions are not for tokens. Sign in to do this.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ => Ok(()),
        }
    }

    /// Whether the actor is a token that expires, or has senders, limits or a highest priority.
    fn is_limited(&self) -> bool {
        match &self.identity {
            Identity::Token { token, .. } => {
                token.expires_at.is_some()
                    || !token.senders.is_empty()
                    || token.priorities.is_limited()
                    || !token.quota.limits.is_empty()
            }
            _ => false,
        }
    }

    /// The addresses that the actor may send from; empty if it may send from every address.
    pub(crate) fn senders(&self) -> &[String] {
        match &self.identity {
            Identity::Token { token, .. } => &token.senders,
            _ => &[],
        }
    }

    /// The priorities of the messages that the actor submits.
    pub(crate) fn priorities(&self) -> PriorityLimits {
        match &self.identity {
            Identity::Token { token, .. } => token.priorities,
            _ => PriorityLimits::default(),
        }
    }

    /// Checks that the actor may change settings, if they are its own to change. Tokens need the scope
    /// `admin`.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token without that scope.
    pub(crate) fn changes_settings(&self) -> Result<(), Refusal> {
        match &self.identity {
            Identity::Token { token, .. } if !token.has(TokenScope::Admin) => {
                let text = "This token is not for changing settings. Use one with the scope admin.";
                Err(Refusal::new(Kind::Forbidden, text))
            }
            _ if self.only_sends() => Err(not_an_administrator()),
            _ => Ok(()),
        }
    }

    /// Checks that the actor is an administrator. Tokens need the scope `admin` as well.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub fn administers(&self) -> Result<(), Refusal> {
        let may = match &self.identity {
            Identity::Session(session) => session.account.role == Role::Admin,
            Identity::Token { token, .. } => {
                token.account.role == Role::Admin && token.has(TokenScope::Admin)
            }
            Identity::Local { .. } => true,
            Identity::Sender(_) | Identity::LocalSender { .. } | Identity::Postern => false,
        };
        match may {
            true => Ok(()),
            false => Err(not_an_administrator()),
        }
    }
}

fn not_an_administrator() -> Refusal {
    let text = "Only administrators may do this. Ask an administrator.";
    Refusal::new(Kind::Forbidden, text)
}
