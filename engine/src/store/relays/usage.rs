//! The table `relay_usage`: messages sent through relays with limits, by minute, hour and day.

use domain::Timestamp;
use domain::limits::rate_window::Period;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use crate::store::{Connection, Scope, StoreError};

/// The messages of a relay in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub scope: Scope,
    pub period: Period,
    pub start: Timestamp,
    pub messages: i64,
}

impl FromRow<'_, AnyRow> for Usage {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (id, period): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let unknown = |text: &str| sqlx::Error::Decode(format!("usage of {text}").into());
        Ok(Self {
            scope: Scope::of_relay(id).ok_or_else(|| unknown(id))?,
            period: period.parse().map_err(|_| unknown(period))?,
            start: Timestamp(row.try_get(2)?),
            messages: row.try_get(3)?,
        })
    }
}

/// Adds messages to the stored counts.
///
/// # Errors
/// Where the database fails.
pub async fn add(connection: &mut Connection, usage: &[Usage]) -> Result<(), StoreError> {
    for used in usage {
        sqlx::query(
            "INSERT INTO relay_usage (relay_id, period, start_at, messages) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (relay_id, period, start_at) \
             DO UPDATE SET messages = relay_usage.messages + excluded.messages",
        )
        .bind(used.scope.relay_id())
        .bind(used.period.as_str())
        .bind(used.start.0)
        .bind(used.messages)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The usage of all relays that limits depend on at `now`: of the current periods and those before.
///
/// # Errors
/// Where the database fails.
pub async fn current(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<Usage>, StoreError> {
    let mut usage = Vec::new();
    for period in Period::ALL {
        let rows: Vec<Usage> = sqlx::query_as(
            "SELECT relay_id, period, start_at, messages FROM relay_usage \
             WHERE period = $1 AND start_at >= $2",
        )
        .bind(period.as_str())
        .bind((period.start(now) - period.length()).0)
        .fetch_all(&mut *connection)
        .await?;
        usage.extend(rows);
    }
    Ok(usage)
}

/// Deletes the rows of periods that limits no longer depend on.
///
/// # Errors
/// Where the database fails.
pub async fn delete_old(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    for period in Period::ALL {
        sqlx::query("DELETE FROM relay_usage WHERE period = $1 AND start_at < $2")
            .bind(period.as_str())
            .bind((period.start(now) - period.length()).0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
