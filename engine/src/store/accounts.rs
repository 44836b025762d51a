//! The table `account`: the people who may sign in, with the hashes of their passwords.

use domain::Timestamp;
use domain::view::Role;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{Connection, StoreError};

/// An account, without its password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// A ULID.
    pub id: String,
    /// In lower case.
    pub email: String,
    /// The rights of the account.
    pub role: Role,
}

impl Account {
    /// Reads the columns `id`, `email` and `role`, the first at index `first`.
    pub(super) fn from_columns(row: &AnyRow, first: usize) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(first)?,
            email: row.try_get(first + 1)?,
            role: role(row.try_get(first + 2)?),
        })
    }
}

impl FromRow<'_, AnyRow> for Account {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Self::from_columns(row, 0)
    }
}

/// An unknown role has the fewest rights.
fn role(text: &str) -> Role {
    if text == "admin" {
        Role::Admin
    } else {
        Role::User
    }
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}

/// An account, and the hash of its password.
struct Credentials {
    account: Account,
    password_hash: String,
}

impl FromRow<'_, AnyRow> for Credentials {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: Account::from_columns(row, 0)?,
            password_hash: row.try_get(3)?,
        })
    }
}

/// The account with an address, and the hash of its password.
///
/// # Errors
/// Where the database fails.
pub async fn by_email(
    connection: &mut Connection,
    email: &str,
) -> Result<Option<(Account, String)>, StoreError> {
    let row: Option<Credentials> =
        sqlx::query_as("SELECT id, email, role, password_hash FROM account WHERE email = $1")
            .bind(email)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|row| (row.account, row.password_hash)))
}

/// The account with an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Account>, StoreError> {
    let query = sqlx::query_as("SELECT id, email, role FROM account WHERE id = $1");
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// Whether there is any account.
///
/// # Errors
/// Where the database fails.
pub async fn exist(connection: &mut Connection) -> Result<bool, StoreError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM account LIMIT 1")
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Inserts an account.
///
/// # Errors
/// [`StoreError::is_taken`] where the address has one; otherwise where the database fails.
pub async fn add(
    connection: &mut Connection,
    account: &Account,
    password_hash: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO account (id, email, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&account.id)
    .bind(&account.email)
    .bind(role_text(account.role))
    .bind(password_hash)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the password of an account has this hash. If so, it keeps it until the transaction ends.
///
/// # Errors
/// Where the database fails.
pub async fn lock_password(
    connection: &mut Connection,
    id: &str,
    password_hash: &str,
) -> Result<bool, StoreError> {
    // PostgreSQL locks a row that is updated, and waits for other transactions that changed it.
    let locked = sqlx::query(
        "UPDATE account SET password_hash = password_hash WHERE id = $1 AND password_hash = $2",
    )
    .bind(id)
    .bind(password_hash)
    .execute(connection)
    .await?;
    Ok(locked.rows_affected() > 0)
}

/// Locks an account until the transaction ends, against others that lock it.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE account SET role = role WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Replaces the password of an account.
///
/// # Errors
/// Where the database fails.
pub async fn set_password(
    connection: &mut Connection,
    id: &str,
    password_hash: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE account SET password_hash = $2 WHERE id = $1")
        .bind(id)
        .bind(password_hash)
        .execute(connection)
        .await?;
    Ok(())
}
