//! The table `health_mail`: mail about the health of relays that is not in the outbox yet.

use std::time::Duration;

use domain::health::{HealthChange, HealthState};
use domain::{Stage, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::clock::CLOCK_SKEW;
use crate::store::database::rows::{json, of_json};
use crate::store::{Connection, StoreError};

/// The longest backoff of a mail that failed.
pub const MAIL_BACKOFF_MAX: Duration = Duration::from_hours(1);

/// A mail that is due later than this was deferred by a clock that was ahead, and counts as due now.
fn horizon(now: Timestamp) -> Timestamp {
    now + MAIL_BACKOFF_MAX + CLOCK_SKEW
}

/// A change of the state of a relay, as a mail reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedChange {
    pub relay_name: String,
    /// Whether the relay is the own relay of the account.
    pub own: bool,
    pub to: HealthState,
    pub at: Timestamp,
    pub failing_since: Option<Timestamp>,
    pub stage: Option<Stage>,
    pub cause: Option<String>,
    pub reply: Option<String>,
}

impl MailedChange {
    pub(super) fn new(change: &HealthChange) -> Self {
        let failure = change.failure.as_ref();
        Self {
            relay_name: change.relay_name.clone(),
            own: change.account.is_some(),
            to: change.to,
            at: change.at,
            failing_since: change.failing_since,
            stage: failure.map(|failure| failure.stage),
            cause: failure.map(|failure| failure.summary.clone()),
            reply: failure.and_then(|failure| failure.reply.clone()),
        }
    }

    /// Merges an earlier change that was not mailed: the start of the failure, and its cause if this
    /// change has none.
    pub(super) fn following(self, earlier: Self) -> Self {
        let began = earlier.failing_since.unwrap_or(earlier.at);
        let failing_since = self.failing_since.map_or(began, |since| since.min(began));
        let mut changed = Self {
            failing_since: Some(failing_since),
            ..self
        };
        if changed.cause.is_none() {
            changed.stage = earlier.stage;
            changed.cause = earlier.cause;
            changed.reply = earlier.reply;
        }
        changed
    }
}

/// A mail that is not in the outbox yet.
#[derive(Clone, Debug)]
pub struct HealthMail {
    pub id: String,
    /// The address of the account.
    pub to: String,
    pub relay_id: String,
    /// The change, as JSON.
    change: String,
    pub created_at: Timestamp,
}

impl HealthMail {
    /// The change that the mail reports.
    ///
    /// # Errors
    /// If the change is not one that this version stores.
    pub fn change(&self) -> Result<MailedChange, StoreError> {
        Ok(of_json(&self.change)?)
    }
}

impl FromRow<'_, AnyRow> for HealthMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            to: row.try_get(1)?,
            relay_id: row.try_get(2)?,
            change: row.try_get(3)?,
            created_at: Timestamp(row.try_get(4)?),
        })
    }
}

/// The part of a mail that a later change takes over.
pub(super) struct UnsentMail {
    pub account: String,
    /// The change; `None` if it is not one that this version stores.
    pub change: Option<MailedChange>,
}

impl FromRow<'_, AnyRow> for UnsentMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: row.try_get(0)?,
            change: of_json(row.try_get(1)?).ok(),
        })
    }
}

/// A mail to queue.
#[derive(Clone, Copy, Debug)]
pub struct NewHealthMail<'a> {
    /// The id of the account that gets the mail.
    pub account: &'a str,
    pub relay_id: &'a str,
    pub change: &'a MailedChange,
}

/// Queues a mail.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    work: &mut Connection,
    mail: &NewHealthMail<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO health_mail (id, account_id, relay_id, change, recovery, created_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    insert
        .bind(ulid::Ulid::new().to_string())
        .bind(mail.account)
        .bind(mail.relay_id)
        .bind(json(mail.change)?)
        .bind(i64::from(mail.change.to == HealthState::Healthy))
        .bind(now.0)
        .bind(now.0)
        .execute(work)
        .await?;
    Ok(())
}

/// Deletes the mails about failures of a relay, and returns them.
///
/// # Errors
/// Where the database fails.
pub(super) async fn take_unsent(
    connection: &mut Connection,
    relay: &str,
) -> Result<Vec<UnsentMail>, StoreError> {
    let query = sqlx::query_as(
        "DELETE FROM health_mail WHERE relay_id = $1 AND recovery = 0 RETURNING account_id, change",
    );
    Ok(query.bind(relay).fetch_all(connection).await?)
}

/// Leases up to `limit` mails that are due until `end`, the oldest first. Those to accounts that were
/// disabled meanwhile, or are no administrators any more, are deleted.
///
/// # Errors
/// Where the database fails.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    now: Timestamp,
    end: Timestamp,
    limit: i64,
) -> Result<Vec<HealthMail>, StoreError> {
    let unwanted = sqlx::query(
        "DELETE FROM health_mail WHERE (due_at <= $1 OR due_at > $2) \
         AND account_id IN (SELECT a.id FROM account a \
         WHERE a.disabled_at IS NOT NULL \
         OR a.role <> 'admin' AND 'account:' || a.id <> health_mail.relay_id)",
    );
    let horizon = horizon(now);
    let unwanted = unwanted.bind(now.0).bind(horizon.0);
    unwanted.execute(&mut *connection).await?;
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT id AS mail FROM health_mail \
         WHERE due_at <= $2 OR due_at > $4 ORDER BY due_at, id LIMIT $3{skip_locked}) \
         UPDATE health_mail SET due_at = $1 FROM due WHERE id = due.mail RETURNING id"
    );
    let leased: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(end.0)
        .bind(now.0)
        .bind(limit)
        .bind(horizon.0)
        .fetch_all(&mut *connection)
        .await?;
    let mut claimed = Vec::with_capacity(leased.len());
    for id in leased {
        let query = sqlx::query_as(
            "SELECT m.id, a.email, m.relay_id, m.change, m.created_at FROM health_mail m \
             JOIN account a ON a.id = m.account_id WHERE m.id = $1",
        );
        let mail: Option<HealthMail> = query.bind(&id).fetch_optional(&mut *connection).await?;
        claimed.extend(mail);
    }
    // RETURNING does not define an order.
    claimed.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(claimed)
}

/// Makes a mail due after `time`. Where a clock that was ahead wrote when it was queued, it counts as
/// queued now, so that it is deleted in time.
///
/// # Errors
/// Where the database fails.
pub async fn defer(
    connection: &mut Connection,
    id: &str,
    now: Timestamp,
    time: Duration,
) -> Result<(), StoreError> {
    let query = sqlx::query(
        "UPDATE health_mail SET due_at = $1, \
         created_at = CASE WHEN created_at > $2 THEN $3 ELSE created_at END WHERE id = $4",
    );
    query
        .bind((now + time).0)
        .bind((now + CLOCK_SKEW).0)
        .bind(now.0)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a mail.
///
/// # Errors
/// Where the database fails.
pub async fn remove(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM health_mail WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// When the next mail is due; `None` where there is none.
///
/// # Errors
/// Where the database fails.
pub async fn next_due(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_as("SELECT MIN(due_at), MAX(due_at) FROM health_mail");
    let DueTimes { first, last } = query.fetch_one(connection).await?;
    Ok(match last > Some(horizon(now)) {
        true => first.map(|first| first.min(now)),
        false => first,
    })
}

/// When the first and the last mail are due.
struct DueTimes {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for DueTimes {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (first, last): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self {
            first: first.map(Timestamp),
            last: last.map(Timestamp),
        })
    }
}
