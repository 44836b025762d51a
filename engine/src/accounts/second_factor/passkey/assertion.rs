//! Passkeys in the second step of a sign-in and in the confirmation of a session.

use domain::Refusal;

use super::ceremony::Assertion;
use super::options;
use crate::Actor;
use crate::accounts::{Accounts, digest};
use crate::store::Connection;
use crate::store::accounts::{Account, passkeys, second_factors};

/// What a person who is asked for a second factor can answer with, beside a recovery code.
#[derive(Clone, Debug)]
pub struct FactorChoices {
    /// Whether the account has an authenticator app.
    pub has_app: bool,
    /// The options with which a browser uses a passkey, in JSON, if the account has one.
    pub passkey: Option<String>,
}

/// What an assertion is.
pub(crate) enum AssertionResult {
    Right,
    /// It is not made with a passkey of the account, or not for the challenge.
    Wrong,
    /// The counter of the passkey with this name did not go up, as that of a copy.
    Copied(String),
}

impl Accounts {
    /// What the second step of a sign-in can be completed with; `None` if the sign-in is not known or has
    /// ended. It contains a new challenge of the sign-in.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn second_step_choices(
        &self,
        secret: &str,
    ) -> Result<Option<FactorChoices>, Refusal> {
        let id = digest(secret);
        match self.pending_account(&id).await? {
            Some(account) => self.factor_choices(&id, &account).await.map(Some),
            None => Ok(None),
        }
    }

    /// What the actor's session can be confirmed with if its account has a second factor. It contains a new
    /// challenge of the session.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) unless the actor is a session.
    pub async fn confirmation_choices(&self, actor: &Actor) -> Result<FactorChoices, Refusal> {
        let account = actor.person()?;
        let holder = actor.session_id().unwrap_or_default();
        self.factor_choices(holder, account).await
    }

    async fn factor_choices(
        &self,
        holder: &str,
        account: &Account,
    ) -> Result<FactorChoices, Refusal> {
        let mut connection = self.store.read().await?;
        let app = second_factors::totp(&mut connection, &account.id).await?;
        let known = passkeys::of_account(&mut connection, &account.id).await?;
        drop(connection);
        let passkey = match self.relying_party.as_ref().filter(|_| !known.is_empty()) {
            Some(party) => {
                let challenge = self.issue_challenge(holder).await?;
                Some(options::request(party, &challenge, &known))
            }
            None => None,
        };
        Ok(FactorChoices {
            has_app: app.is_some_and(|app| app.confirmed_at.is_some()),
            passkey,
        })
    }

    /// Verifies and uses an assertion with a passkey of the account, and the challenge of `holder`, a session
    /// or a pending sign-in. The challenge is used up whatever the result.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn use_assertion(
        &self,
        work: &mut Connection,
        holder: &str,
        account: &Account,
        assertion: &Assertion,
    ) -> Result<AssertionResult, Refusal> {
        let challenge = self.take_challenge(work, holder).await?;
        let known = passkeys::of_account(work, &account.id).await?;
        let passkey = known.into_iter().find(|passkey| passkey.id == assertion.id);
        let (Some(party), Some(challenge), Some(passkey)) =
            (&self.relying_party, challenge, passkey)
        else {
            return Ok(AssertionResult::Wrong);
        };
        let Some(count) = assertion.verify(party, &challenge, &passkey.public_key) else {
            return Ok(AssertionResult::Wrong);
        };
        let now = self.clock.now();
        match passkeys::record_use(work, &passkey.id, count, now).await? {
            true => Ok(AssertionResult::Right),
            false => Ok(AssertionResult::Copied(passkey.name)),
        }
    }
}
