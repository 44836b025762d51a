//! Challenges of passkeys: one of each session and each pending sign-in, answered once.

use std::time::Duration;

use domain::Refusal;

use crate::accounts::{Accounts, random_secret};
use crate::store::accounts::passkeys;
use crate::store::{Connection, commit};

/// How long a challenge can be answered.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

impl Accounts {
    /// Stores a new challenge of a session or of a pending sign-in, by its id, in place of the one before. It
    /// has 256 random bits, in base64url.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn issue_challenge(&self, holder: &str) -> Result<String, Refusal> {
        let (challenge, now) = (random_secret(), self.clock.now());
        let mut work = self.store.begin().await?;
        passkeys::set_challenge(&mut work, holder, &challenge, now, now - LIFETIME).await?;
        commit(work).await?;
        Ok(challenge)
    }

    /// Takes the challenge of a session or of a pending sign-in, which can be answered once; `None` if there
    /// is none, or it is older than 5 minutes.
    ///
    /// # Errors
    /// If the database fails.
    pub(super) async fn take_challenge(
        &self,
        work: &mut Connection,
        holder: &str,
    ) -> Result<Option<String>, Refusal> {
        let expired = self.clock.now() - LIFETIME;
        Ok(passkeys::take_challenge(work, holder, expired).await?)
    }
}
