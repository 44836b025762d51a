//! Changes of the health of relays to report: events of webhooks, and the table `health_mail`.

use domain::health::{HealthChange, HealthState};
use domain::webhook::{WebhookEvent, change_body};
use domain::{Stage, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::rows::{json, of_json};
use super::webhook_deliveries::NewEvent;
use super::{Connection, StoreError, webhook_deliveries, webhooks};

/// A change of the state of a relay, as a mail reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedChange {
    pub relay_name: String,
    /// Whether it is the own relay of the account.
    pub own: bool,
    pub to: HealthState,
    pub at: Timestamp,
    pub failing_since: Option<Timestamp>,
    pub stage: Option<Stage>,
    pub cause: Option<String>,
    pub reply: Option<String>,
}

impl MailedChange {
    fn new(change: &HealthChange) -> Self {
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

    /// The change with what an earlier one says that was not mailed: the beginning of the failure, and its
    /// cause where this one has none.
    fn following(self, earlier: Self) -> Self {
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
    pub change: MailedChange,
    pub created_at: Timestamp,
}

impl FromRow<'_, AnyRow> for HealthMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            to: row.try_get(1)?,
            relay_id: row.try_get(2)?,
            change: of_json(row.try_get(3)?)?,
            created_at: Timestamp(row.try_get(4)?),
        })
    }
}

/// The part of a mail that a later change takes over.
struct UnsentMail {
    account: String,
    change: MailedChange,
}

impl FromRow<'_, AnyRow> for UnsentMail {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: row.try_get(0)?,
            change: of_json(row.try_get(1)?)?,
        })
    }
}

/// Queues the report of a change of state: an event for every webhook that is switched on, and a mail to
/// every administrator. A change of the own relay of an account is mailed to that account only. Changes
/// that are no failure and end none are not reported.
///
/// A mail about an earlier failure of the relay that is not sent yet becomes a part of the new one.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    work: &mut Connection,
    change: &HealthChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(event) = WebhookEvent::of_change(change) else {
        return Ok(());
    };
    if change.account.is_none() {
        let event = NewEvent::new(event, change_body(event, change), now);
        for webhook in webhooks::enabled_ids(work).await? {
            webhook_deliveries::add(work, &webhook, &event).await?;
        }
    }
    let mut unsent = take_unsent(work, &change.relay_id).await?;
    for account in addressees(work, change.account.as_deref()).await? {
        let mut mailed = MailedChange::new(change);
        if let Some(index) = unsent.iter().position(|mail| mail.account == account) {
            mailed = mailed.following(unsent.swap_remove(index).change);
        }
        let insert = sqlx::query(
            "INSERT INTO health_mail (id, account_id, relay_id, change, recovery, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        );
        insert
            .bind(ulid::Ulid::new().to_string())
            .bind(&account)
            .bind(&change.relay_id)
            .bind(json(&mailed)?)
            .bind(i64::from(mailed.to == HealthState::Healthy))
            .bind(now.0)
            .bind(now.0)
            .execute(&mut *work)
            .await?;
    }
    Ok(())
}

/// The ids of the accounts that get the mail: those of enabled administrators, or the one whose own relay
/// it is.
async fn addressees(
    connection: &mut Connection,
    own: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let query = match own {
        None => sqlx::query_scalar(
            "SELECT id FROM account WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id",
        ),
        Some(id) => {
            sqlx::query_scalar("SELECT id FROM account WHERE id = $1 AND disabled_at IS NULL")
                .bind(id)
        }
    };
    Ok(query.fetch_all(connection).await?)
}

/// Deletes the mails about failures of a relay, and returns them.
async fn take_unsent(
    connection: &mut Connection,
    relay: &str,
) -> Result<Vec<UnsentMail>, StoreError> {
    let query = sqlx::query_as(
        "DELETE FROM health_mail WHERE relay_id = $1 AND recovery = 0 RETURNING account_id, change",
    );
    Ok(query.bind(relay).fetch_all(connection).await?)
}

/// Leases up to `limit` mails that are due until `end`, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn claim_mail(
    connection: &mut Connection,
    skip_locked: &str,
    now: Timestamp,
    end: Timestamp,
    limit: i64,
) -> Result<Vec<HealthMail>, StoreError> {
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT id AS mail FROM health_mail WHERE due_at <= $2 \
         ORDER BY due_at, id LIMIT $3{skip_locked}) \
         UPDATE health_mail SET due_at = $1 FROM due WHERE id = due.mail RETURNING id"
    );
    let leased: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(end.0)
        .bind(now.0)
        .bind(limit)
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
    // RETURNING has no order of its own.
    claimed.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(claimed)
}

/// Makes a mail due at `at`.
///
/// # Errors
/// Where the database fails.
pub async fn defer_mail(
    connection: &mut Connection,
    id: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE health_mail SET due_at = $1 WHERE id = $2")
        .bind(at.0)
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a mail.
///
/// # Errors
/// Where the database fails.
pub async fn remove_mail(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
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
pub async fn next_mail(connection: &mut Connection) -> Result<Option<Timestamp>, StoreError> {
    let query = sqlx::query_scalar("SELECT due_at FROM health_mail ORDER BY due_at, id LIMIT 1");
    let due: Option<i64> = query.fetch_optional(connection).await?;
    Ok(due.map(Timestamp))
}
