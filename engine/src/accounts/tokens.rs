//! API tokens: creation, listing, revocation and authentication.

use domain::view::Role;
use domain::{Kind, Refusal};

use super::{Accounts, digest, random_secret};
use crate::audit::Action;
use crate::store::commit;
use crate::store::tokens::{self, Token, TokenScope};
use crate::{Actor, Origin};

/// The prefix of a token's secret, before 256 random bits in base64url.
const PREFIX: &str = "postern_";

impl Accounts {
    /// Creates a token for the account with address `email` and returns its secret, of which only
    /// the digest is stored. Tokens of administrators get the scopes `admin` and `send`, others
    /// `send`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `name` or `email`; [`Kind::NotFound`] under `email` if there is no
    /// such account; [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn create_token(
        &self,
        actor: &Actor,
        email: &str,
        name: &str,
    ) -> Result<String, Refusal> {
        self.audit
            .administer(actor, Action::CreateToken, async {
                let name = name.trim();
                if name.is_empty()
                    || name.chars().count() > 64
                    || name.chars().any(char::is_control)
                {
                    let text = "A token has a name of 1 to 64 characters.";
                    return Err(Refusal::of(Kind::Invalid, "name", text));
                }
                let account = self.account(email).await?;
                let scopes = match account.role {
                    Role::Admin => vec![TokenScope::Admin, TokenScope::Send],
                    Role::User => vec![TokenScope::Send],
                };
                let token = Token {
                    id: ulid::Ulid::new().to_string(),
                    name: name.to_owned(),
                    scopes,
                    created_at: self.clock.now(),
                    revoked_at: None,
                    account,
                };
                let secret = format!("{PREFIX}{}", random_secret());
                let mut work = self.store.begin().await?;
                tokens::add(&mut work, &token, &digest(&secret)).await?;
                let detail = format!("{} for {}", token.name, token.account.email);
                self.audit
                    .record(&mut work, actor, Action::CreateToken, detail)
                    .await?;
                commit(work).await?;
                Ok(secret)
            })
            .await
    }

    /// All tokens, without their secrets. Only administrators may list them.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        actor.administers()?;
        Ok(tokens::all(&mut *self.store.read().await?).await?)
    }

    /// Revokes a token by its id. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id` if no valid token has this id; [`Kind::Forbidden`] unless the
    /// actor is an administrator.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::RevokeToken, async {
                let mut work = self.store.begin().await?;
                let known = !id.contains(char::is_control);
                if !known || !tokens::revoke(&mut work, id, self.clock.now()).await? {
                    return Err(Refusal::of(
                        Kind::NotFound,
                        "id",
                        "No token in use has this id.",
                    ));
                }
                self.audit
                    .record(&mut work, actor, Action::RevokeToken, id)
                    .await?;
                commit(work).await?;
                self.token_cache.forget();
                Ok(())
            })
            .await
    }

    /// The actor of a token; `None` if it is unknown or revoked. Tokens are cached for a second.
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
        if let Some(token) = self.token_cache.find(&digest) {
            return Ok(Some(Actor::token(token, origin)));
        }
        let found = tokens::by_secret(&mut *self.store.read().await?, &digest).await?;
        if let Some(token) = &found {
            self.token_cache.remember(digest, token.clone());
        }
        Ok(found.map(|token| Actor::token(token, origin)))
    }
}
