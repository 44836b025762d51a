//! The table `account`: the people who may sign in, with the hashes of their passwords.

pub mod administrator_networks;
pub mod links;
pub mod passkeys;
pub mod pending_logins;
pub mod second_factors;
pub mod sender_identities;
pub mod sending_limits;
pub mod sessions;
pub mod setup_link;
pub mod tokens;

use std::collections::HashSet;

use domain::Timestamp;
use domain::account::{AccountState, AccountView, Role};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::database::rows::contains;
use super::{Connection, StoreError, figures};

/// An account, without its password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The id, a ULID.
    pub id: String,
    /// The address in lower case.
    pub email: String,
    /// The rights of the account.
    pub role: Role,
}

impl Account {
    /// Reads the columns `id`, `email` and `role`, the first at index `first`.
    pub(super) fn from_columns(row: &AnyRow, first: usize) -> Result<Self, sqlx::Error> {
        let role: &str = row.try_get(first + 2)?;
        Ok(Self {
            id: row.try_get(first)?,
            email: row.try_get(first + 1)?,
            // An unknown role has the fewest rights.
            role: role.parse().unwrap_or(Role::User),
        })
    }
}

impl FromRow<'_, AnyRow> for Account {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Self::from_columns(row, 0)
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

/// The account with an address, and the hash of its password. The hash is empty where nobody can sign in
/// with a password: the account is disabled, or was invited and has none yet.
///
/// # Errors
/// Where the database fails.
pub async fn by_email(
    connection: &mut Connection,
    email: &str,
) -> Result<Option<(Account, String)>, StoreError> {
    let row: Option<Credentials> = sqlx::query_as(
        "SELECT id, email, role, \
         CASE WHEN disabled_at IS NULL THEN password_hash ELSE '' END FROM account WHERE email = $1",
    )
    .bind(email)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| (row.account, row.password_hash)))
}

/// The account with an address, unless it is disabled.
///
/// # Errors
/// Where the database fails.
pub async fn enabled_by_email(
    connection: &mut Connection,
    email: &str,
) -> Result<Option<Account>, StoreError> {
    let query = sqlx::query_as(
        "SELECT id, email, role FROM account WHERE email = $1 AND disabled_at IS NULL",
    );
    Ok(query.bind(email).fetch_optional(connection).await?)
}

/// The account with an id.
///
/// # Errors
/// Where the database fails.
pub async fn by_id(connection: &mut Connection, id: &str) -> Result<Option<Account>, StoreError> {
    let query = sqlx::query_as("SELECT id, email, role FROM account WHERE id = $1");
    Ok(query.bind(id).fetch_optional(connection).await?)
}

/// Whether there is an account with an id that is not disabled.
///
/// # Errors
/// Where the database fails.
pub async fn is_enabled(connection: &mut Connection, id: &str) -> Result<bool, StoreError> {
    let query =
        sqlx::query_scalar("SELECT COUNT(*) FROM account WHERE id = $1 AND disabled_at IS NULL");
    let number: i64 = query.bind(id).fetch_one(connection).await?;
    Ok(number > 0)
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
    .bind(account.role.as_str())
    .bind(password_hash)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether an account is enabled and its password has this hash. If so, both remain unchanged until the
/// transaction ends.
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
        "UPDATE account SET password_hash = password_hash \
         WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
    )
    .bind(id)
    .bind(password_hash)
    .execute(connection)
    .await?;
    Ok(locked.rows_affected() > 0)
}

/// Locks an account until the transaction ends, against others that lock it. Returns whether there is
/// one that is enabled.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut Connection, id: &str) -> Result<bool, StoreError> {
    let locked =
        sqlx::query("UPDATE account SET role = role WHERE id = $1 AND disabled_at IS NULL")
            .bind(id)
            .execute(connection)
            .await?;
    Ok(locked.rows_affected() > 0)
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

/// An account as administrators see it.
const VIEW: &str = "SELECT a.id, a.email, a.role, a.password_hash, a.created_at, a.disabled_at, \
                    l.expires_at FROM account a LEFT JOIN account_link l \
                    ON l.account_id = a.id AND l.purpose = 'invitation'";

struct ViewRow(AccountView);

impl FromRow<'_, AnyRow> for ViewRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let Account { id, email, role } = Account::from_columns(row, 0)?;
        let password_hash: &str = row.try_get(3)?;
        let disabled_at: Option<i64> = row.try_get(5)?;
        let invitation: Option<i64> = row.try_get(6)?;
        Ok(Self(AccountView {
            id,
            email,
            role,
            state: match (disabled_at, password_hash) {
                (Some(_), _) => AccountState::Disabled,
                (None, "") => AccountState::Invited,
                (None, _) => AccountState::Active,
            },
            created: Timestamp(row.try_get(4)?),
            invitation_expires: invitation.map(Timestamp),
        }))
    }
}

/// The first `limit` accounts whose address contains `text`, in the order of their addresses.
///
/// # Errors
/// Where the database fails.
pub async fn matching(
    connection: &mut Connection,
    text: &str,
    limit: i64,
) -> Result<Vec<AccountView>, StoreError> {
    let sql = format!("{VIEW} WHERE a.email LIKE $1 ESCAPE '\\' ORDER BY a.email LIMIT $2");
    let query = sqlx::query_as(AssertSqlSafe(sql));
    let rows: Vec<ViewRow> = query
        .bind(contains(&text.to_lowercase()))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|ViewRow(view)| view).collect())
}

/// The account with an id, as administrators see it.
///
/// # Errors
/// Where the database fails.
pub async fn view(
    connection: &mut Connection,
    id: &str,
) -> Result<Option<AccountView>, StoreError> {
    let sql = format!("{VIEW} WHERE a.id = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(id);
    let row: Option<ViewRow> = query.fetch_optional(connection).await?;
    Ok(row.map(|ViewRow(view)| view))
}

/// The number of administrators who can sign in, without the account with this id.
///
/// # Errors
/// Where the database fails.
pub async fn other_admins(connection: &mut Connection, id: &str) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT COUNT(*) FROM account \
         WHERE role = 'admin' AND disabled_at IS NULL AND password_hash <> '' AND id <> $1",
    );
    Ok(query.bind(id).fetch_one(connection).await?)
}

/// Sets the role of an account.
///
/// # Errors
/// Where the database fails.
pub async fn set_role(connection: &mut Connection, id: &str, role: Role) -> Result<(), StoreError> {
    sqlx::query("UPDATE account SET role = $2 WHERE id = $1")
        .bind(id)
        .bind(role.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Disables an account, or enables it where no time is given.
///
/// # Errors
/// Where the database fails.
pub async fn set_disabled(
    connection: &mut Connection,
    id: &str,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE account SET disabled_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at.map(|at| at.0))
        .execute(connection)
        .await?;
    Ok(())
}

/// The ids of the accounts that are disabled.
///
/// # Errors
/// Where the database fails.
pub async fn disabled_ids(connection: &mut Connection) -> Result<HashSet<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT id FROM account WHERE disabled_at IS NOT NULL");
    let ids: Vec<String> = query.fetch_all(connection).await?;
    Ok(ids.into_iter().collect())
}

/// The addresses of the accounts that are not disabled.
///
/// # Errors
/// Where the database fails.
pub async fn enabled_addresses(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let query = sqlx::query_scalar("SELECT email FROM account WHERE disabled_at IS NULL");
    Ok(query.fetch_all(connection).await?)
}

/// Deletes an account with its sessions, tokens, links, sender addresses, limits and figures.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sending_limits::remove_all(connection, id).await?;
    figures::remove_of_account(connection, id).await?;
    for table in ["session", "token", "account_link", "sender_identity"] {
        let sql = format!("DELETE FROM {table} WHERE account_id = $1");
        let delete = sqlx::query(AssertSqlSafe(sql)).bind(id);
        delete.execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM account WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
