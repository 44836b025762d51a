//! The oldest messages of the queue, as `mailq` lists them.

use std::collections::BTreeSet;

use domain::Refusal;
use domain::outbox::RecipientState;

use crate::Actor;
use crate::outbox::Outbox;
use crate::store::recipients;

impl Outbox {
    /// The ids of the oldest messages with a recipient in one of these states, oldest first, at most `limit`.
    /// For actors that see every message.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for other actors;
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn oldest(
        &self,
        actor: &Actor,
        states: &[RecipientState],
        limit: u32,
    ) -> Result<Vec<String>, Refusal> {
        actor.must_oversee()?;
        let mut connection = self.store.reporting().await?;
        let mut ids = BTreeSet::new();
        for state in states {
            let found = recipients::oldest_messages(&mut connection, *state, limit.into());
            ids.extend(found.await?);
        }
        Ok(ids.into_iter().take(limit as usize).collect())
    }
}
