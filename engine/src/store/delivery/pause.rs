//! The tables `delivery_pause`, a row while delivery is paused, and `delivery_resumption`.

use domain::Timestamp;
use domain::settings::Stamp;

use crate::store::database::direct::DirectTransaction;
use crate::store::{Connection, Scope, StoreError};

/// The rows that stop delivery or change its settings.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// The version of the relays and their settings.
    pub version: i64,
    /// Whether delivery is paused, by a row of this table or by a process that holds mail.
    pub paused: bool,
}

/// The time and the actor of the pause; `None` while delivery runs.
///
/// # Errors
/// Where the database fails.
pub async fn read(connection: &mut Connection) -> Result<Option<Stamp>, StoreError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT since, actor FROM delivery_pause WHERE scope = $1")
            .bind(Scope::Global.to_string())
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(since, by)| Stamp {
        at: Timestamp(since),
        by,
    }))
}

/// Pauses or resumes delivery. Returns whether the state changed.
///
/// # Errors
/// Where the database fails.
pub async fn write(connection: &mut Connection, by: Option<&Stamp>) -> Result<bool, StoreError> {
    let done = match by {
        Some(stamp) => {
            let insert = sqlx::query(
                "INSERT INTO delivery_pause (scope, since, actor) VALUES ($1, $2, $3) \
                 ON CONFLICT (scope) DO NOTHING",
            );
            let insert = insert
                .bind(Scope::Global.to_string())
                .bind(stamp.at.0)
                .bind(&stamp.by);
            insert.execute(connection).await?
        }
        None => {
            let delete = sqlx::query("DELETE FROM delivery_pause WHERE scope = $1")
                .bind(Scope::Global.to_string());
            delete.execute(connection).await?
        }
    };
    Ok(done.rows_affected() > 0)
}

/// Records that a pause of delivery ended, unless another one ended later.
///
/// # Errors
/// Where the database fails.
pub async fn resumed(connection: &mut Connection, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery_resumption (scope, resumed_at) VALUES ($1, $2) \
         ON CONFLICT (scope) DO UPDATE SET resumed_at = excluded.resumed_at \
         WHERE delivery_resumption.resumed_at < excluded.resumed_at",
    )
    .bind(Scope::Global.to_string())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// When the last pause of delivery ended; `None` where there was none.
///
/// # Errors
/// Where the database fails.
pub async fn last_resumed(connection: &mut Connection) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_scalar("SELECT resumed_at FROM delivery_resumption WHERE scope = $1");
    let at: Option<i64> = query
        .bind(Scope::Global.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(at.map(Timestamp))
}

const CONTROL: &str = "SELECT (SELECT version FROM routing), \
                       CASE WHEN EXISTS (SELECT 1 FROM delivery_pause WHERE scope = $1) \
                       OR EXISTS (SELECT 1 FROM worker WHERE hold_mail = 1 AND seen_at >= $2) \
                       THEN CAST(1 AS BIGINT) ELSE 0 END";

/// Reads the values that delivery checks before each message. A process that holds mail counts if its
/// last heartbeat was at `since` or later.
///
/// # Errors
/// Where the database fails.
pub async fn control(connection: &mut Connection, since: Timestamp) -> Result<Control, StoreError> {
    let (version, paused): (i64, i64) = sqlx::query_as(CONTROL)
        .bind(Scope::Global.to_string())
        .bind(since.0)
        .fetch_one(connection)
        .await?;
    Ok(Control {
        version,
        paused: paused > 0,
    })
}

/// Like [`control`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn control_directly(
    work: &DirectTransaction<'_>,
    since: Timestamp,
) -> Result<Control, StoreError> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Control {
            version: row.get(0)?,
            paused: row.get::<_, i64>(1)? > 0,
        })
    };
    let found = work.query_row(CONTROL, (Scope::Global.to_string(), since.0), read)?;
    Ok(found.ok_or(sqlx::Error::RowNotFound)?)
}
