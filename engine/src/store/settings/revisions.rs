//! The table `revision`: every save of the settings of a scope, numbered from 1.

use domain::settings::Stamp;
use domain::{Form, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, Scope, StoreError};

/// The number of earlier passwords that are kept in addition to the current one.
pub const EARLIER_PASSWORDS: i64 = 3;

/// The number of revisions of a scope that are kept, in addition to those with a password and the last
/// verified one.
pub const REVISIONS_KEPT: i64 = 100;

/// A save of settings.
#[derive(Debug)]
pub struct Revision {
    pub number: i64,
    pub saved: Stamp,
    /// The origin: an IP address, or `this machine`; empty if it was not recorded.
    pub origin: String,
    /// The earlier revision that this save restored.
    pub restored: Option<i64>,
    pub form: Form,
    /// The sealed password, only in the revision that introduced it, and until it is the fifth newest.
    pub password: Option<String>,
    /// The revision whose password belongs to these settings. The password of the environment is stored
    /// in no revision, and is identified by the revision that it was introduced with.
    pub password_from: Option<i64>,
}

impl FromRow<'_, AnyRow> for Revision {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let form = serde_json::from_str(row.try_get(3)?);
        Ok(Self {
            number: row.try_get(0)?,
            saved: Stamp {
                at: Timestamp(row.try_get(1)?),
                by: row.try_get(2)?,
            },
            form: form.map_err(|error| sqlx::Error::Decode(error.into()))?,
            password: row.try_get(4)?,
            password_from: row.try_get(5)?,
            origin: row.try_get(6)?,
            restored: row.try_get(7)?,
        })
    }
}

/// A revision, and whether a test mail verified it.
#[derive(Debug)]
pub struct KeptRevision {
    pub revision: Revision,
    pub verified: Option<Stamp>,
}

impl FromRow<'_, AnyRow> for KeptRevision {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (at, by): (Option<i64>, Option<String>) = (row.try_get(8)?, row.try_get(9)?);
        let verified = at.zip(by).map(|(at, by)| Stamp {
            at: Timestamp(at),
            by,
        });
        Ok(Self {
            revision: Revision::from_row(row)?,
            verified,
        })
    }
}

/// A revision that a test mail verified.
#[derive(Debug)]
pub struct Proof {
    pub number: i64,
    pub verified: Stamp,
}

impl FromRow<'_, AnyRow> for Proof {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get(0)?,
            verified: Stamp {
                at: Timestamp(row.try_get(1)?),
                by: row.try_get(2)?,
            },
        })
    }
}

/// The newest revision.
///
/// # Errors
/// Where the database fails.
pub async fn newest(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<Revision>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from, saved_from, restored_from \
         FROM revision \
         WHERE scope = $1 ORDER BY number DESC LIMIT 1",
    );
    Ok(query
        .bind(scope.to_string())
        .fetch_optional(connection)
        .await?)
}

/// The revision with this number.
///
/// # Errors
/// Where the database fails.
pub async fn numbered(
    connection: &mut Connection,
    scope: Scope,
    number: i64,
) -> Result<Option<Revision>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from, saved_from, restored_from \
         FROM revision WHERE scope = $1 AND number = $2",
    );
    Ok(query
        .bind(scope.to_string())
        .bind(number)
        .fetch_optional(connection)
        .await?)
}

/// All revisions that are kept, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn kept(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Vec<KeptRevision>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from, saved_from, restored_from, \
         verified_at, verified_by FROM revision WHERE scope = $1 ORDER BY number DESC",
    );
    Ok(query.bind(scope.to_string()).fetch_all(connection).await?)
}

/// The revisions that introduced a password which is still kept, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn with_password(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Vec<Revision>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from, saved_from, restored_from \
         FROM revision \
         WHERE scope = $1 AND password IS NOT NULL ORDER BY number DESC",
    );
    Ok(query.bind(scope.to_string()).fetch_all(connection).await?)
}

/// The number of the revision that holds the password of the newest revision whose password is kept.
///
/// # Errors
/// Where the database fails.
pub async fn newest_with_kept_password(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT password_from FROM revision WHERE scope = $1 AND password_from IN \
         (SELECT number FROM revision WHERE scope = $1 AND password IS NOT NULL) \
         ORDER BY number DESC LIMIT 1",
    );
    Ok(query
        .bind(scope.to_string())
        .fetch_optional(connection)
        .await?)
}

/// The newest revision that a test mail verified.
///
/// # Errors
/// Where the database fails.
pub async fn newest_proof(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<Proof>, StoreError> {
    let query = sqlx::query_as(
        "SELECT number, verified_at, verified_by FROM revision \
         WHERE scope = $1 AND verified_at IS NOT NULL ORDER BY number DESC LIMIT 1",
    );
    Ok(query
        .bind(scope.to_string())
        .fetch_optional(connection)
        .await?)
}

/// Inserts a revision.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    scope: Scope,
    revision: &Revision,
) -> Result<(), StoreError> {
    let form =
        serde_json::to_string(&revision.form).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO revision (scope, number, saved_at, saved_by, form, password, password_from, \
         saved_from, restored_from) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(scope.to_string())
    .bind(revision.number)
    .bind(revision.saved.at.0)
    .bind(&revision.saved.by)
    .bind(form)
    .bind(revision.password.as_deref())
    .bind(revision.password_from)
    .bind(&revision.origin)
    .bind(revision.restored)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the revisions before the newest [`REVISIONS_KEPT`], which end with `newest`. Those that hold a
/// password stay, and the newest that a test mail verified.
///
/// # Errors
/// Where the database fails.
pub async fn forget_old(
    connection: &mut Connection,
    scope: Scope,
    newest: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM revision WHERE scope = $1 AND number <= $2 AND password IS NULL \
         AND number <> (SELECT COALESCE(MAX(number), 0) FROM revision \
         WHERE scope = $1 AND verified_at IS NOT NULL)",
    )
    .bind(scope.to_string())
    .bind(newest - REVISIONS_KEPT)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all revisions of a scope.
///
/// # Errors
/// Where the database fails.
pub async fn remove_all(connection: &mut Connection, scope: Scope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM revision WHERE scope = $1")
        .bind(scope.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the passwords beyond the newest [`EARLIER_PASSWORDS`], except the one in use.
///
/// # Errors
/// Where the database fails.
pub async fn forget_passwords(
    connection: &mut Connection,
    scope: Scope,
    in_use: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE revision SET password = NULL WHERE scope = $1 AND password IS NOT NULL \
         AND number <> $2 AND number NOT IN (SELECT number FROM revision \
         WHERE scope = $1 AND password IS NOT NULL AND number <> $2 ORDER BY number DESC LIMIT $3)",
    )
    .bind(scope.to_string())
    .bind(in_use.unwrap_or(0))
    .bind(EARLIER_PASSWORDS)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes all passwords of a scope; its revisions stay.
///
/// # Errors
/// Where the database fails.
pub async fn forget_all_passwords(
    connection: &mut Connection,
    scope: Scope,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE revision SET password = NULL WHERE scope = $1 AND password IS NOT NULL")
        .bind(scope.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that a test mail verified a revision.
///
/// # Errors
/// Where the database fails.
pub async fn prove(
    connection: &mut Connection,
    scope: Scope,
    number: i64,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE revision SET verified_at = $3, verified_by = $4 WHERE scope = $1 AND number = $2",
    )
    .bind(scope.to_string())
    .bind(number)
    .bind(stamp.at.0)
    .bind(&stamp.by)
    .execute(connection)
    .await?;
    Ok(())
}
