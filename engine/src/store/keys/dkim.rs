//! The table `dkim_key`: key pairs that sign the mail of a domain.

use domain::Timestamp;
use domain::mail::dkim::DkimKeyView;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// The columns of a [`DkimKeyRow`].
const COLUMNS: &str = "id, domain, selector, algorithm, public_key, state, created_at, created_by, \
                       activated_at, removal_at, private_key";

/// A key pair.
#[derive(Clone, Debug)]
pub struct DkimKeyRow {
    /// The key without its private part.
    pub view: DkimKeyView,
    /// The sealed private key.
    pub private_key: String,
}

impl FromRow<'_, AnyRow> for DkimKeyRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let algorithm: String = row.try_get(3)?;
        let state: String = row.try_get(5)?;
        let activated_at: Option<i64> = row.try_get(8)?;
        let removal_at: Option<i64> = row.try_get(9)?;
        let unknown = |text: &str| sqlx::Error::Decode(format!("dkim_key: {text}").into());
        Ok(Self {
            view: DkimKeyView {
                id: row.try_get(0)?,
                domain: row.try_get(1)?,
                selector: row.try_get(2)?,
                algorithm: algorithm.parse().map_err(|_| unknown(&algorithm))?,
                public_key: row.try_get(4)?,
                state: state.parse().map_err(|_| unknown(&state))?,
                // Only the vault knows whether the key is usable.
                is_usable: true,
                created_at: Timestamp(row.try_get(6)?),
                created_by: row.try_get(7)?,
                activated_at: activated_at.map(Timestamp),
                removal_at: removal_at.map(Timestamp),
            },
            private_key: row.try_get(10)?,
        })
    }
}

/// All keys, those of a domain in the order in which they were made.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<DkimKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM dkim_key ORDER BY domain, created_at, id");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.fetch_all(connection).await?)
}

/// The keys that sign, of all domains, those of RSA first.
///
/// # Errors
/// Where the database fails.
pub async fn active(connection: &mut Connection) -> Result<Vec<DkimKeyRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM dkim_key WHERE state = 'active' ORDER BY domain, algorithm DESC"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.fetch_all(connection).await?)
}

/// The keys of a domain, in the order in which they were made.
///
/// # Errors
/// Where the database fails.
pub async fn of_domain(
    connection: &mut Connection,
    domain: &str,
) -> Result<Vec<DkimKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM dkim_key WHERE domain = $1 ORDER BY created_at, id");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(domain);
    Ok(query.fetch_all(connection).await?)
}

/// The key with an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<DkimKeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM dkim_key WHERE id = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id);
    Ok(query.fetch_optional(connection).await?)
}

/// Inserts a key, or overwrites the state and the times of the one with its id.
///
/// # Errors
/// Where the database fails.
pub async fn write(connection: &mut Connection, key: &DkimKeyRow) -> Result<(), StoreError> {
    let view = &key.view;
    sqlx::query(
        "INSERT INTO dkim_key (id, domain, selector, algorithm, public_key, state, created_at, \
         created_by, activated_at, removal_at, private_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO UPDATE SET \
         state = excluded.state, activated_at = excluded.activated_at, \
         removal_at = excluded.removal_at",
    )
    .bind(&view.id)
    .bind(&view.domain)
    .bind(&view.selector)
    .bind(view.algorithm.as_str())
    .bind(&view.public_key)
    .bind(view.state.as_str())
    .bind(view.created_at.0)
    .bind(&view.created_by)
    .bind(view.activated_at.map(|at| at.0))
    .bind(view.removal_at.map(|at| at.0))
    .bind(&key.private_key)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes a key.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM dkim_key WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the keys whose retention is over.
///
/// # Errors
/// Where the database fails.
pub async fn remove_retired(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM dkim_key WHERE state = 'retiring' AND removal_at <= $1")
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(())
}
