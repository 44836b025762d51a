//! Confirmation of a session: its person proves the second factor again, or else the password.

use domain::account::session::CONFIRMATION_LIFETIME;
use domain::timestamp::in_words;
use domain::{Kind, Refusal, SecretString};

use super::verification::{FactorCheck, throttle_keys};
use crate::Actor;
use crate::accounts::password::throttle::ThrottleKey;
use crate::accounts::{Accounts, detached};
use crate::audit::Action;
use crate::store::accounts::{self, Account, second_factors, sessions};
use crate::store::commit;

/// The field of the answer, and of the refusal of a session without one.
const FIELD: &str = "confirmation";

impl Accounts {
    /// Checks that the actor's session began or was confirmed within [`CONFIRMATION_LIFETIME`]. Tokens and local
    /// users have no session, and are not asked.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] under `confirmation` for an older session.
    pub fn recently_confirmed(&self, actor: &Actor) -> Result<(), Refusal> {
        let now = self.clock.now();
        let is_recent = |session: &sessions::SessionRow| {
            now.saturating_since(session.confirmed_at) < CONFIRMATION_LIFETIME
        };
        if actor.as_session().is_none_or(is_recent) {
            return Ok(());
        }
        let text = format!(
            "Confirm that it is you: open /confirm in the browser of this session, then try again \
             within {}.",
            in_words(CONFIRMATION_LIFETIME)
        );
        Err(Refusal::of(Kind::Forbidden, FIELD, text))
    }

    /// Confirms the actor's session with a code of the account's authenticator app, a recovery code, or what a
    /// browser answered to the options of [`Accounts::confirmation_choices`]; with the password, if the
    /// account has no second factor.
    ///
    /// # Errors
    /// [`Kind::Invalid`] under `confirmation` or `passkey` if it is wrong or was used before;
    /// [`Kind::TooMany`] with the seconds to wait, from the fifth wrong one on; [`Kind::Forbidden`] unless
    /// the actor is a session.
    pub async fn confirm(&self, actor: &Actor, answer: SecretString) -> Result<(), Refusal> {
        let (accounts, actor) = (self.clone(), actor.clone());
        // An answer counts, also of a caller that disconnects.
        detached(async move {
            let confirming = accounts.try_confirm(&actor, answer);
            accounts
                .audit
                .audited(&actor, Action::ConfirmSession, confirming)
                .await
        })
        .await
    }

    async fn try_confirm(&self, actor: &Actor, answer: SecretString) -> Result<(), Refusal> {
        let account = actor.person()?;
        let has_factor =
            second_factors::exists(&mut *self.store.read().await?, &account.id).await?;
        match has_factor {
            true => self.confirm_with_factor(actor, account, &answer).await,
            false => self.confirm_with_password(actor, account, answer).await,
        }
    }

    async fn confirm_with_factor(
        &self,
        actor: &Actor,
        account: &Account,
        answer: &SecretString,
    ) -> Result<(), Refusal> {
        let keys = throttle_keys(account, &actor.origin);
        let _turn = self.factor_turn.lock().await;
        self.throttle.check(&keys, self.clock.monotonic())?;
        let mut work = self.store.begin().await?;
        let session = actor.session_id().unwrap_or_default();
        let check = FactorCheck {
            account,
            origin: &actor.origin,
            holder: session,
        };
        let answer = self.use_answer(&mut work, check, answer).await?;
        let factor = match answer.verified(Kind::Invalid, FIELD) {
            Ok(factor) => factor,
            Err(refusal) => {
                commit(work).await?;
                self.throttle.failed(&keys, self.clock.monotonic());
                return Err(refusal);
            }
        };
        sessions::confirm(&mut work, session, self.clock.now()).await?;
        let detail: &str = factor.into();
        self.audit
            .record(&mut work, actor, Action::ConfirmSession, detail)
            .await?;
        commit(work).await?;
        self.throttle.succeeded(keys[0]);
        Ok(())
    }

    async fn confirm_with_password(
        &self,
        actor: &Actor,
        account: &Account,
        password: SecretString,
    ) -> Result<(), Refusal> {
        let session = actor.session_id().unwrap_or_default();
        let keys = vec![ThrottleKey::browser(session)];
        let attempt = self.attempt(&account.email, keys).await?;
        let wrong = || Refusal::of(Kind::Invalid, FIELD, "This is not your password.");
        let verified = attempt.compare(password).await?.ok_or_else(wrong)?;
        let mut work = self.store.begin().await?;
        // It may have been changed since it was verified, or is not enough any more.
        if !accounts::lock_password(&mut work, &account.id, &verified.password_hash).await?
            || second_factors::exists(&mut work, &account.id).await?
        {
            return Err(wrong());
        }
        sessions::confirm(&mut work, session, self.clock.now()).await?;
        self.audit
            .record(&mut work, actor, Action::ConfirmSession, "password")
            .await?;
        commit(work).await?;
        Ok(())
    }
}
