//! The accounts that may submit mail, as of a version of the routing. Their end raises it.

use std::collections::HashMap;

use domain::{Kind, Refusal};
use parking_lot::Mutex;

use crate::Actor;
use crate::store::{Store, accounts};

/// The version as of which each account was found, by its id: while the version is the same, so is the
/// answer.
#[derive(Default)]
pub(in crate::outbox) struct KnownAccounts(Mutex<HashMap<String, i64>>);

impl KnownAccounts {
    /// Checks that the account of an actor is there and not disabled, where it has one. The actor may have
    /// been authenticated long before. `version` was read before this call.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] where it is not; where the database fails.
    pub async fn require(&self, store: &Store, actor: &Actor, version: i64) -> Result<(), Refusal> {
        let Some(account) = actor.account() else {
            return Ok(());
        };
        let known = self.0.lock().get(&account.id).copied();
        if known == Some(version) {
            return Ok(());
        }
        if !accounts::is_enabled(&mut *store.read().await?, &account.id).await? {
            let text = "The account of this request was deleted or disabled. Nothing was accepted.";
            return Err(Refusal::new(Kind::Unauthenticated, text));
        }
        self.0.lock().insert(account.id.clone(), version);
        Ok(())
    }
}
