//! The settings of the environment of `postern serve`, in the table `information`.

use domain::{Label, SmtpEnvironment};

use crate::store::{Connection, StoreError};

/// The scope of the rows. The password is sealed for it.
pub const ENVIRONMENT: &str = "environment";

/// The label of the row with the variables, as JSON.
const VARIABLES: &str = "variables";

/// The settings in the environment of the process that was started last.
#[derive(Debug)]
pub struct EnvironmentRow {
    pub settings: SmtpEnvironment,
    /// The sealed password.
    pub password: Option<String>,
}

/// Reads the settings; `None` without any.
///
/// # Errors
/// Where the database fails.
pub async fn read(connection: &mut Connection) -> Result<Option<EnvironmentRow>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT label, value FROM information WHERE scope = $1")
            .bind(ENVIRONMENT)
            .fetch_all(connection)
            .await?;
    let value = |wanted: &str| {
        let row = rows.iter().find(|(label, _)| label == wanted);
        row.map(|(_, value)| value.as_str())
    };
    let Some(variables) = value(VARIABLES) else {
        return Ok(None);
    };
    let settings =
        serde_json::from_str(variables).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some(EnvironmentRow {
        settings,
        password: value(Label::Password.as_str()).map(ToOwned::to_owned),
    }))
}

/// Replaces the settings; `None` removes them.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    row: Option<&EnvironmentRow>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM information WHERE scope = $1")
        .bind(ENVIRONMENT)
        .execute(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(());
    };
    let variables =
        serde_json::to_string(&row.settings).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let password = row.password.as_deref();
    let password = password.map(|sealed| (Label::Password.as_str(), sealed));
    for (label, value) in std::iter::once((VARIABLES, &*variables)).chain(password) {
        sqlx::query("INSERT INTO information (scope, label, value) VALUES ($1, $2, $3)")
            .bind(ENVIRONMENT)
            .bind(label)
            .bind(value)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
