//! Password changes by an account itself, and resets by an administrator.

use domain::{Kind, Refusal, SecretString};

use super::throttle::ThrottleKey;
use crate::Actor;
use crate::accounts::{Accounts, Login, detached, renamed};
use crate::audit::Action;
use crate::store::accounts::{self, links, sessions, tokens};
use crate::store::commit;

impl Accounts {
    /// Sets the password of any account, ends its sessions and links and, unless `keep_tokens`, revokes
    /// its API tokens. A disabled account stays disabled. Only administrators may.
    ///
    /// # Errors
    /// [`Kind::NotFound`] or [`Kind::Invalid`] under `email`; [`Kind::Invalid`] under `password`;
    /// [`Kind::Forbidden`] unless the actor is an administrator who is signed in, or a local user.
    pub async fn reset_password(
        &self,
        actor: &Actor,
        email: &str,
        password: SecretString,
        keep_tokens: bool,
    ) -> Result<(), Refusal> {
        self.audit
            .administer(actor, Action::ChangePassword, async {
                actor.manages_people()?;
                let account = self.account(email).await?;
                let hash = self.hasher.hash(password, &account.email).await?;
                let mut work = self.store.begin().await?;
                accounts::set_password(&mut work, &account.id, &hash).await?;
                sessions::end_all(&mut work, &account.id, None).await?;
                links::remove_all(&mut work, &account.id).await?;
                if !keep_tokens {
                    tokens::revoke_all(&mut work, &account.id, self.clock.now()).await?;
                }
                self.audit
                    .record(&mut work, actor, Action::ChangePassword, &account.email)
                    .await?;
                commit(work).await?;
                self.token_cache.forget();
                Ok(())
            })
            .await
    }

    /// Changes the actor's own password and ends its other sessions and its links. Returns the login, for a new
    /// device cookie.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `current` or `new`; [`Kind::TooMany`] while the session is
    /// throttled; [`Kind::Forbidden`] unless the actor is a session.
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
    ) -> Result<Login, Refusal> {
        let (accounts, actor) = (self.clone(), actor.clone());
        detached(async move {
            let change = accounts.try_change_password(&actor, current, new);
            accounts
                .audit
                .audited(&actor, Action::ChangePassword, change)
                .await
        })
        .await
    }

    async fn try_change_password(
        &self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
    ) -> Result<Login, Refusal> {
        let account = actor.person()?;
        let keys = vec![ThrottleKey::browser(actor.session_id().unwrap_or_default())];
        let attempt = self.attempt(&account.email, keys).await?;
        let wrong = || {
            let text = "This is not your current password.";
            Refusal::of(Kind::Invalid, "current", text)
        };
        let verified = attempt.compare(current).await?.ok_or_else(wrong)?;
        let hash = self
            .hasher
            .hash(new, &account.email)
            .await
            .map_err(|refusal| renamed(refusal, "password", "new"))?;
        let mut work = self.store.begin().await?;
        // It may have been reset since it was verified.
        if !accounts::lock_password(&mut work, &account.id, &verified.password_hash).await? {
            return Err(wrong());
        }
        accounts::set_password(&mut work, &account.id, &hash).await?;
        sessions::end_all(&mut work, &account.id, actor.session_id()).await?;
        links::remove_all(&mut work, &account.id).await?;
        self.audit
            .record(&mut work, actor, Action::ChangePassword, "own")
            .await?;
        commit(work).await?;
        Ok(Login {
            account: verified.account,
            password_hash: hash,
            second_factor: verified.second_factor,
        })
    }
}
