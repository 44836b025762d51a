//! Changing the state of recipients by their keys, for acts of administrators.

use domain::Timestamp;
use domain::outbox::{MessageAction, RecipientState};

use super::{RecipientKey, in_states};
use crate::store::database::rows::{blocks, in_order, values};
use crate::store::{Connection, StoreError};

/// Changes the state of those recipients that are still in one of `states` and that no worker has
/// leased. Returns their keys.
///
/// # Errors
/// Where the database fails.
pub async fn change(
    connection: &mut Connection,
    action: MessageAction,
    states: &[RecipientState],
    keys: &[RecipientKey],
    now: Timestamp,
) -> Result<Vec<RecipientKey>, StoreError> {
    let due = (action.leads_to() == RecipientState::Queued).then_some(now.0);
    let settled = (action == MessageAction::Cancel).then_some(now.0);
    let restart = match due {
        Some(_) => ", attempts = 0",
        None => "",
    };
    let mut changed = Vec::new();
    for block in blocks(keys) {
        let sql = format!(
            "UPDATE recipient SET state = '{}', owner = NULL, due_at = $1, settled_at = $2{restart} \
             FROM (VALUES {}) AS v WHERE message_id = v.column1 AND position = v.column2 \
             AND {} AND (owner IS NULL OR due_at <= ${}) RETURNING message_id, position",
            action.leads_to().as_str(),
            values(2, block.places, 2),
            in_states("state", states),
            2 * block.places + 3,
        );
        let mut query = sqlx::query_as(in_order(connection, sql))
            .bind(due)
            .bind(settled);
        for key in block.iter() {
            query = query
                .bind(key.map(|key| &key.message_id))
                .bind(key.map(|key| key.position));
        }
        changed.extend(query.bind(now.0).fetch_all(&mut *connection).await?);
    }
    Ok(changed)
}
