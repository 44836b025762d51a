//! What failed recently, by cause. Administrators see every message, other accounts their own.

use std::time::Duration;

use domain::outbox::{
    FailedRecipient, MAXIMAL_QUEUE_LIFETIME, RecentFailures, RecipientState, group_failures,
};
use domain::{Refusal, Timestamp};

use super::{COUNTED, only_of};
use crate::Actor;
use crate::outbox::Outbox;
use crate::store::recipients::recent_failures::{self, RecentRecipient};
use crate::store::search::accepted;

/// The time after its acceptance within which a message can fail; it is longer where its relay was
/// down.
const ACCEPTED_WITHIN: Duration = MAXIMAL_QUEUE_LIFETIME.saturating_add(COUNTED);

impl Outbox {
    /// The recipients that failed within 24 hours, and those that are deferred, by cause: at most 1,000
    /// of each, those of the newest messages. Where there may be more, the numbers are lower bounds.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails;
    /// [`Kind::Forbidden`](domain::Kind::Forbidden) for a token that does not read.
    pub async fn recent_failures(&self, actor: &Actor) -> Result<RecentFailures, Refusal> {
        actor.reads()?;
        let now = self.clock.now();
        let mut connection = self.store.reporting().await?;
        let (mut failed, mut partial) = (Vec::new(), Vec::new());
        for state in [RecipientState::Failed, RecipientState::Deferred] {
            let since = now - ACCEPTED_WITHIN;
            let account = only_of(actor);
            let found = recent_failures::newest(&mut connection, account, state, since).await?;
            if found.may_have_more {
                partial.push(state);
            }
            failed.extend(found.rows.into_iter().map(|row| recipient(row, state)));
        }
        failed.retain(|row| row.state != RecipientState::Failed || row.at >= now - COUNTED);
        let relays = self.relay_settings.read(&mut connection).await?;
        let first = relays.valid.first().map(|relay| &relay.settings);
        Ok(RecentFailures {
            groups: group_failures(failed, &partial, first),
            is_complete: partial.is_empty(),
        })
    }
}

fn recipient(row: RecentRecipient, state: RecipientState) -> FailedRecipient {
    let at: Timestamp = row.settled.unwrap_or_else(|| accepted(&row.message_id));
    FailedRecipient {
        message_id: row.message_id,
        position: row.position,
        state,
        at,
        reply: row.reply.unwrap_or_default(),
    }
}
