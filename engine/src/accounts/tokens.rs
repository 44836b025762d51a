//! API tokens: `postern_` and 256 random bits, shown once.

use domain::view::Role;
use domain::{Kind, Refusal};

use super::{digest, random_secret};
use crate::audit::Action;
use crate::store::StoreError;
use crate::store::tokens::{self, Token};
use crate::{Actor, Origin, Postern};

const PREFIX: &str = "postern_";

impl Postern {
    /// Makes a token for an account and answers it, this once.
    pub async fn create_token(
        &self,
        actor: &Actor,
        email: &str,
        name: &str,
    ) -> Result<String, Refusal> {
        self.administer(actor, Action::CreateToken, async {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
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
                created_at: self.now(),
                revoked_at: None,
                account,
            };
            let secret = format!("{PREFIX}{}", random_secret());
            let mut work = self.store().begin().await?;
            tokens::add(&mut work, &token, &digest(&secret)).await?;
            let detail = format!("{} for {}", token.name, token.account.email);
            self.record(&mut work, actor, Action::CreateToken, detail)
                .await?;
            work.commit().await.map_err(StoreError::from)?;
            Ok(secret)
        })
        .await
    }

    /// Every token, without its secret.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>, Refusal> {
        actor.administers()?;
        Ok(tokens::all(&mut *self.store().read().await?).await?)
    }

    /// Revokes a token by its id.
    pub async fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        self.administer(actor, Action::RevokeToken, async {
            let mut work = self.store().begin().await?;
            if !tokens::revoke(&mut work, id, self.now()).await? {
                return Err(Refusal::of(
                    Kind::NotFound,
                    "id",
                    "No token in use has this id.",
                ));
            }
            self.record(&mut work, actor, Action::RevokeToken, id)
                .await?;
            work.commit().await.map_err(StoreError::from)?;
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
        let found = tokens::by_secret(&mut *self.store().read().await?, &digest(secret)).await?;
        Ok(found.map(|token| Actor::token(token, origin)))
    }
}
