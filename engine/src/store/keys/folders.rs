//! The table `key_folder`: which key files the nodes on the database have.

use std::fmt;
use std::time::Duration;

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// The time for which a folder counts after the last heartbeat of its process.
const LIFETIME: Duration = Duration::from_secs(60);

/// The separator between the path of a folder and its identity. No absolute path contains it.
pub const IDENTITY: &str = "//";

/// A folder of key files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFolder {
    /// The name of the machine.
    pub host: String,
    /// The path on the machine, then [`IDENTITY`] and the identity of the folder: containers may have
    /// the same name and path.
    pub folder: String,
    /// The ids of the keys in the folder, in order.
    pub kids: Vec<String>,
}

impl KeyFolder {
    /// Whether both are the same folder, regardless of the keys in it.
    pub fn is_at(&self, other: &Self) -> bool {
        self.host == other.host && self.folder == other.folder
    }

    /// Whether the folder contains a key.
    pub fn has(&self, kid: &str) -> bool {
        self.kids.iter().any(|known| known == kid)
    }
}

impl fmt::Display for KeyFolder {
    /// Formats host and path, as in `gate:/var/lib/postern/keys`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.folder.rsplit_once(IDENTITY) {
            Some((path, _)) if !path.is_empty() => path,
            _ => self.folder.as_str(),
        };
        write!(f, "{}:{path}", self.host)
    }
}

impl FromRow<'_, AnyRow> for KeyFolder {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let kids: String = row.try_get(2)?;
        Ok(Self {
            host: row.try_get(0)?,
            folder: row.try_get(1)?,
            kids: kids.split_whitespace().map(str::to_owned).collect(),
        })
    }
}

/// Records the keys in a folder, and deletes folders that were not seen for long. Times ahead of the
/// clock, which was set back, become the present time: their processes may have ended.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    folder: &KeyFolder,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM key_folder WHERE seen_at <= $1")
        .bind((now - LIFETIME).0)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE key_folder SET seen_at = $1 WHERE seen_at > $2")
        .bind(now.0)
        .bind((now + LIFETIME).0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO key_folder (host, folder, kids, seen_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (host, folder) DO UPDATE SET kids = excluded.kids, seen_at = excluded.seen_at",
    )
    .bind(&folder.host)
    .bind(&folder.folder)
    .bind(folder.kids.join(" "))
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// The folders that were seen within the last minute.
///
/// # Errors
/// Where the database fails.
pub async fn seen(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<KeyFolder>, StoreError> {
    let query = sqlx::query_as(
        "SELECT host, folder, kids FROM key_folder WHERE seen_at > $1 ORDER BY host, folder",
    );
    let query = query.bind((now - LIFETIME).0);
    Ok(query.fetch_all(connection).await?)
}

/// The folders that were seen within the last minute, and not after `at`.
///
/// # Errors
/// Where the database fails.
pub async fn silent_since(
    connection: &mut Connection,
    at: Timestamp,
    now: Timestamp,
) -> Result<Vec<KeyFolder>, StoreError> {
    let query = sqlx::query_as(
        "SELECT host, folder, kids FROM key_folder WHERE seen_at > $1 AND seen_at <= $2 \
         ORDER BY host, folder",
    );
    let query = query.bind((now - LIFETIME).0).bind(at.0);
    Ok(query.fetch_all(connection).await?)
}
