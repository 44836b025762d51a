//! The table `token`: what programs sign in with, by its hash.

use domain::Timestamp;

use super::accounts::{Account, role};
use super::{Connection, StoreError};

/// A token and its account. The secret itself is not kept.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: String,
    pub account: Account,
    pub name: String,
    /// Separated by spaces.
    pub scopes: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
);

fn token((id, account, email, text, name, scopes, created, revoked): Row) -> Token {
    Token {
        id,
        account: Account {
            id: account,
            email,
            role: role(&text),
        },
        name,
        scopes,
        created_at: Timestamp(created),
        revoked_at: revoked.map(Timestamp),
    }
}

/// The token with this hash, unless revoked.
pub async fn by_secret(
    connection: &mut Connection,
    secret: &str,
) -> Result<Option<Token>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT t.id, a.id, a.email, a.role, t.name, t.scopes, t.created_at, t.revoked_at \
         FROM token t JOIN account a ON a.id = t.account_id \
         WHERE t.secret = $1 AND t.revoked_at IS NULL",
    )
    .bind(secret)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(token))
}

/// Every token, oldest first.
pub async fn all(connection: &mut Connection) -> Result<Vec<Token>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT t.id, a.id, a.email, a.role, t.name, t.scopes, t.created_at, t.revoked_at \
         FROM token t JOIN account a ON a.id = t.account_id ORDER BY t.id",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(token).collect())
}

/// Adds a token.
pub async fn add(
    connection: &mut Connection,
    token: &Token,
    secret: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO token (id, account_id, name, secret, scopes, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&token.id)
    .bind(&token.account.id)
    .bind(&token.name)
    .bind(secret)
    .bind(&token.scopes)
    .bind(token.created_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a token; says whether there was one to revoke.
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
