//! The table `account_link`: links with which people set the passwords of their accounts.

use std::time::Duration;

use domain::Timestamp;
use domain::account::mailed_link::{INVITATION_LIFETIME, RESET_LIFETIME};
use strum::IntoStaticStr;

use super::Account;
use crate::store::{Connection, StoreError};

/// The purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum LinkPurpose {
    /// The first password of an account that an administrator created.
    Invitation,
    /// A new password that replaces a forgotten one.
    Reset,
}

impl LinkPurpose {
    /// How long a link can be used.
    pub fn lifetime(self) -> Duration {
        match self {
            Self::Invitation => INVITATION_LIFETIME,
            Self::Reset => RESET_LIFETIME,
        }
    }

    fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Stores the digest of a token, which replaces the one before of the same account and purpose.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    account: &str,
    purpose: LinkPurpose,
    digest: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let write = sqlx::query(
        "INSERT INTO account_link (account_id, purpose, digest, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id, purpose) DO UPDATE SET \
         digest = excluded.digest, expires_at = excluded.expires_at",
    );
    write
        .bind(account)
        .bind(purpose.as_str())
        .bind(digest)
        .bind(expires_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The account of a link that has not expired, if the account is enabled.
///
/// # Errors
/// Where the database fails.
pub async fn account(
    connection: &mut Connection,
    purpose: LinkPurpose,
    digest: &str,
    now: Timestamp,
) -> Result<Option<Account>, StoreError> {
    let query = sqlx::query_as(
        "SELECT a.id, a.email, a.role FROM account_link l JOIN account a ON a.id = l.account_id \
         WHERE l.digest = $1 AND l.purpose = $2 AND l.expires_at > $3 AND a.disabled_at IS NULL",
    );
    let query = query.bind(digest).bind(purpose.as_str()).bind(now.0);
    Ok(query.fetch_optional(connection).await?)
}

/// Deletes a link that has not expired. Returns whether there was one.
///
/// # Errors
/// Where the database fails.
pub async fn take(
    connection: &mut Connection,
    purpose: LinkPurpose,
    digest: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let delete = sqlx::query(
        "DELETE FROM account_link WHERE digest = $1 AND purpose = $2 AND expires_at > $3",
    );
    let taken = delete
        .bind(digest)
        .bind(purpose.as_str())
        .bind(now.0)
        .execute(connection)
        .await?;
    Ok(taken.rows_affected() > 0)
}

/// Deletes the links of an account.
///
/// # Errors
/// Where the database fails.
pub async fn remove_all(connection: &mut Connection, account: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM account_link WHERE account_id = $1")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes the links of all accounts.
///
/// # Errors
/// Where the database fails.
pub async fn remove_every(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM account_link")
        .execute(connection)
        .await?;
    Ok(())
}
