//! The table `audit`: acts with their actor, time, origin and outcome. Rows are not changed.

pub mod chain;
mod hash;

use domain::Timestamp;
use sqlx::AssertSqlSafe;

use super::{Connection, StoreError};
use chain::{ChainPlace, ChainRow, ChainedRow};
use hash::HashedRow;

/// A new row. No text in it is a secret, or the address of a person other than the actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The node that writes the row and whose chain it belongs to.
    pub node: String,
    pub at: Timestamp,
    pub actor: String,
    pub origin: String,
    pub action: String,
    pub outcome: String,
    pub detail: String,
}

/// Inserts rows of one node at the end of its chain, and copies them to the log. The chain is locked until the end of
/// the transaction, so that this is its last write: a transaction that locks other rows behind it may wait for one
/// that waits for the chain.
///
/// The copy is in the log before the commit, so that no crash leaves a row without one. The hash shows which of two
/// copies with one number was committed.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    let Some(node) = entries.first().map(|entry| entry.node.as_str()) else {
        return Ok(());
    };
    let mut last = chain::lock(connection, node).await?;
    for entry in entries {
        last = insert(connection, node, &last, entry).await?;
    }
    chain::advance(connection, node, &last).await
}

/// Inserts a row after the last one of its chain. Returns its position.
async fn insert(
    connection: &mut Connection,
    node: &str,
    last: &ChainPlace,
    entry: &Entry,
) -> Result<ChainPlace, StoreError> {
    let id = ulid::Ulid::new().to_string();
    let number = last.number + 1;
    let row = HashedRow {
        previous: &last.hash,
        node,
        number,
        id: &id,
        at: entry.at,
        actor: &entry.actor,
        origin: &entry.origin,
        action: &entry.action,
        outcome: &entry.outcome,
        detail: &entry.detail,
    };
    let hash = row.hash();
    sqlx::query(
        "INSERT INTO audit (id, at, actor, origin, action, outcome, detail, node, number, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&id)
    .bind(entry.at.0)
    .bind(&entry.actor)
    .bind(&entry.origin)
    .bind(&entry.action)
    .bind(&entry.outcome)
    .bind(&entry.detail)
    .bind(node)
    .bind(number)
    .bind(&hash)
    .execute(connection)
    .await?;
    tracing::info!(
        target: "audit",
        id,
        at = entry.at.rfc3339(),
        at_milliseconds = entry.at.0,
        actor = entry.actor,
        origin = entry.origin,
        action = entry.action,
        outcome = entry.outcome,
        detail = entry.detail,
        node,
        number,
        hash,
        "audit"
    );
    Ok(ChainPlace { number, hash })
}

/// Deletes up to `limit` rows from before `before`, of each chain from its beginning. Returns how many were deleted.
/// As [`add`], it is the last write of a transaction.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    before: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let mut deleted = delete_unchained(connection, before, limit).await?;
    if deleted > 0 {
        chain::forget_unchained(connection, deleted).await?;
    }
    for chain in chain::all(connection).await? {
        let left = limit - i64::try_from(deleted).unwrap_or(limit);
        if left > 0 {
            deleted += shorten(connection, &chain, before, now, left).await?;
        }
    }
    Ok(deleted)
}

/// Selects old rows without a place in a chain, by a range of the index of times. The index of places would have all of
/// them, of which few are old.
const OLD_UNCHAINED: &str =
    "SELECT id FROM audit WHERE (node || '') IS NULL AND at < $1 ORDER BY at LIMIT $2";

/// Deletes up to `limit` rows without a place in a chain from before `before`. Returns how many were deleted.
async fn delete_unchained(
    connection: &mut Connection,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let first = sqlx::query("SELECT id FROM audit WHERE node IS NULL LIMIT 1");
    if first.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(0);
    }
    let sql = format!("DELETE FROM audit WHERE id IN ({OLD_UNCHAINED})");
    let deleted = sqlx::query(AssertSqlSafe(sql))
        .bind(before.0)
        .bind(limit)
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

/// Deletes up to `limit` old rows at the beginning of a chain, and moves its anchor. Returns how many were deleted.
async fn shorten(
    connection: &mut Connection,
    chain: &ChainRow,
    before: Timestamp,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let first = chain.removed.number;
    let next = chain::rows_behind(connection, &chain.node, first, 1).await?;
    let is_kept = |row: &ChainedRow| (before..=now).contains(&row.at);
    if next.first().is_none_or(is_kept) {
        return Ok(0);
    }
    let rows = chain::rows_behind(connection, &chain.node, first, limit).await?;
    let times: Vec<Timestamp> = rows.iter().map(|row| row.at).collect();
    let Some(end) = old_rows(&times, before, now).checked_sub(1) else {
        return Ok(0);
    };
    let end = &rows[end];
    let deleted = sqlx::query("DELETE FROM audit WHERE node = $1 AND number > $2 AND number <= $3")
        .bind(&chain.node)
        .bind(first)
        .bind(end.number)
        .execute(&mut *connection)
        .await?;
    let removed = ChainPlace {
        number: end.number,
        hash: end.hash.clone(),
    };
    chain::anchor(connection, &chain.node, &removed, end.at).await?;
    Ok(deleted.rows_affected())
}

/// How many of the rows at the beginning of a chain are from before `before`. A row from after `now`, of a clock that
/// was wrong, is as old as the next one.
fn old_rows(times: &[Timestamp], before: Timestamp, now: Timestamp) -> usize {
    let mut old = 0;
    for (number, at) in (1..).zip(times) {
        if *at < before {
            old = number;
        } else if *at <= now {
            break;
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn old_rows_without_a_place_are_a_range_of_the_index_of_times() {
        let plan = query_plan(OLD_UNCHAINED).await;
        assert!(plan[0].contains("audit_by_time (at<?)"), "{plan:?}");
        assert_eq!(plan.len(), 1, "not sorted: {plan:?}");
    }

    #[test]
    fn rows_are_old_from_the_beginning_of_a_chain_on() {
        // The current time is 100, and rows from before 10 are old.
        for (times, old) in [
            (&[][..], 0),
            (&[1, 2, 3], 3),
            (&[1, 2, 10], 2),
            (&[10, 1], 0),
            (&[1, 10, 2], 1),
            (&[1, 101, 2, 50], 3),
            (&[1, 101, 50], 1),
            (&[101, 102], 0),
        ] {
            let stamps: Vec<Timestamp> = times.iter().copied().map(Timestamp).collect();
            let found = old_rows(&stamps, Timestamp(10), Timestamp(100));
            assert_eq!(found, old, "{times:?}");
        }
    }
}
