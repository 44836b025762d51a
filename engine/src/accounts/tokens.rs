//! API tokens: `postern_` and 256 random bits, shown once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::view::Role;
use domain::{Kind, Refusal};
use parking_lot::{Mutex, MutexGuard};

use super::{Accounts, digest, random_secret};
use crate::audit::Action;
use crate::store::commit;
use crate::store::tokens::{self, Token};
use crate::{Actor, Origin};

const PREFIX: &str = "postern_";

/// How long a token is known without being looked up: so long it may still be used at another node
/// after it was revoked at this one.
const KNOWN: Duration = Duration::from_secs(1);

/// The most tokens that are remembered.
const MOST: usize = 10_000;

/// Tokens that were looked up a moment ago, by their digests: programs ask often.
#[derive(Default)]
pub(crate) struct KnownTokens(Mutex<HashMap<String, (Instant, Token)>>);

impl KnownTokens {
    fn known(&self) -> MutexGuard<'_, HashMap<String, (Instant, Token)>> {
        self.0.lock()
    }

    fn find(&self, digest: &str) -> Option<Token> {
        let known = self.known();
        let (found, token) = known.get(digest)?;
        (found.elapsed() < KNOWN).then(|| token.clone())
    }

    fn remember(&self, digest: String, token: Token) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest, (Instant::now(), token));
    }

    fn forget(&self) {
        self.known().clear();
    }
}

impl Accounts {
    /// Makes a token for an account and answers it, this once.
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
                    Role::Admin => "admin send",
                    Role::User => "send",
                };
                let token = Token {
                    id: ulid::Ulid::new().to_string(),
                    name: name.to_owned(),
                    scopes: scopes.to_owned(),
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

    /// Every token, without its secret.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        actor.administers()?;
        Ok(tokens::all(&mut *self.store.read().await?).await?)
    }

    /// Revokes a token by its id.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::RevokeToken, async {
                let mut work = self.store.begin().await?;
                if !tokens::revoke(&mut work, id, self.clock.now()).await? {
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
                self.known_tokens.forget();
                Ok(())
            })
            .await
    }

    /// Who holds this token; none when it is not one, or revoked.
    pub async fn token_actor(
        &self,
        secret: &str,
        origin: Origin,
    ) -> Result<Option<Actor>, Refusal> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let digest = digest(secret);
        if let Some(token) = self.known_tokens.find(&digest) {
            return Ok(Some(Actor::token(token, origin)));
        }
        let found = tokens::by_secret(&mut *self.store.read().await?, &digest).await?;
        if let Some(token) = &found {
            self.known_tokens.remember(digest, token.clone());
        }
        Ok(found.map(|token| Actor::token(token, origin)))
    }
}
