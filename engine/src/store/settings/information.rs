//! The table `information`: the current settings, a value for each label of a scope.

use std::collections::{BTreeMap, HashMap};

use domain::{Form, Label, SmtpEnvironment};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::environment;
use super::environment::{ENVIRONMENT, EnvironmentRow};
use crate::store::relays::outages;
use crate::store::scope::ACCOUNT;
use crate::store::{Connection, Scope, StoreError};

/// A sealed password, and the scope that it is sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPassword {
    pub scope: String,
    pub sealed: String,
}

/// The saved settings of a scope.
#[derive(Debug)]
pub struct SavedInformation {
    pub form: Form,
    /// The password, sealed for the scope.
    pub password: Option<String>,
}

impl SavedInformation {
    /// The password, if it may be used with these settings. It may always be used with those that it was
    /// saved for.
    pub fn password_for(&self, form: &Form) -> Option<&str> {
        let stays = *form == self.form
            || match (self.form.parse(), form.parse()) {
                (Ok(saved), Ok(next)) => saved.password_stays(&next),
                _ => false,
            };
        self.password.as_deref().filter(|_| stays)
    }
}

/// The settings of a scope.
#[derive(Debug)]
pub struct Information {
    /// The settings in force: the saved ones, and for the first relay those of the environment over them.
    pub form: Form,
    /// The password for these settings.
    pub password: Option<SealedPassword>,
    /// The saved settings; `None` before the first save.
    pub saved: Option<SavedInformation>,
    /// The settings of the environment, for the first relay only.
    pub environment: Option<SmtpEnvironment>,
}

impl Information {
    fn new(scope: Scope, saved: Option<SavedInformation>, over: Option<EnvironmentRow>) -> Self {
        let mut form = saved.as_ref().map(|saved| saved.form.clone());
        let (environment, password) = match over {
            Some(row) => {
                form = Some(row.settings.over(&form.unwrap_or_default()).form);
                (Some(row.settings), row.password)
            }
            None => (None, None),
        };
        let form = form.unwrap_or_default();
        let of_environment = password.map(|sealed| SealedPassword {
            scope: ENVIRONMENT.to_owned(),
            sealed,
        });
        let kept = || {
            let sealed = saved.as_ref()?.password_for(&form)?.to_owned();
            let scope = scope.to_string();
            Some(SealedPassword { scope, sealed })
        };
        let password = of_environment.or_else(kept);
        Self {
            form,
            password,
            saved,
            environment,
        }
    }
}

/// Reads a scope; `None` before the first save, and without an environment.
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
            .fetch_all(&mut *connection)
            .await?;
    let environment = match scope {
        Scope::Global => environment::read(connection).await?,
        Scope::Relay(_) | Scope::Account(_) => None,
    };
    let saved = (!rows.is_empty()).then(|| {
        let sealed = rows
            .iter()
            .find(|(label, _)| label == Label::Password.as_str());
        let password = sealed.map(|(_, value)| value.clone());
        SavedInformation {
            form: form(rows),
            password,
        }
    });
    if saved.is_none() && environment.is_none() {
        return Ok(None);
    }
    Ok(Some(Information::new(scope, saved, environment)))
}

/// The settings of a relay.
pub struct RelayForm {
    /// The id of the relay.
    pub relay: String,
    /// The form, without the password.
    pub form: Form,
}

/// Reads the settings of all relays that have some, in their order and without passwords. Where the first
/// one has only those of the environment, it comes before the others.
///
/// # Errors
/// Where the database fails.
pub async fn of_relays(connection: &mut Connection) -> Result<Vec<RelayForm>, StoreError> {
    let rows: Vec<RelayValue> = sqlx::query_as(
        "SELECT relay.id, label, value FROM relay JOIN information ON information.scope = \
         CASE WHEN relay.id = $1 THEN relay.id ELSE 'relay:' || relay.id END \
         WHERE label <> $2 ORDER BY relay.position, relay.id",
    )
    .bind(Scope::Global.relay_id())
    .bind(Label::Password.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let of_one = rows.chunk_by(|one, other| one.relay == other.relay);
    let of_relay = |rows: &[RelayValue]| {
        let values = rows.iter();
        RelayForm {
            relay: rows[0].relay.clone(),
            form: form(values.map(|row| (row.label.clone(), row.value.clone()))),
        }
    };
    let mut all: Vec<RelayForm> = of_one.map(of_relay).collect();
    if let Some(row) = environment::read(connection).await? {
        let first = Scope::Global.relay_id();
        match all.iter_mut().find(|saved| saved.relay == first) {
            Some(saved) => saved.form = row.settings.over(&saved.form).form,
            None => {
                let form = row.settings.over(&Form::default()).form;
                all.insert(0, RelayForm { relay: first, form });
            }
        }
    }
    Ok(all)
}

/// The settings of the relay of an account.
#[derive(Debug)]
pub struct AccountForm {
    pub scope: Scope,
    pub form: Form,
    /// Sealed.
    pub password: Option<String>,
    /// The number of the newest revision.
    pub revision: i64,
}

/// Reads the settings of the relays of all accounts that have one, in two queries.
///
/// # Errors
/// Where the database fails.
pub async fn of_accounts(connection: &mut Connection) -> Result<Vec<AccountForm>, StoreError> {
    let rows: Vec<RelayValue> = sqlx::query_as(
        "SELECT scope, label, value FROM information WHERE scope LIKE $1 ORDER BY scope",
    )
    .bind(format!("{ACCOUNT}%"))
    .fetch_all(&mut *connection)
    .await?;
    let revisions: Vec<(String, i64)> = sqlx::query_as(
        "SELECT scope, MAX(number) FROM revision WHERE scope LIKE $1 GROUP BY scope",
    )
    .bind(format!("{ACCOUNT}%"))
    .fetch_all(connection)
    .await?;
    let revisions: HashMap<String, i64> = revisions.into_iter().collect();
    let of_one = rows.chunk_by(|one, other| one.relay == other.relay);
    let of_account = |rows: &[RelayValue]| {
        let stored = &rows[0].relay;
        let password = rows
            .iter()
            .find(|row| row.label == Label::Password.as_str());
        let values = rows.iter();
        Some(AccountForm {
            scope: Scope::of_stored_account(stored)?,
            form: form(values.map(|row| (row.label.clone(), row.value.clone()))),
            password: password.map(|row| row.value.clone()),
            revision: revisions.get(stored).copied().unwrap_or(0),
        })
    };
    Ok(of_one.filter_map(of_account).collect())
}

/// A value of a relay.
struct RelayValue {
    /// The id or the scope of the relay.
    relay: String,
    label: String,
    value: String,
}

impl FromRow<'_, AnyRow> for RelayValue {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            relay: row.try_get(0)?,
            label: row.try_get(1)?,
            value: row.try_get(2)?,
        })
    }
}

/// The values that are shown.
fn form(rows: impl IntoIterator<Item = (String, String)>) -> Form {
    let shown = |(label, value): (String, String)| Some((Label::shown(&label)?, value));
    let values: BTreeMap<Label, String> = rows.into_iter().filter_map(shown).collect();
    Form::from(values)
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

/// Deletes a scope, and the outage that was announced of its relay: no notification reports its
/// end.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, scope: Scope) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM information WHERE scope = $1")
        .bind(scope.to_string())
        .execute(&mut *connection)
        .await?;
    outages::remove(connection, scope).await
}
