//! Verification of a second factor: a code of an app, a passkey or a recovery code, each used once.

use domain::{Kind, Refusal, SecretString};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::passkey::{Assertion, AssertionResult};
use super::{SCOPE, recovery_code, totp};
use crate::Origin;
use crate::accounts::password::throttle::{ThrottleKey, networks};
use crate::accounts::{Accounts, digest};
use crate::audit::{Action, Signature};
use crate::store::Connection;
use crate::store::accounts::Account;
use crate::store::accounts::second_factors::{self, TotpRow};

/// A second factor that was verified. Its text is that of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
pub enum VerifiedFactor {
    /// A code of an authenticator app.
    #[strum(serialize = "second factor")]
    Code,
    /// A passkey.
    #[strum(serialize = "passkey")]
    Passkey,
    /// A recovery code.
    #[strum(serialize = "recovery code")]
    RecoveryCode,
}

/// The keys that wrong answers are counted under; that of the account is first. A right password does not
/// reset it, unlike the one of [`Accounts::login`].
pub(super) fn throttle_keys(account: &Account, origin: &Origin) -> Vec<ThrottleKey> {
    let mut keys = vec![ThrottleKey::second_factor(&account.id)];
    keys.extend(networks(origin));
    keys
}

/// Who is asked for a second factor, and where.
#[derive(Clone, Copy)]
pub(super) struct FactorCheck<'c> {
    pub account: &'c Account,
    pub origin: &'c Origin,
    /// The id of the session or of the pending sign-in, which challenges of passkeys belong to.
    pub holder: &'c str,
}

/// What an answer is.
pub(super) enum FactorAnswer {
    Right(VerifiedFactor),
    /// A code that is wrong or was used before.
    WrongCode,
    /// An assertion that is wrong, late, or was used before.
    WrongPasskey,
    /// An assertion of a passkey whose counter did not go up.
    CopiedPasskey,
}

impl FactorAnswer {
    /// The factor that was verified.
    ///
    /// # Errors
    /// A refusal of this kind, under `field` for a code and under `passkey` for a passkey.
    pub fn verified(self, kind: Kind, field: &str) -> Result<VerifiedFactor, Refusal> {
        let (field, text) = match self {
            Self::Right(factor) => return Ok(factor),
            Self::WrongCode => (
                field,
                "This code is wrong, or was used before. Type the one that the app shows now, or another \
                 recovery code.",
            ),
            Self::WrongPasskey => (
                "passkey",
                "The passkey was not accepted: it is not one of this account, or the answer took longer \
                 than 5 minutes. Try again, or use a code.",
            ),
            Self::CopiedPasskey => (
                "passkey",
                "The passkey was not accepted: its counter did not go up, so that there may be a copy of \
                 it. Use a code or another passkey, then remove this one and add it again.",
            ),
        };
        Err(Refusal::of(kind, field, text))
    }
}

impl Accounts {
    /// Verifies and uses a code, a recovery code or the assertion of a passkey in the transaction `work`,
    /// which is to be committed also where the answer is wrong: the challenge of a passkey is used up, and a
    /// copy of a passkey has its row in the audit log.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the key of the app's secret is lost; if the database fails.
    pub(super) async fn use_answer(
        &self,
        work: &mut Connection,
        check: FactorCheck<'_>,
        answer: &SecretString,
    ) -> Result<FactorAnswer, Refusal> {
        let account = check.account;
        if let Some(assertion) = Assertion::parse(answer.expose()) {
            return self.use_passkey(work, check, &assertion).await;
        }
        let of_code = |is_right: bool, factor| match is_right {
            true => FactorAnswer::Right(factor),
            false => FactorAnswer::WrongCode,
        };
        if let Some(code) = recovery_code::parse(answer.expose()) {
            let used = second_factors::use_recovery_code(work, &account.id, &digest(&code)).await?;
            return Ok(of_code(used, VerifiedFactor::RecoveryCode));
        }
        let row = second_factors::totp(work, &account.id).await?;
        let Some(row) = row.filter(|row| row.confirmed_at.is_some()) else {
            return Ok(FactorAnswer::WrongCode);
        };
        let used = self.use_code(work, account, &row, answer).await?;
        Ok(of_code(used, VerifiedFactor::Code))
    }

    async fn use_passkey(
        &self,
        work: &mut Connection,
        check: FactorCheck<'_>,
        assertion: &Assertion,
    ) -> Result<FactorAnswer, Refusal> {
        let account = check.account;
        let result = self
            .use_assertion(work, check.holder, account, assertion)
            .await?;
        Ok(match result {
            AssertionResult::Right => FactorAnswer::Right(VerifiedFactor::Passkey),
            AssertionResult::Wrong => FactorAnswer::WrongPasskey,
            AssertionResult::Copied(name) => {
                let by = Signature::new(account.email.as_str(), check.origin);
                self.audit
                    .record(work, by, Action::RefuseCopiedPasskey, name)
                    .await?;
                FactorAnswer::CopiedPasskey
            }
        })
    }

    /// Verifies and uses a code of the authenticator app with this secret. Returns whether it is right and
    /// was not used before, on this node or another.
    ///
    /// # Errors
    /// As [`Accounts::use_answer`].
    pub(super) async fn use_code(
        &self,
        work: &mut Connection,
        account: &Account,
        row: &TotpRow,
        typed: &SecretString,
    ) -> Result<bool, Refusal> {
        let Some(typed) = totp::parse(typed.expose()) else {
            return Ok(false);
        };
        let secret = self.vault.unseal(SCOPE, &account.id, &row.secret);
        let secret = secret.map_err(|_| {
            let text = "The key of this second factor is lost. Use a recovery code; an administrator \
                        can remove the second factor with: postern account second-factor remove";
            Refusal::new(Kind::Unavailable, text)
        })?;
        let now = self.clock.now();
        match totp::matching_step(secret.expose(), typed, now, row.last_step) {
            Some(step) => Ok(second_factors::use_step(work, &account.id, step).await?),
            None => Ok(false),
        }
    }
}
