//! The table `recipient_count`: recipients by state, flow and time of acceptance, kept by triggers.

use domain::Timestamp;
use domain::outbox::{Count, RecipientState};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::state;
use crate::store::search::{accepted, first_id};
use crate::store::{Connection, StoreError};

/// The length of the prefix of message ids that is a bucket: 17.5 minutes of acceptance.
const BUCKET: usize = 6;

/// The recipients of a state, and the bucket of the oldest.
struct CountRow {
    state: RecipientState,
    number: i64,
    first: String,
}

impl FromRow<'_, AnyRow> for CountRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            state: state(row, 0)?,
            number: row.try_get(1)?,
            first: row.try_get(2)?,
        })
    }
}

/// The bucket of messages that were accepted at this time.
fn bucket(at: Timestamp) -> String {
    let mut id = first_id(at);
    id.truncate(BUCKET);
    id
}

/// The recipients of every state: of those delivered or cancelled, the ones accepted since the
/// beginning of the bucket of `since`. With an account, only of mail that it submitted.
///
/// # Errors
/// Where the database fails.
pub async fn by_state(
    connection: &mut Connection,
    account: Option<&str>,
    since: Timestamp,
) -> Result<Vec<Count>, StoreError> {
    let found: Vec<CountRow> = sqlx::query_as(
        "SELECT state, CAST(SUM(number) AS BIGINT), MIN(bucket) FROM \
         (SELECT state, bucket, SUM(number) AS number FROM recipient_count \
         WHERE (state IN ('queued', 'deferred', 'held', 'failed') OR bucket >= $1) \
         AND ($2 = '*' OR flow IN (SELECT id FROM flow WHERE account_id = $2)) \
         GROUP BY state, bucket) AS buckets \
         WHERE number > 0 GROUP BY state",
    )
    .bind(bucket(since))
    .bind(account.unwrap_or("*"))
    .fetch_all(&mut *connection)
    .await?;
    let mut counts = Vec::with_capacity(RecipientState::ALL.len());
    for state in RecipientState::ALL {
        let row = found.iter().find(|row| row.state == *state);
        let oldest = match row {
            Some(row) => oldest(connection, account, row).await?,
            None => None,
        };
        counts.push(Count {
            state: *state,
            number: row.map_or(0, |row| row.number),
            oldest,
        });
    }
    Ok(counts)
}

/// When the oldest recipient of a count was accepted.
async fn oldest(
    connection: &mut Connection,
    account: Option<&str>,
    row: &CountRow,
) -> Result<Option<Timestamp>, StoreError> {
    let query = match account {
        None => sqlx::query_as(
            "SELECT message_id FROM recipient WHERE state = $1 AND message_id >= $2 \
             ORDER BY message_id LIMIT 1",
        ),
        Some(_) => sqlx::query_as(
            "SELECT m.id FROM message m CROSS JOIN recipient r \
             WHERE m.account_id = $3 AND m.id >= $2 AND r.message_id = m.id AND r.state = $1 \
             ORDER BY m.id LIMIT 1",
        ),
    };
    let mut query = query.bind(row.state.as_str()).bind(&row.first);
    if let Some(account) = account {
        query = query.bind(account);
    }
    let found: Option<(String,)> = query.fetch_optional(connection).await?;
    Ok(found.map(|(id,)| accepted(&id)))
}

/// Deletes counts that are never read again: of recipients delivered or cancelled that were accepted
/// before the bucket of `before`, and those of none. Of PostgreSQL's shards only what was added up.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM recipient_count \
         WHERE shard = 0 AND (state IN ('delivered', 'cancelled') AND bucket < $1 OR number = 0)",
    )
    .bind(bucket(before))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds up the shards of PostgreSQL's connections, but for those that are being written.
///
/// # Errors
/// Where the database fails.
pub async fn merge_shards(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query(
        "WITH locked AS MATERIALIZED (SELECT state, bucket, flow, shard FROM recipient_count \
         WHERE shard <> 0 FOR UPDATE SKIP LOCKED), \
         merged AS (DELETE FROM recipient_count AS c USING locked AS l \
         WHERE c.state = l.state AND c.bucket = l.bucket AND c.flow = l.flow AND c.shard = l.shard \
         RETURNING c.state, c.bucket, c.flow, c.number) \
         INSERT INTO recipient_count (state, bucket, flow, shard, number) \
         SELECT state, bucket, flow, 0, SUM(number) FROM merged GROUP BY state, bucket, flow \
         HAVING SUM(number) <> 0 ORDER BY state, bucket, flow \
         ON CONFLICT (state, bucket, flow, shard) \
         DO UPDATE SET number = recipient_count.number + excluded.number",
    )
    .execute(connection)
    .await?;
    Ok(())
}
