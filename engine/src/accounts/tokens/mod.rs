//! API tokens: creation, listing, revocation and authentication.

pub(super) mod cache;
pub(super) mod request;

use std::sync::Arc;

use domain::{Kind, Refusal, Timestamp};

use super::sessions::TOUCH;
use super::{Accounts, digest, random_secret, renamed};
use crate::audit::Action;
use crate::store::accounts::tokens::{self, Token};
use crate::store::accounts::{self, Account};
use crate::store::commit;
use crate::{Actor, Origin};
use request::NewToken;

/// The prefix of a token's secret, before 256 random bits in base64url.
const PREFIX: &str = "postern_";

/// The most tokens of an account that are neither revoked nor expired.
const MOST: i64 = 100;

/// How many tokens a page shows.
const SHOWN: u32 = 100;

/// The newest tokens of an account.
#[derive(Clone, Debug)]
pub struct NewestTokens {
    /// The newest ones, newest first, without their secrets. There are at most 100.
    pub tokens: Vec<Token>,
    /// The number of all that are not revoked.
    pub number: i64,
}

fn no_such_token() -> Refusal {
    Refusal::of(Kind::NotFound, "id", "No token in use has this id.")
}

impl Accounts {
    /// Creates a token and returns its secret, of which only the digest is stored. A signed-in
    /// account creates tokens of its own, an administrator those of any account.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `account`, `name`, `scopes`, `expires_days`, `senders`, `any_sender`,
    /// `default_priority` and the names of limits, and under `name` if the account has 100 tokens in use; [`Kind::TooMany`] beyond 10 new ones of an account a
    /// minute; [`Kind::NotFound`] under `account` if there is no such account; [`Kind::Forbidden`] for
    /// other actors, and for tokens that are limited themselves.
    pub async fn create_token(&self, actor: &Actor, new: NewToken) -> Result<String, Refusal> {
        let creating = self.try_create_token(actor, new);
        self.audit
            .audited(actor, Action::CreateToken, creating)
            .await
    }

    /// As [`Accounts::create_token`], for a signed-in person.
    ///
    /// # Errors
    /// As [`Accounts::create_token`], and [`Kind::Forbidden`] unless the actor is a session.
    pub async fn create_own_token(&self, actor: &Actor, new: NewToken) -> Result<String, Refusal> {
        self.audit
            .audited(actor, Action::CreateToken, async {
                actor.person()?;
                self.try_create_token(actor, new).await
            })
            .await
    }

    async fn try_create_token(&self, actor: &Actor, new: NewToken) -> Result<String, Refusal> {
        actor.creates_tokens()?;
        let account = self.token_account(actor, new.account.as_deref()).await?;
        let now = self.clock.now();
        let token = new.validate(account, now)?;
        self.new_tokens.take(
            &token.account.id,
            self.clock.monotonic(),
            "At most 10 new tokens of an account a minute are allowed.",
        )?;
        let secret = format!("{PREFIX}{}", random_secret());
        let mut work = self.store.begin().await?;
        if !accounts::lock(&mut work, &token.account.id).await? {
            let text = "This account is disabled or deleted. Enable it first.";
            return Err(Refusal::of(Kind::Invalid, "account", text));
        }
        // A change of the role revokes and limits the tokens that it finds.
        let current = accounts::by_id(&mut work, &token.account.id).await?;
        if current.is_none_or(|current| current.role != token.account.role) {
            let text = "The role of this account was changed just now. Try again.";
            return Err(Refusal::of(Kind::Invalid, "account", text));
        }
        if tokens::number(&mut work, &token.account.id, now).await? >= MOST {
            let text = format!(
                "An account has at most {MOST} tokens in use. Revoke one that is not needed."
            );
            return Err(Refusal::of(Kind::Invalid, "name", text));
        }
        tokens::add(&mut work, &token, &digest(&secret)).await?;
        let detail = format!("{} for {}", token.name, token.account.email);
        self.audit
            .record(&mut work, actor, Action::CreateToken, detail)
            .await?;
        commit(work).await?;
        Ok(secret)
    }

    /// The account of a new token, by its address; without one, the account of the actor.
    async fn token_account(&self, actor: &Actor, email: Option<&str>) -> Result<Account, Refusal> {
        let email = email.map_or("", str::trim);
        let own = actor.account();
        if let Some(own) = own.filter(|own| email.is_empty() || own.email == email.to_lowercase()) {
            if actor.person().is_err() {
                actor.administers()?;
            }
            return Ok(own.clone());
        }
        actor.administers()?;
        let found = self.account(email).await;
        found.map_err(|refusal| renamed(refusal, "email", "account"))
    }

    /// All tokens for administrators, for others those in use of their own account. Secrets are not
    /// included.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token without the scope `admin`.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        match actor.administers() {
            Ok(()) => Ok(tokens::all(&mut *self.store.read().await?).await?),
            Err(_) => self.own_tokens(actor).await,
        }
    }

    /// The tokens in use of the actor's own account.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn own_tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        let account = actor.person()?;
        let mut connection = self.store.read().await?;
        Ok(tokens::of_account(&mut connection, &account.id).await?)
    }

    /// The newest tokens of the actor's own account that are not revoked, and how many there are.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn newest_tokens(&self, actor: &Actor) -> Result<NewestTokens, Refusal> {
        let account = actor.person()?;
        self.newest_of(&account.id).await
    }

    /// The newest tokens of an account that are not revoked, and how many there are.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn newest_of(&self, account: &str) -> Result<NewestTokens, Refusal> {
        let mut connection = self.store.read().await?;
        Ok(NewestTokens {
            tokens: tokens::newest(&mut connection, account, SHOWN).await?,
            number: tokens::number(&mut connection, account, Timestamp(i64::MIN)).await?,
        })
    }

    /// A token that is not revoked, by its id, for administrators.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Forbidden`] for other actors.
    pub async fn token(&self, actor: &Actor, id: &str) -> Result<Token, Refusal> {
        actor.administers()?;
        // PostgreSQL accepts no NUL in a text.
        let found = match id.contains(char::is_control) {
            true => None,
            false => tokens::by_id(&mut *self.store.read().await?, id).await?,
        };
        found.ok_or_else(no_such_token)
    }

    /// Tokens changed outside of this service: the next use of one reads it again.
    pub(crate) fn forget_tokens(&self) {
        self.token_cache.forget();
    }

    /// Revokes a token by its id: administrators every token, others those of their own account.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if no valid token has this id; [`Kind::Forbidden`] for a token
    /// without the scope `admin`.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::RevokeToken, async {
                let account = match actor.administers() {
                    Ok(()) => None,
                    Err(_) => Some(actor.person()?.id.as_str()),
                };
                self.try_revoke_token(actor, id, account).await
            })
            .await
    }

    /// Revokes a token of the actor's own account, for a signed-in person.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if the account has no valid token with this id;
    /// [`Kind::Forbidden`] unless the actor is a session.
    pub async fn revoke_own_token(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .audited(actor, Action::RevokeToken, async {
                let account = actor.person()?.id.as_str();
                self.try_revoke_token(actor, id, Some(account)).await
            })
            .await
    }

    async fn try_revoke_token(
        &self,
        actor: &Actor,
        id: &str,
        account: Option<&str>,
    ) -> Result<(), Refusal> {
        let mut work = self.store.begin().await?;
        let known = !id.contains(char::is_control);
        if !known || !tokens::revoke(&mut work, id, account, self.clock.now()).await? {
            return Err(no_such_token());
        }
        self.audit
            .record(&mut work, actor, Action::RevokeToken, id)
            .await?;
        commit(work).await?;
        self.token_cache.forget();
        Ok(())
    }

    /// The actor of a token; `None` if it is unknown, revoked or expired. Tokens are cached for a
    /// second.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn token_actor(
        &self,
        secret: &str,
        origin: Origin,
    ) -> Result<Option<Actor>, Refusal> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let digest = digest(secret);
        let Some(token) = self.valid_token(&digest).await? else {
            return Ok(None);
        };
        self.touch_token(&token, self.clock.now());
        Ok(Some(Actor::token(token, digest, origin)))
    }

    /// The token with a digest; `None` if it is unknown, revoked or expired.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn valid_token(&self, digest: &str) -> Result<Option<Arc<Token>>, Refusal> {
        let token = match self.token_cache.find(digest) {
            Some(token) => token,
            None => {
                let found = tokens::by_secret(&mut *self.store.read().await?, digest).await?;
                let Some(token) = found.map(Arc::new) else {
                    return Ok(None);
                };
                self.token_cache.remember(digest.to_owned(), token.clone());
                token
            }
        };
        Ok(Some(token).filter(|token| !token.is_expired(self.clock.now())))
    }

    /// Writes the last use of a token in the background, at most once a minute: a database that
    /// cannot be written must not keep a token from reading.
    fn touch_token(&self, token: &Token, now: Timestamp) {
        let before = now - TOUCH;
        if token.last_used_at.is_some_and(|last| last > before)
            || !self.token_cache.touch(&token.id, now, before)
        {
            return;
        }
        let (store, id) = (self.store.clone(), token.id.clone());
        tokio::spawn(async move {
            let written = async {
                let mut work = store.begin().await?;
                tokens::touch(&mut work, &id, now, before).await?;
                commit(work).await
            };
            if let Err(error) = written.await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the last use of a token was not recorded"
                );
            }
        });
    }
}
