//! The table `audit_chain`: the end of the hash chain of each node, and its anchor.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::hash::HashedRow;
use crate::store::{Connection, StoreError};

/// The position of a row in a chain: its number and its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainPlace {
    /// The number of the row, from 1; 0 before the first row.
    pub number: i64,
    /// The hash of the row; empty before the first row.
    pub hash: String,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainRow {
    pub node: String,
    /// The last row.
    pub last: ChainPlace,
    /// The anchor: the last row that retention removed.
    pub removed: ChainPlace,
    /// The time of that row.
    pub removed_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for ChainRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            node: row.try_get(0)?,
            last: ChainPlace {
                number: row.try_get(1)?,
                hash: row.try_get(2)?,
            },
            removed: ChainPlace {
                number: row.try_get(3)?,
                hash: row.try_get(4)?,
            },
            removed_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp),
        })
    }
}

/// A row of a chain, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainedRow {
    pub number: i64,
    pub id: String,
    pub at: Timestamp,
    pub actor: String,
    pub origin: String,
    pub action: String,
    pub outcome: String,
    pub detail: String,
    /// The hash of the row; empty if another program removed it.
    pub hash: String,
}

impl FromRow<'_, AnyRow> for ChainedRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get(0)?,
            id: row.try_get(1)?,
            at: Timestamp(row.try_get(2)?),
            actor: row.try_get(3)?,
            origin: row.try_get(4)?,
            action: row.try_get(5)?,
            outcome: row.try_get(6)?,
            detail: row.try_get(7)?,
            hash: row.try_get(8)?,
        })
    }
}

impl ChainedRow {
    /// The hash of a row with this content in the chain of `node`, after the row with the hash
    /// `previous`.
    pub fn expected_hash(&self, node: &str, previous: &str) -> String {
        let row = HashedRow {
            previous,
            node,
            number: self.number,
            id: &self.id,
            at: self.at,
            actor: &self.actor,
            origin: &self.origin,
            action: &self.action,
            outcome: &self.outcome,
            detail: &self.detail,
        };
        row.hash()
    }
}

/// A row that names a chain and has no position in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisplacedRow {
    pub node: String,
    pub number: Option<i64>,
    pub id: String,
    pub at: Timestamp,
}

impl FromRow<'_, AnyRow> for MisplacedRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            node: row.try_get(0)?,
            number: row.try_get(1)?,
            id: row.try_get(2)?,
            at: Timestamp(row.try_get(3)?),
        })
    }
}

/// The number of rows without a position in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnchainedRows {
    /// The number of these rows when the chains began, less those that retention removed.
    pub known: i64,
    /// The number of these rows now.
    pub found: i64,
}

/// Locks the chain of a node until the end of the transaction, and returns its last row. The chain begins here where
/// there is none.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut Connection, node: &str) -> Result<ChainPlace, StoreError> {
    let (number, hash): (i64, String) = sqlx::query_as(
        "INSERT INTO audit_chain (node, last_number, last_hash) VALUES ($1, 0, '') \
         ON CONFLICT (node) DO UPDATE SET last_number = audit_chain.last_number \
         RETURNING last_number, last_hash",
    )
    .bind(node)
    .fetch_one(connection)
    .await?;
    Ok(ChainPlace { number, hash })
}

/// Writes the last row of a chain that is locked.
///
/// # Errors
/// Where the database fails.
pub async fn advance(
    connection: &mut Connection,
    node: &str,
    last: &ChainPlace,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE audit_chain SET last_number = $2, last_hash = $3 WHERE node = $1")
        .bind(node)
        .bind(last.number)
        .bind(&last.hash)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes the anchor of a chain, unless another process removed as many rows meanwhile.
///
/// # Errors
/// Where the database fails.
pub async fn anchor(
    connection: &mut Connection,
    node: &str,
    removed: &ChainPlace,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE audit_chain SET removed_number = $2, removed_hash = $3, removed_at = $4 \
         WHERE node = $1 AND removed_number < $2",
    )
    .bind(node)
    .bind(removed.number)
    .bind(&removed.hash)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// The chains, in the order of their nodes.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<ChainRow>, StoreError> {
    let query = sqlx::query_as(
        "SELECT node, last_number, last_hash, removed_number, removed_hash, removed_at \
         FROM audit_chain ORDER BY node",
    );
    Ok(query.fetch_all(connection).await?)
}

/// Up to `limit` rows of a chain after a number.
///
/// # Errors
/// Where the database fails.
pub async fn rows_behind(
    connection: &mut Connection,
    node: &str,
    number: i64,
    limit: i64,
) -> Result<Vec<ChainedRow>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, id, at, actor, origin, action, outcome, detail, COALESCE(hash, '') \
         FROM audit WHERE node = $1 AND number > $2 ORDER BY number LIMIT $3",
    );
    let rows = query.bind(node).bind(number).bind(limit);
    Ok(rows.fetch_all(connection).await?)
}

/// The first row that names a node and is in no chain: its node has none, or its number is not between the anchor
/// and the end of the chain.
///
/// # Errors
/// Where the database fails.
pub async fn misplaced(connection: &mut Connection) -> Result<Option<MisplacedRow>, StoreError> {
    // SQLite may store a text in a column of numbers.
    let query = sqlx::query_as(
        "SELECT a.node, CAST(a.number AS BIGINT), a.id, CAST(a.at AS BIGINT) \
         FROM audit a LEFT JOIN audit_chain c ON c.node = a.node \
         WHERE a.node IS NOT NULL AND (a.number IS NULL OR c.node IS NULL \
         OR a.number <= c.removed_number OR a.number > c.last_number) ORDER BY a.id LIMIT 1",
    );
    Ok(query.fetch_optional(connection).await?)
}

/// The number of rows without a position in a chain.
///
/// # Errors
/// Where the database fails.
pub async fn unchained(connection: &mut Connection) -> Result<UnchainedRows, StoreError> {
    let query = sqlx::query_as(
        "SELECT COALESCE((SELECT number FROM audit_unchained LIMIT 1), 0), \
         (SELECT COUNT(*) FROM audit WHERE node IS NULL)",
    );
    let (known, found): (i64, i64) = query.fetch_one(connection).await?;
    Ok(UnchainedRows { known, found })
}

/// Records the present number of rows without a position in a chain as the known one. Returns `false`,
/// and changes nothing, if the known number has changed since it was read.
///
/// # Errors
/// Where the database fails.
pub async fn know_unchained(
    connection: &mut Connection,
    rows: UnchainedRows,
) -> Result<bool, StoreError> {
    let updated = sqlx::query("UPDATE audit_unchained SET number = $1 WHERE number = $2")
        .bind(rows.found)
        .bind(rows.known)
        .execute(connection)
        .await?;
    Ok(updated.rows_affected() > 0)
}

/// Subtracts removed rows from the known number of rows without a position in a chain.
///
/// # Errors
/// Where the database fails.
pub async fn forget_unchained(connection: &mut Connection, removed: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE audit_unchained SET number = number - $1")
        .bind(i64::try_from(removed).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}
