//! The newest recipients in a state: each query reads a bounded range of an index.

use domain::Timestamp;
use domain::outbox::RecipientState;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::search::first_id;
use crate::store::{Connection, StoreError};

/// The maximum number of recipients that are read.
const MAX_RECIPIENTS: usize = 1000;

/// The maximum number of messages of an account that are searched.
const MAX_MESSAGES: i64 = 5000;

/// The newest recipients in a state.
#[derive(Debug)]
pub struct NewestRecipients {
    pub rows: Vec<RecentRecipient>,
    /// Whether older messages may have others, which were not read.
    pub may_have_more: bool,
}

/// A recipient of a recent message.
#[derive(Debug)]
pub struct RecentRecipient {
    pub message_id: String,
    pub position: i64,
    pub settled: Option<Timestamp>,
    pub reply: Option<String>,
}

impl FromRow<'_, AnyRow> for RecentRecipient {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            message_id: row.try_get(0)?,
            position: row.try_get(1)?,
            settled: row.try_get::<Option<i64>, _>(2)?.map(Timestamp),
            reply: row.try_get(3)?,
        })
    }
}

fn sql(of_account: bool) -> String {
    let columns = "r.message_id, r.position, r.settled_at, r.reply";
    let limit = MAX_RECIPIENTS + 1;
    let order = format!("ORDER BY r.message_id DESC, r.position DESC LIMIT {limit}");
    match of_account {
        false => format!(
            "SELECT {columns} FROM recipient r WHERE r.state = $1 AND r.message_id >= $2 {order}"
        ),
        true => format!(
            "SELECT {columns} FROM (SELECT id FROM message WHERE account_id = $3 AND id >= $2 \
             ORDER BY id DESC LIMIT {MAX_MESSAGES}) AS m CROSS JOIN recipient r \
             WHERE r.message_id = m.id AND r.state = $1 {order}"
        ),
    }
}

/// The newest 1,000 recipients in a state, of messages that were accepted since then. With an account, of its
/// newest 5,000 messages.
///
/// # Errors
/// Where the database fails.
pub async fn newest(
    connection: &mut Connection,
    account: Option<&str>,
    state: RecipientState,
    since: Timestamp,
) -> Result<NewestRecipients, StoreError> {
    let query = sqlx::query_as(AssertSqlSafe(sql(account.is_some())));
    let mut query = query.bind(state.as_str()).bind(first_id(since));
    if let Some(account) = account {
        query = query.bind(account);
    }
    let mut rows: Vec<RecentRecipient> = query.fetch_all(&mut *connection).await?;
    let mut may_have_more = rows.len() > MAX_RECIPIENTS;
    rows.truncate(MAX_RECIPIENTS);
    if let Some(account) = account
        && !may_have_more
    {
        may_have_more = has_older_messages(connection, account, since).await?;
    }
    Ok(NewestRecipients {
        rows,
        may_have_more,
    })
}

/// Whether an account has messages since then beside those that are searched.
async fn has_older_messages(
    connection: &mut Connection,
    account: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT id FROM message WHERE account_id = $1 AND id >= $2 \
         ORDER BY id DESC LIMIT 1 OFFSET {MAX_MESSAGES}"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let query = query.bind(account).bind(first_id(since));
    let older: Option<(String,)> = query.fetch_optional(connection).await?;
    Ok(older.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn each_query_reads_a_range_of_an_index() {
        for (of_account, expected) in [
            (false, "recipient_state (state=? AND message_id>?)"),
            (true, "message_account (account_id=? AND id>?)"),
        ] {
            let plan = query_plan(&sql(of_account)).await.join("; ");
            assert!(plan.contains(expected), "{plan}");
            assert!(!plan.contains("SCAN r"), "{plan}");
        }
    }
}
