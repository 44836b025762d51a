//! The tables `passkey` and `passkey_challenge`: credentials of WebAuthn, and challenges to answer.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, StoreError};

/// A passkey.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The id of the credential, in base64url.
    pub id: String,
    /// The name that the person gave the passkey.
    pub name: String,
    /// The public key as a `SubjectPublicKeyInfo`, in base64url.
    pub(crate) public_key: String,
    /// The counter of the authenticator at the last use.
    pub(crate) sign_count: i64,
    /// When the passkey was added.
    pub created_at: Timestamp,
    /// When the passkey was last used.
    pub last_used_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for Passkey {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let last_used_at: Option<i64> = row.try_get(5)?;
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            public_key: row.try_get(2)?,
            sign_count: row.try_get(3)?,
            created_at: Timestamp(row.try_get(4)?),
            last_used_at: last_used_at.map(Timestamp),
        })
    }
}

/// The passkeys of an account, oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<Vec<Passkey>, StoreError> {
    let query = sqlx::query_as(
        "SELECT id, name, public_key, sign_count, created_at, last_used_at FROM passkey \
         WHERE account_id = $1 ORDER BY created_at, id",
    );
    Ok(query.bind(account).fetch_all(connection).await?)
}

/// Inserts a passkey of an account.
///
/// # Errors
/// [`StoreError::is_taken`] where the credential is known already, of whatever account; otherwise where the
/// database fails.
pub async fn add(
    connection: &mut Connection,
    account: &str,
    passkey: &Passkey,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO passkey (id, account_id, name, public_key, sign_count, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&passkey.id)
    .bind(account)
    .bind(&passkey.name)
    .bind(&passkey.public_key)
    .bind(passkey.sign_count)
    .bind(passkey.created_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Records a use with this counter. Returns false if the counter did not go up, as that of a copy: only
/// authenticators that do not count may send 0 again.
///
/// # Errors
/// Where the database fails.
pub async fn record_use(
    connection: &mut Connection,
    id: &str,
    sign_count: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = sqlx::query(
        "UPDATE passkey SET sign_count = $2, last_used_at = $3 \
         WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
    )
    .bind(id)
    .bind(i64::from(sign_count))
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(used.rows_affected() > 0)
}

/// Deletes a passkey of an account. Returns whether there was one.
///
/// # Errors
/// Where the database fails.
pub async fn remove(
    connection: &mut Connection,
    account: &str,
    id: &str,
) -> Result<bool, StoreError> {
    let removed = sqlx::query("DELETE FROM passkey WHERE id = $1 AND account_id = $2")
        .bind(id)
        .bind(account)
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() > 0)
}

/// Stores the challenge of a holder in place of the one before, and deletes those that began at `expired` or
/// before.
///
/// # Errors
/// Where the database fails.
pub async fn set_challenge(
    connection: &mut Connection,
    holder: &str,
    challenge: &str,
    now: Timestamp,
    expired: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passkey_challenge WHERE begun_at <= $1")
        .bind(expired.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO passkey_challenge (holder, challenge, begun_at) VALUES ($1, $2, $3) \
         ON CONFLICT (holder) DO UPDATE \
         SET challenge = excluded.challenge, begun_at = excluded.begun_at",
    )
    .bind(holder)
    .bind(challenge)
    .bind(now.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the challenge of a holder away and returns it; `None` unless there is one that began after
/// `expired`.
///
/// # Errors
/// Where the database fails.
pub async fn take_challenge(
    connection: &mut Connection,
    holder: &str,
    expired: Timestamp,
) -> Result<Option<String>, StoreError> {
    let query = sqlx::query_scalar(
        "DELETE FROM passkey_challenge WHERE holder = $1 AND begun_at > $2 RETURNING challenge",
    );
    let query = query.bind(holder).bind(expired.0);
    Ok(query.fetch_optional(connection).await?)
}
