//! Creation of the first administrator with the token of a one-time setup link.

use domain::view::Role;
use domain::{Kind, Refusal, SecretString};

use super::{Accounts, digest, random_secret};
use crate::Origin;
use crate::audit::{Action, Signature};
use crate::store::accounts::{self, Account};
use crate::store::commit;

impl Accounts {
    /// Generates the token of a setup link; `None` if an account exists. A new token invalidates
    /// the previous one.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setup_token(&self) -> Result<Option<String>, Refusal> {
        if accounts::exist(&mut *self.store.read().await?).await? {
            return Ok(None);
        }
        let token = random_secret();
        *self.setup.lock() = Some(digest(&token));
        Ok(Some(token))
    }

    /// Whether the first administrator can still be created with this token.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_setup_token(&self, token: &str) -> Result<bool, Refusal> {
        let known = self.setup.lock().as_deref() == Some(digest(token).as_str());
        Ok(known && !accounts::exist(&mut *self.store.read().await?).await?)
    }

    /// Creates the first administrator with the token of a setup link.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] if the token is not valid; [`Kind::Invalid`] under `email` and
    /// `password`; [`Kind::Conflict`] if another request created an account in the meantime.
    pub async fn create_first(
        &self,
        token: &str,
        email: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<Account, Refusal> {
        let result = self.try_first_account(token, email, password, origin).await;
        if let Err(refusal) = &result {
            let by = Signature::new("setup link", origin);
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
    ) -> Result<Account, Refusal> {
        if !self.is_setup_token(token).await? {
            return Err(Refusal::new(
                Kind::Forbidden,
                "This link has been used or is not the newest. Restart Postern for a new one, or sign in.",
            ));
        }
        let (account, hash) = self.new_account(email, Role::Admin, password).await?;
        let mut work = self.store.begin().await?;
        if accounts::exist(&mut work).await? {
            return Err(Refusal::new(
                Kind::Conflict,
                "There is an administrator already. Sign in.",
            ));
        }
        accounts::add(&mut work, &account, &hash, self.clock.now()).await?;
        let by = Signature::new(&account.email, origin);
        self.audit
            .record(&mut work, by, Action::CreateAccount, "first administrator")
            .await?;
        commit(work).await?;
        *self.setup.lock() = None;
        Ok(account)
    }
}
