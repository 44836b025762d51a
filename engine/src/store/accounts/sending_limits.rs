//! The table `sending_limit`: limits of accounts and API tokens, and the messages counted for them.

use std::collections::BTreeMap;

use domain::limits::rate_window::{RateWindow, RateWindows};
use domain::{SendingLimits, SendingQuota, Timestamp};
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::store::database::direct::DirectTransaction;
use crate::store::database::rows::{blocks, in_order, list, values};
use crate::store::{Connection, StoreError};

/// The columns of a quota.
pub(super) const QUOTA: &str = "l.max_per_minute, l.max_per_hour, l.max_per_day, l.max_recipients, \
     l.minute_start, l.minute_messages, l.minute_before, l.hour_start, l.hour_messages, l.hour_before, \
     l.day_start, l.day_messages, l.day_before";

/// The number of these columns.
const COLUMNS: usize = 13;

/// The quotas of accounts and tokens, by their ids.
pub type QuotasById = BTreeMap<String, SendingQuota>;

/// Builds a quota from the values of its columns, which are NULL without a row.
fn quota(columns: [Option<i64>; COLUMNS]) -> SendingQuota {
    let (limits, counts) = columns.split_at(4);
    let limit = |index: usize| limits[index].and_then(|number| u32::try_from(number).ok());
    let mut windows = RateWindows::default();
    for (window, counts) in windows.0.iter_mut().zip(counts.chunks(3)) {
        let count = |index: usize| counts[index].unwrap_or_default();
        *window = RateWindow {
            start: Timestamp(count(0)),
            messages: count(1),
            before: count(2),
            ..*window
        };
    }
    SendingQuota {
        limits: SendingLimits::of_numbers([limit(0), limit(1), limit(2), limit(3)]),
        windows,
    }
}

/// The counts of a quota in the order of their columns.
fn counts(quota: &SendingQuota) -> [i64; 9] {
    let mut counts = [0; 9];
    for (window, counts) in quota.windows.0.iter().zip(counts.chunks_mut(3)) {
        counts.copy_from_slice(&[window.start.0, window.messages, window.before]);
    }
    counts
}

/// Reads the columns [`QUOTA`], the first at index `first`. Without a row there are no limits.
pub(super) fn from_columns(row: &AnyRow, first: usize) -> Result<SendingQuota, sqlx::Error> {
    let mut columns = [None; COLUMNS];
    for (index, column) in (first..).zip(&mut columns) {
        *column = row.try_get(index)?;
    }
    Ok(quota(columns))
}

struct QuotaRow {
    holder: String,
    quota: SendingQuota,
}

impl FromRow<'_, AnyRow> for QuotaRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            holder: row.try_get(0)?,
            quota: from_columns(row, 1)?,
        })
    }
}

/// The quota of an account or a token, without limits where it has none.
///
/// # Errors
/// Where the database fails.
pub async fn of(connection: &mut Connection, holder: &str) -> Result<SendingQuota, StoreError> {
    let sql = format!("SELECT l.holder_id, {QUOTA} FROM sending_limit l WHERE l.holder_id = $1");
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(holder);
    let row: Option<QuotaRow> = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.quota).unwrap_or_default())
}

/// The quotas of all accounts with limits.
///
/// # Errors
/// Where the database fails.
pub async fn of_accounts(connection: &mut Connection) -> Result<QuotasById, StoreError> {
    let sql = format!(
        "SELECT l.holder_id, {QUOTA} FROM sending_limit l JOIN account a ON a.id = l.holder_id"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql));
    Ok(by_id(query.fetch_all(connection).await?))
}

fn by_id(rows: Vec<QuotaRow>) -> QuotasById {
    rows.into_iter()
        .map(|row| (row.holder, row.quota))
        .collect()
}

/// Replaces the limits of an account or a token. Messages that were counted for the previous limits
/// count for the new ones; without limits nothing is counted.
///
/// # Errors
/// Where the database fails.
pub async fn set(
    connection: &mut Connection,
    holder: &str,
    limits: &SendingLimits,
) -> Result<(), StoreError> {
    if limits.is_empty() {
        sqlx::query("DELETE FROM sending_limit WHERE holder_id = $1")
            .bind(holder)
            .execute(connection)
            .await?;
        return Ok(());
    }
    let [minute, hour, day, recipients] = limits.numbers().map(|number| number.map(i64::from));
    sqlx::query(
        "INSERT INTO sending_limit \
         (holder_id, max_per_minute, max_per_hour, max_per_day, max_recipients) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (holder_id) DO UPDATE SET \
         max_per_minute = excluded.max_per_minute, max_per_hour = excluded.max_per_hour, \
         max_per_day = excluded.max_per_day, max_recipients = excluded.max_recipients",
    )
    .bind(holder)
    .bind(minute)
    .bind(hour)
    .bind(day)
    .bind(recipients)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes the limits of an account and of its tokens.
///
/// # Errors
/// Where the database fails.
pub async fn remove_all(connection: &mut Connection, account: &str) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM sending_limit WHERE holder_id = $1 \
         OR holder_id IN (SELECT id FROM token WHERE account_id = $1)",
    )
    .bind(account)
    .execute(connection)
    .await?;
    Ok(())
}

/// The quotas of those accounts and tokens that have limits. `holders` are their ids in ascending order, in
/// which `for_update`, where it is not empty, locks the rows until the transaction ends.
///
/// # Errors
/// Where the database fails.
pub async fn load(
    connection: &mut Connection,
    for_update: &str,
    holders: &[&str],
) -> Result<QuotasById, StoreError> {
    let mut quotas = QuotasById::new();
    for block in blocks(holders) {
        let sql = format!(
            "SELECT l.holder_id, {QUOTA} FROM sending_limit l WHERE l.holder_id IN ({}) \
             ORDER BY l.holder_id{for_update}",
            list(0, block.places)
        );
        let mut query = sqlx::query_as(in_order(connection, sql));
        for holder in block.iter() {
            query = query.bind(holder.copied());
        }
        quotas.extend(by_id(query.fetch_all(&mut *connection).await?));
    }
    Ok(quotas)
}

/// Writes the counts of accounts and tokens.
///
/// # Errors
/// Where the database fails.
pub async fn save(
    connection: &mut Connection,
    quotas: &[(&str, SendingQuota)],
) -> Result<(), StoreError> {
    for block in blocks(quotas) {
        let sql = format!(
            "UPDATE sending_limit SET minute_start = v.column2, minute_messages = v.column3, \
             minute_before = v.column4, hour_start = v.column5, hour_messages = v.column6, \
             hour_before = v.column7, day_start = v.column8, day_messages = v.column9, \
             day_before = v.column10 FROM (VALUES {}) AS v WHERE holder_id = v.column1",
            values(0, block.places, 10)
        );
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            query = query.bind(row.map(|(holder, _)| *holder));
            let counts = row.map(|(_, quota)| counts(quota));
            for index in 0..9 {
                query = query.bind(counts.map(|counts| counts[index]));
            }
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// As [`load`], in a direct transaction, which locks the database.
///
/// # Errors
/// Where the database fails.
pub fn load_directly(
    work: &DirectTransaction<'_>,
    holders: &[&str],
) -> Result<QuotasById, StoreError> {
    let mut quotas = QuotasById::new();
    if holders.is_empty() {
        return Ok(quotas);
    }
    let sql = format!("SELECT {QUOTA} FROM sending_limit l WHERE l.holder_id = ?");
    for holder in holders {
        let read = |row: &rusqlite::Row<'_>| {
            let mut columns = [None; COLUMNS];
            for (index, column) in columns.iter_mut().enumerate() {
                *column = row.get(index)?;
            }
            Ok(quota(columns))
        };
        if let Some(quota) = work.query_row(&sql, [holder], read)? {
            quotas.insert((*holder).to_owned(), quota);
        }
    }
    Ok(quotas)
}

/// As [`save`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn save_directly(
    work: &DirectTransaction<'_>,
    quotas: &[(&str, SendingQuota)],
) -> Result<(), StoreError> {
    for (holder, quota) in quotas {
        let counts = counts(quota).map(Value::from);
        let holder = Value::from((*holder).to_owned());
        work.execute(
            "UPDATE sending_limit SET minute_start = ?, minute_messages = ?, minute_before = ?, \
             hour_start = ?, hour_messages = ?, hour_before = ?, day_start = ?, day_messages = ?, \
             day_before = ? WHERE holder_id = ?",
            params_from_iter(counts.into_iter().chain([holder])),
        )?;
    }
    Ok(())
}
