//! The oldest messages with a recipient in a state.

use domain::outbox::RecipientState;

use crate::store::{Connection, StoreError};

/// The ids of the oldest messages with a recipient in a state, oldest first, at most `limit`.
const OLDEST: &str =
    "SELECT DISTINCT message_id FROM recipient WHERE state = $1 ORDER BY message_id LIMIT $2";

/// Reads the ids of the oldest messages with a recipient in a state, oldest first, at most `limit`.
///
/// # Errors
/// Where the database fails.
pub async fn oldest_messages(
    connection: &mut Connection,
    state: RecipientState,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar(OLDEST).bind(state.as_str()).bind(limit);
    Ok(query.fetch_all(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn the_oldest_are_read_from_an_index_in_its_order() {
        let plan = query_plan(OLDEST).await.join("; ");
        assert!(plan.contains("recipient_state (state=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
