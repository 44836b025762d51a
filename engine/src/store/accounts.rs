//! The table `account`: who may sign in.

use domain::Timestamp;
use domain::view::Role;

use super::{Connection, StoreError};

/// An account, without its password.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    /// Lower case.
    pub email: String,
    pub role: Role,
}

pub(super) fn role(text: &str) -> Role {
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

/// The account of an address and the hash of its password.
pub async fn by_email(
    connection: &mut Connection,
    email: &str,
) -> Result<Option<(Account, String)>, StoreError> {
    let row: Option<(String, String, String, String)> =
        sqlx::query_as("SELECT id, email, role, password_hash FROM account WHERE email = $1")
            .bind(email)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(id, email, text, hash)| {
        (
            Account {
                id,
                email,
                role: role(&text),
            },
            hash,
        )
    }))
}

/// The account of an id.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Account>, StoreError> {
    let row: Option<(String, String, String)> =
        sqlx::query_as("SELECT id, email, role FROM account WHERE id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(id, email, text)| Account {
        id,
        email,
        role: role(&text),
    }))
}

/// Whether there is any.
pub async fn exist(connection: &mut Connection) -> Result<bool, StoreError> {
    let row: Option<(String,)> = sqlx::query_as("SELECT id FROM account LIMIT 1")
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Adds an account. [`StoreError::is_taken`] when the address has one.
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

/// Changes the password of an account.
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
