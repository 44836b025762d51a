//! The table `token`: API tokens of programs, by the hash of their secret.

use domain::outbox::PriorityLimits;
use domain::{SendingQuota, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};
use strum::{EnumString, IntoStaticStr};

use super::Account;
use super::sending_limits::{self, QUOTA};
use crate::store::messages::flows::priority;
use crate::store::{Connection, StoreError};

/// The columns of a [`Token`].
const COLUMNS: &str = "t.id, a.id, a.email, a.role, t.name, t.scopes, t.created_at, t.revoked_at, \
                       t.expires_at, t.last_used_at, t.senders, t.default_priority, t.highest_priority, \
                       t.any_sender";

/// The tables of these columns, and of [`QUOTA`].
const TABLES: &str = "token t JOIN account a ON a.id = t.account_id \
                      LEFT JOIN sending_limit l ON l.holder_id = t.id";

/// A scope of a token. Actions of administrators also require an account with that role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum TokenScope {
    /// Acts of administrators.
    Admin,
    /// Submitting messages.
    Send,
    /// Reading messages, the overview of the outbox and metrics, as far as the role of the account
    /// allows.
    Read,
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
    /// The id, a ULID.
    pub id: String,
    /// The account that the program acts as.
    pub account: Account,
    /// The name that the owner gave the token.
    pub name: String,
    /// The scopes of the token.
    pub scopes: Vec<TokenScope>,
    /// When the token was created.
    pub created_at: Timestamp,
    /// When the token was revoked; `None` while it is valid.
    pub revoked_at: Option<Timestamp>,
    /// When the token expires; `None` if it does not.
    pub expires_at: Option<Timestamp>,
    /// When the token was last used, to the minute; `None` if it was not used yet.
    pub last_used_at: Option<Timestamp>,
    /// The addresses that the token may send from; empty if it may send from every address.
    pub senders: Vec<String>,
    /// Whether the token may send from addresses that its account may not use, while that account is an
    /// administrator's.
    pub any_sender: bool,
    /// The priorities of the messages that the token submits.
    pub priorities: PriorityLimits,
    /// The limits of the messages that the token submits, and the messages that count for them.
    pub quota: SendingQuota,
}

impl Token {
    /// Whether the token has a scope.
    pub(crate) fn has(&self, scope: TokenScope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether the token has expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl FromRow<'_, AnyRow> for Token {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let time = |index: usize| -> Result<_, sqlx::Error> {
            Ok(row.try_get::<Option<i64>, _>(index)?.map(Timestamp))
        };
        let senders: &str = row.try_get(10)?;
        Ok(Self {
            id: row.try_get(0)?,
            account: Account::from_columns(row, 1)?,
            name: row.try_get(4)?,
            scopes: TokenScope::parse_all(row.try_get(5)?),
            created_at: Timestamp(row.try_get(6)?),
            revoked_at: time(7)?,
            expires_at: time(8)?,
            last_used_at: time(9)?,
            senders: senders.lines().map(str::to_owned).collect(),
            any_sender: row.try_get::<i64, _>(13)? != 0,
            priorities: PriorityLimits {
                default: priority(row, 11)?,
                highest: priority(row, 12)?,
            },
            quota: sending_limits::from_columns(row, 14)?,
        })
    }
}

/// The token with the hash of a secret, unless it is revoked or its account is disabled.
///
/// # Errors
/// Where the database fails.
pub async fn by_secret(
    connection: &mut Connection,
    secret: &str,
) -> Result<Option<Token>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {QUOTA} FROM {TABLES} \
         WHERE t.secret = $1 AND t.revoked_at IS NULL AND a.disabled_at IS NULL"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(secret).fetch_optional(connection).await?)
}

/// Every token, oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn all(connection: &mut Connection) -> Result<Vec<Token>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, {QUOTA} FROM {TABLES} ORDER BY t.id");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.fetch_all(connection).await?)
}

/// The tokens of an account that are not revoked, oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<Vec<Token>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {QUOTA} FROM {TABLES} \
         WHERE t.account_id = $1 AND t.revoked_at IS NULL ORDER BY t.id"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(account).fetch_all(connection).await?)
}

/// The newest tokens of an account that are not revoked, newest first, and at most `most`.
///
/// # Errors
/// Where the database fails.
pub async fn newest(
    connection: &mut Connection,
    account: &str,
    most: u32,
) -> Result<Vec<Token>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, {QUOTA} FROM {TABLES} \
         WHERE t.account_id = $1 AND t.revoked_at IS NULL ORDER BY t.id DESC LIMIT $2"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(account);
    Ok(query.bind(i64::from(most)).fetch_all(connection).await?)
}

/// The token with an id, unless it is revoked.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Token>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS}, {QUOTA} FROM {TABLES} WHERE t.id = $1 AND t.revoked_at IS NULL");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// The number of tokens of an account that are not revoked and expire after `expire_after`, if at all.
///
/// # Errors
/// Where the database fails.
pub async fn number(
    connection: &mut Connection,
    account: &str,
    expire_after: Timestamp,
) -> Result<i64, StoreError> {
    let query = sqlx::query_as(
        "SELECT COUNT(*) FROM token WHERE account_id = $1 AND revoked_at IS NULL \
         AND (expires_at IS NULL OR expires_at > $2)",
    );
    let (number,): (i64,) = query
        .bind(account)
        .bind(expire_after.0)
        .fetch_one(connection)
        .await?;
    Ok(number)
}

/// Inserts a token with the hash of its secret, and its limits.
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
        "INSERT INTO token (id, account_id, name, secret, scopes, created_at, expires_at, senders, \
         default_priority, highest_priority, any_sender) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&token.id)
    .bind(&token.account.id)
    .bind(&token.name)
    .bind(secret)
    .bind(scopes.join(" "))
    .bind(token.created_at.0)
    .bind(token.expires_at.map(|at| at.0))
    .bind(token.senders.join("\n"))
    .bind(token.priorities.default.as_str())
    .bind(token.priorities.highest.as_str())
    .bind(i64::from(token.any_sender))
    .execute(&mut *connection)
    .await?;
    if token.quota.limits.is_empty() {
        return Ok(());
    }
    sending_limits::set(connection, &token.id, &token.quota.limits).await
}

/// Sets the last use of a token, unless another node did since `before`.
///
/// # Errors
/// Where the database fails.
pub async fn touch(
    connection: &mut Connection,
    id: &str,
    now: Timestamp,
    before: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE token SET last_used_at = $2 \
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
    )
    .bind(id)
    .bind(now.0)
    .bind(before.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Revokes a token, of this account if one is given. Returns whether there was one to revoke.
///
/// # Errors
/// Where the database fails.
pub async fn revoke(
    connection: &mut Connection,
    id: &str,
    account: Option<&str>,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE token SET revoked_at = $3 \
         WHERE id = $1 AND ($2 = '' OR account_id = $2) AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(account.unwrap_or_default())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Revokes the tokens of an account that have other scopes than sending mail.
///
/// # Errors
/// Where the database fails.
pub async fn revoke_beyond_sending(
    connection: &mut Connection,
    account: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE token SET revoked_at = $2 \
         WHERE account_id = $1 AND revoked_at IS NULL AND scopes <> $3",
    )
    .bind(account)
    .bind(at.0)
    .bind(<&str>::from(TokenScope::Send))
    .execute(connection)
    .await?;
    Ok(())
}

/// Limits the tokens of an account to its own sender addresses.
///
/// # Errors
/// Where the database fails.
pub async fn forbid_any_sender(
    connection: &mut Connection,
    account: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE token SET any_sender = 0 WHERE account_id = $1 AND any_sender <> 0")
        .bind(account)
        .execute(connection)
        .await?;
    Ok(())
}

/// Revokes the tokens of an account.
///
/// # Errors
/// Where the database fails.
pub async fn revoke_all(
    connection: &mut Connection,
    account: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE token SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL")
        .bind(account)
        .bind(at.0)
        .execute(connection)
        .await?;
    Ok(())
}
