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
    use sqlx::{AssertSqlSafe, Row as _};

    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn the_oldest_are_read_from_an_index_in_its_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let mut connection = store.read().await.expect("a connection");
        let sql = format!("EXPLAIN QUERY PLAN {OLDEST}");
        let query = sqlx::query(AssertSqlSafe(sql)).bind("queued").bind(501_i64);
        let plan = query.fetch_all(&mut *connection).await.expect("a plan");
        let plan: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        let plan = plan.join("; ");
        assert!(plan.contains("recipient_state (state=?)"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
