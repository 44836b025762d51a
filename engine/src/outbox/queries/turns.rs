//! Turns of searches: each account runs one at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Refusal;
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use crate::Actor;
use crate::store::StoreError;

/// How long a search waits for the one before.
const WAIT: Duration = Duration::from_secs(5);

/// The searches under way, by account.
#[derive(Default)]
pub(in crate::outbox) struct Searches(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

impl Searches {
    /// Runs a search when those of the same account that came before have ended. It keeps its turn
    /// until it has ended, also where the caller is gone.
    ///
    /// # Errors
    /// [`Kind::TooMany`](domain::Kind::TooMany) where its turn does not come within 5 s; what the
    /// search returns.
    pub async fn run<T: Send + 'static>(
        &self,
        actor: &Actor,
        search: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let account = actor.account().map_or("", |account| &account.id);
        let turn = timeout(WAIT, self.of(account).lock_owned()).await;
        let turn = turn.map_err(|_| {
            let text = "Other searches of this account are running. Wait until they have ended.";
            Refusal::too_many(1, text)
        })?;
        let search = tokio::spawn(async move {
            let found = search.await;
            drop(turn);
            found
        });
        Ok(search.await.map_err(|_| Refusal::internal())??)
    }

    /// The turns of an account. Those without a waiting search are removed.
    fn of(&self, account: &str) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.lock();
        turns.retain(|_, turns| Arc::strong_count(turns) > 1);
        Arc::clone(turns.entry(account.to_owned()).or_default())
    }
}
