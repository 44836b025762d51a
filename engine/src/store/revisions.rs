//! The table `revision`: every save of a scope, numbered from 1, and what proved it.

use domain::view::Stamp;
use domain::{Form, Timestamp};

use super::{Connection, Scope, StoreError};

/// How many earlier passwords are kept beside the current one.
pub const EARLIER_PASSWORDS: i64 = 3;

/// A save.
#[derive(Debug)]
pub struct Revision {
    pub number: i64,
    pub saved: Stamp,
    pub form: Form,
    /// Sealed; only in the revision that brought it, and until it is the fifth newest.
    pub password: Option<String>,
    /// The revision whose password goes with these settings.
    pub password_from: Option<i64>,
}

type Row = (i64, i64, String, String, Option<String>, Option<i64>);

fn revision((number, at, by, form, password, password_from): Row) -> Result<Revision, StoreError> {
    let form = serde_json::from_str(&form).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let saved = Stamp {
        at: Timestamp(at),
        by,
    };
    Ok(Revision {
        number,
        saved,
        form,
        password,
        password_from,
    })
}

/// The newest revision.
pub async fn newest(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<Revision>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from FROM revision \
         WHERE scope = $1 ORDER BY number DESC LIMIT 1",
    )
    .bind(scope.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(revision).transpose()
}

/// The revisions that brought a password which is still kept, newest first.
pub async fn with_password(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Vec<Revision>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, saved_at, saved_by, form, password, password_from FROM revision \
         WHERE scope = $1 AND password IS NOT NULL ORDER BY number DESC",
    )
    .bind(scope.as_str())
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(revision).collect()
}

/// The newest proof: the revision and who proved it when.
pub async fn newest_proof(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<(i64, Stamp)>, StoreError> {
    let row: Option<(i64, i64, String)> = sqlx::query_as(
        "SELECT number, verified_at, verified_by FROM revision \
         WHERE scope = $1 AND verified_at IS NOT NULL ORDER BY number DESC LIMIT 1",
    )
    .bind(scope.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(number, at, by)| {
        (
            number,
            Stamp {
                at: Timestamp(at),
                by,
            },
        )
    }))
}

/// Adds a revision. [`StoreError::is_taken`] when another save has the number.
pub async fn add(
    connection: &mut Connection,
    scope: Scope,
    revision: &Revision,
) -> Result<(), StoreError> {
    let form =
        serde_json::to_string(&revision.form).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO revision (scope, number, saved_at, saved_by, form, password, password_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(scope.as_str())
    .bind(revision.number)
    .bind(revision.saved.at.0)
    .bind(&revision.saved.by)
    .bind(form)
    .bind(revision.password.as_deref())
    .bind(revision.password_from)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the passwords beyond the newest [`EARLIER_PASSWORDS`], sparing the one in use.
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
    .bind(scope.as_str())
    .bind(in_use.unwrap_or(0))
    .bind(EARLIER_PASSWORDS)
    .execute(connection)
    .await?;
    Ok(())
}

/// Records that a test mail proved a revision.
pub async fn prove(
    connection: &mut Connection,
    scope: Scope,
    number: i64,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE revision SET verified_at = $3, verified_by = $4 WHERE scope = $1 AND number = $2",
    )
    .bind(scope.as_str())
    .bind(number)
    .bind(stamp.at.0)
    .bind(&stamp.by)
    .execute(connection)
    .await?;
    Ok(())
}
