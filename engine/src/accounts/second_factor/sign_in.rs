//! The second step of a sign-in: between the right password and the session stands a pending login.

use std::time::Duration;

use domain::timestamp::in_words;
use domain::{Kind, Refusal, SecretString};

use super::verification::{FactorCheck, throttle_keys};
use crate::Origin;
use crate::accounts::{Accounts, Login, detached, digest, random_secret};
use crate::store::accounts::pending_logins::{self, PendingLogin};
use crate::store::accounts::{Account, second_factors};
use crate::store::commit;

/// How long the second step of a sign-in may take.
pub const SECOND_STEP_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How many answers a sign-in may have.
const TRIES: i64 = 5;

/// The name in the audit log of a sign-in that is not known.
const UNKNOWN: &str = "second step";

fn ended() -> Refusal {
    let text = format!(
        "This sign-in took longer than {}, or had {TRIES} wrong answers. Sign in again.",
        in_words(SECOND_STEP_LIFETIME)
    );
    Refusal::new(Kind::Unauthenticated, text)
}

impl Accounts {
    /// Begins the second step of a sign-in, if the account has a second factor. Returns its secret, of
    /// which only the digest is stored, and which opens nothing but [`Accounts::second_step`]; `None` if
    /// the password is enough.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_second_step(&self, login: &Login) -> Result<Option<String>, Refusal> {
        let account = &login.account.id;
        if !second_factors::exists(&mut *self.store.read().await?, account).await? {
            return Ok(None);
        }
        let (secret, now) = (random_secret(), self.clock.now());
        let mut work = self.store.begin().await?;
        pending_logins::add(
            &mut work,
            &digest(&secret),
            account,
            &digest(&login.password_hash),
            now,
            now - SECOND_STEP_LIFETIME,
        )
        .await?;
        commit(work).await?;
        Ok(Some(secret))
    }

    /// Completes a sign-in with a code of the account's authenticator app, a recovery code, or what a browser
    /// answered to the options of [`Accounts::second_step_choices`]. It can be used once, within 5 minutes
    /// and with up to 5 answers.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`], under `code` or `passkey` if that is wrong or was used before, and under
    /// `request` if the sign-in has ended; [`Kind::TooMany`] with the seconds to wait, from the fifth wrong
    /// answer of the account or the network on.
    pub async fn second_step(
        &self,
        secret: &str,
        answer: SecretString,
        origin: &Origin,
    ) -> Result<Login, Refusal> {
        let (accounts, id, origin) = (self.clone(), digest(secret), origin.clone());
        // An answer counts, also of a caller that disconnects.
        detached(async move {
            let found = pending_logins::by_id(&mut *accounts.store.read().await?, &id).await?;
            let name = found.as_ref().map(|pending| pending.account.email.clone());
            let done =
                match found.filter(|pending| digest(&pending.password_hash) == pending.password) {
                    Some(pending) => accounts.answer(&id, pending, &answer, &origin).await,
                    None => Err(ended()),
                };
            match done {
                Ok(login) => Ok(login),
                Err(refusal) => {
                    let name = name.unwrap_or_else(|| UNKNOWN.to_owned());
                    accounts.not_logged_in(&name, &origin, refusal).await
                }
            }
        })
        .await
    }

    /// The account of a sign-in that has not ended, by its id.
    pub(super) async fn pending_account(&self, id: &str) -> Result<Option<Account>, Refusal> {
        let found = pending_logins::by_id(&mut *self.store.read().await?, id).await?;
        let expired = self.clock.now() - SECOND_STEP_LIFETIME;
        let current = found.filter(|pending| {
            pending.begun_at > expired && digest(&pending.password_hash) == pending.password
        });
        Ok(current.map(|pending| pending.account))
    }

    async fn answer(
        &self,
        id: &str,
        pending: PendingLogin,
        answer: &SecretString,
        origin: &Origin,
    ) -> Result<Login, Refusal> {
        let account = pending.account;
        let keys = throttle_keys(&account, origin);
        let _turn = self.factor_turn.lock().await;
        self.throttle.check(&keys, self.clock.monotonic())?;
        let mut work = self.store.begin().await?;
        let expired = self.clock.now() - SECOND_STEP_LIFETIME;
        if !pending_logins::take_try(&mut work, id, expired, TRIES).await? {
            return Err(ended());
        }
        let check = FactorCheck {
            account: &account,
            origin,
            holder: id,
        };
        let answer = self.use_answer(&mut work, check, answer).await?;
        let verified = answer.verified(Kind::Unauthenticated, "code");
        if verified.is_ok() {
            pending_logins::remove(&mut work, id).await?;
        }
        commit(work).await?;
        match verified {
            Ok(factor) => {
                self.throttle.succeeded(keys[0]);
                Ok(Login {
                    account,
                    password_hash: pending.password_hash,
                    second_factor: Some(factor),
                })
            }
            Err(refusal) => {
                self.throttle.failed(&keys, self.clock.monotonic());
                Err(refusal)
            }
        }
    }
}
