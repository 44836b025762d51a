//! The table `information`: the current settings, a value for each label of a scope.

use std::collections::BTreeMap;

use domain::{Form, Label};

use super::{Connection, Scope, StoreError};

/// The settings of a scope.
#[derive(Debug)]
pub struct Information {
    pub form: Form,
    /// Sealed.
    pub password: Option<String>,
}

/// Reads a scope in one query; `None` before the first save.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    connection: &mut Connection,
    scope: Scope,
) -> Result<Option<Information>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT label, value FROM information WHERE scope = $1")
            .bind(scope.to_string())
            .fetch_all(connection)
            .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut password = None;
    let mut values = BTreeMap::new();
    for (label, value) in rows {
        if label == Label::Password.as_str() {
            password = Some(value);
        } else if let Some(label) = Label::shown(&label) {
            values.insert(label, value);
        }
    }
    Ok(Some(Information {
        form: Form::from(values),
        password,
    }))
}

/// Writes a scope: every label of the form, and the sealed password or its absence.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    scope: Scope,
    form: &Form,
    password: Option<&str>,
) -> Result<(), StoreError> {
    let sealed = password.map(|sealed| (Label::Password, sealed));
    for (label, value) in form.iter().chain(sealed) {
        sqlx::query(
            "INSERT INTO information (scope, label, value) VALUES ($1, $2, $3) \
             ON CONFLICT (scope, label) DO UPDATE SET value = excluded.value",
        )
        .bind(scope.to_string())
        .bind(label.as_str())
        .bind(value)
        .execute(&mut *connection)
        .await?;
    }
    if password.is_none() {
        sqlx::query("DELETE FROM information WHERE scope = $1 AND label = $2")
            .bind(scope.to_string())
            .bind(Label::Password.as_str())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Deletes a scope.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, scope: Scope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM information WHERE scope = $1")
        .bind(scope.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
