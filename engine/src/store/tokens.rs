//! The table `token`: API tokens of programs, by the hash of their secret.

use domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};
use strum::{EnumString, IntoStaticStr};

use super::accounts::Account;
use super::{Connection, StoreError};

/// What a token is for. An administrator's act also needs an account with that role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum TokenScope {
    /// Acts of administrators.
    Admin,
    /// Submitting messages.
    Send,
}

impl TokenScope {
    /// The scopes of a stored text, which separates them by spaces. Unknown ones permit nothing.
    pub(crate) fn parse_all(text: &str) -> Vec<Self> {
        let names = text.split(' ');
        names.filter_map(|name| name.parse().ok()).collect()
    }
}

/// A token and its account. The secret itself is not stored.
#[derive(Clone, Debug)]
pub struct Token {
    /// A ULID.
    pub id: String,
    /// The account that the program acts as.
    pub account: Account,
    /// As its owner named it.
    pub name: String,
    /// What it is for.
    pub scopes: Vec<TokenScope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked; `None` while it is valid.
    pub revoked_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for Token {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            account: Account::from_columns(row, 1)?,
            name: row.try_get(4)?,
            scopes: TokenScope::parse_all(row.try_get(5)?),
            created_at: Timestamp(row.try_get(6)?),
            revoked_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
        })
    }
}

/// The token with the hash of a secret, unless it is revoked.
///
/// # Errors
/// Where the database fails.
pub async fn by_secret(
    connection: &mut Connection,
    secret: &str,
) -> Result<Option<Token>, StoreError> {
    let query = sqlx::query_as(
        "SELECT t.id, a.id, a.email, a.role, t.name, t.scopes, t.created_at, t.revoked_at \
         FROM token t JOIN account a ON a.id = t.account_id \
         WHERE t.secret = $1 AND t.revoked_at IS NULL",
    );
    Ok(query.bind(secret).fetch_optional(connection).await?)
}

/// Every token, oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<Token>, StoreError> {
    let query = sqlx::query_as(
        "SELECT t.id, a.id, a.email, a.role, t.name, t.scopes, t.created_at, t.revoked_at \
         FROM token t JOIN account a ON a.id = t.account_id ORDER BY t.id",
    );
    Ok(query.fetch_all(connection).await?)
}

/// Inserts a token with the hash of its secret.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    token: &Token,
    secret: &str,
) -> Result<(), StoreError> {
    let scopes: Vec<&str> = token.scopes.iter().map(Into::into).collect();
    sqlx::query(
        "INSERT INTO token (id, account_id, name, secret, scopes, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&token.id)
    .bind(&token.account.id)
    .bind(&token.name)
    .bind(secret)
    .bind(scopes.join(" "))
    .bind(token.created_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a token. Returns whether there was one to revoke.
///
/// # Errors
/// Where the database fails.
pub async fn revoke(
    connection: &mut Connection,
    id: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id)
        .bind(at.0)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
