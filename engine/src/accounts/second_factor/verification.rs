//! Verification of a second factor: a code of an app or a recovery code, each used once.

use domain::{Kind, Refusal, SecretString};
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use super::{SCOPE, recovery_code, totp};
use crate::Origin;
use crate::accounts::throttle::{ThrottleKey, networks};
use crate::accounts::{Accounts, digest};
use crate::store::accounts::Account;
use crate::store::second_factors::TotpRow;
use crate::store::{Connection, second_factors};

/// A second factor that was verified. Its text is that of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
pub enum VerifiedFactor {
    /// A code of an authenticator app.
    #[strum(serialize = "second factor")]
    Code,
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

impl Accounts {
    /// Verifies and uses a code or a recovery code in the transaction `work`. `None` if it is wrong or was
    /// used before.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if the key of the app's secret is lost; if the database fails.
    pub(super) async fn use_answer(
        &self,
        work: &mut Connection,
        account: &Account,
        answer: &SecretString,
    ) -> Result<Option<VerifiedFactor>, Refusal> {
        if let Some(code) = recovery_code::parse(answer.expose()) {
            let used = second_factors::use_recovery_code(work, &account.id, &digest(&code)).await?;
            return Ok(used.then_some(VerifiedFactor::RecoveryCode));
        }
        let row = second_factors::totp(work, &account.id).await?;
        let Some(row) = row.filter(|row| row.confirmed_at.is_some()) else {
            return Ok(None);
        };
        let used = self.use_code(work, account, &row, answer).await?;
        Ok(used.then_some(VerifiedFactor::Code))
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
