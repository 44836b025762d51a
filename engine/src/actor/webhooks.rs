//! Whose webhooks an actor may read and change as its own.

use domain::{Kind, Refusal};

use super::Actor;
use crate::store::accounts::Account;

impl Actor {
    /// The account whose webhooks the actor reads as its own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for a token that does not read, and for a local user.
    pub(crate) fn reads_own_webhooks(&self) -> Result<&Account, Refusal> {
        self.reads()?;
        self.account_with_webhooks()
    }

    /// The account whose webhooks the actor changes as its own. Tokens need the scope `admin`, and no
    /// limits, which a webhook would outlive.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for other tokens, and for a local user.
    pub(crate) fn changes_own_webhooks(&self) -> Result<&Account, Refusal> {
        self.changes_settings()?;
        if self.is_limited() {
            let text = "A token that expires, or has senders, limits or a highest priority, changes no webhooks. \
                        Sign in to do it.";
            return Err(Refusal::new(Kind::Forbidden, text));
        }
        self.account_with_webhooks()
    }

    fn account_with_webhooks(&self) -> Result<&Account, Refusal> {
        self.account().ok_or_else(|| {
            let text = "Only an account has webhooks for its messages. Sign in, or use a token.";
            Refusal::new(Kind::Forbidden, text)
        })
    }
}
