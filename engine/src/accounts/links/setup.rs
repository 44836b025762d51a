//! Creation of the first administrator with the token of a one-time setup link.

use std::time::Duration;

use domain::account::Role;
use domain::{Kind, Refusal, SecretString};

use crate::Origin;
use crate::accounts::password::throttle::networks;
use crate::accounts::{Accounts, Login, digest, random_secret};
use crate::audit::{Action, Signature};
use crate::store::accounts::{self, setup_link};
use crate::store::commit;

/// How long a setup link can be used.
const SETUP_LINK_LIFETIME: Duration = Duration::from_secs(3600);

fn not_valid() -> Refusal {
    Refusal::new(
        Kind::Forbidden,
        "This link has been used, has expired or is not the newest. The command postern setup-link prints a new one.",
    )
}

impl Accounts {
    /// Generates the token of a setup link; `None` if an account exists. A new token invalidates
    /// the previous one, and expires after an hour.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setup_token(&self) -> Result<Option<String>, Refusal> {
        if accounts::exist(&mut *self.store.read().await?).await? {
            return Ok(None);
        }
        let token = random_secret();
        let expires_at = self.clock.now() + SETUP_LINK_LIFETIME;
        let mut work = self.store.begin().await?;
        setup_link::write(&mut work, &digest(&token), expires_at).await?;
        commit(work).await?;
        Ok(Some(token))
    }

    /// Whether the first administrator can still be created with this token.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_setup_token(&self, token: &str) -> Result<bool, Refusal> {
        let mut connection = self.store.read().await?;
        let known = setup_link::digest(&mut connection, self.clock.now()).await?;
        Ok(known == Some(digest(token)) && !accounts::exist(&mut connection).await?)
    }

    /// Creates the first administrator with the token of a setup link.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the token is not valid; [`Kind::TooMany`] after the fifth such failure
    /// from a network, as for logins; [`Kind::Invalid`] under `email` and `password`;
    /// [`Kind::Conflict`] if another request created an account in the meantime.
    pub async fn create_first(
        &self,
        token: &str,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Login, Refusal> {
        let result = self.try_first_account(token, email, password, origin).await;
        if let Err(refusal) = &result {
            let by = self.refused_by("setup link".to_owned(), origin, refusal);
            self.audit
                .record_refusal(by, Action::CreateAccount, refusal)
                .await;
        }
        result
    }

    async fn try_first_account(
        &self,
        token: &str,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Login, Refusal> {
        let keys: Vec<_> = networks(origin).collect();
        self.throttle.check(&keys, self.clock.monotonic())?;
        if !self.is_setup_token(token).await? {
            self.throttle.failed(&keys, self.clock.monotonic());
            return Err(not_valid());
        }
        let (account, password_hash) = self.new_account(email, Role::Admin, password).await?;
        let mut work = self.store.begin().await?;
        // The link first: on PostgreSQL a second request with it waits here for the end of the first one,
        // whose account it does not see before.
        let is_taken = setup_link::take(&mut work, &digest(token)).await?;
        if accounts::exist(&mut work).await? {
            return Err(Refusal::new(
                Kind::Conflict,
                "There is an administrator already. Sign in.",
            ));
        }
        if !is_taken {
            return Err(not_valid());
        }
        accounts::add(&mut work, &account, &password_hash, self.clock.now()).await?;
        let by = Signature::new(&account.email, origin);
        self.audit
            .record(&mut work, by, Action::CreateAccount, "first administrator")
            .await?;
        commit(work).await?;
        Ok(Login {
            account,
            password_hash,
            second_factor: None,
        })
    }
}
