//! The table `webhook_delivery`: events for each endpoint, claimed in their order by lease.

use std::time::Duration;

use domain::Timestamp;
use domain::webhook::{WEBHOOK_BACKOFF_MAX, WebhookDelivery, WebhookDeliveryState, WebhookEvent};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use crate::clock::CLOCK_SKEW;
use crate::store::database::rows::{blocks, in_order, insert};
use crate::store::{Connection, StoreError};

/// The columns of [`WebhookDelivery`].
const COLUMNS: &str =
    "event_id, event, state, created_at, attempts, attempted_at, due_at, status, answer";

/// [`WebhookDelivery`] as stored.
struct DeliveryRow(WebhookDelivery);

impl FromRow<'_, AnyRow> for DeliveryRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let state: &str = row.try_get(2)?;
        let state = state.parse::<WebhookDeliveryState>().map_err(|_| {
            sqlx::Error::Decode(format!("the state of a webhook delivery: {state}").into())
        })?;
        let attempted_at: Option<i64> = row.try_get(5)?;
        let due_at = Timestamp(row.try_get(6)?);
        Ok(Self(WebhookDelivery {
            event_id: row.try_get(0)?,
            event: row.try_get(1)?,
            state,
            created_at: Timestamp(row.try_get(3)?),
            attempts: row.try_get(4)?,
            attempted_at: attempted_at.map(Timestamp),
            next_attempt_at: (state == WebhookDeliveryState::Queued).then_some(due_at),
            status: row.try_get(7)?,
            answer: row.try_get(8)?,
        }))
    }
}

/// An event to send.
#[derive(Clone, Debug)]
pub struct NewWebhookEvent {
    /// The id by which receivers recognise repeated attempts.
    pub id: String,
    pub event: WebhookEvent,
    pub body: String,
    pub at: Timestamp,
}

impl NewWebhookEvent {
    /// An event with an id of its own.
    pub fn new(event: WebhookEvent, body: String, at: Timestamp) -> Self {
        Self {
            id: format!("msg_{}", ulid::Ulid::new()),
            event,
            body,
            at,
        }
    }
}

/// Queues an event for an endpoint that is switched on, behind those that wait. Returns whether it is.
///
/// # Errors
/// Where the database fails.
pub async fn add(
    connection: &mut Connection,
    webhook: &str,
    event: &NewWebhookEvent,
) -> Result<bool, StoreError> {
    add_all(connection, webhook, std::slice::from_ref(event)).await
}

/// Like [`add`], for several events in their order.
///
/// # Errors
/// Where the database fails.
pub async fn add_all(
    connection: &mut Connection,
    webhook: &str,
    events: &[NewWebhookEvent],
) -> Result<bool, StoreError> {
    // The row is locked from here on, so that numbers are committed in their order.
    let last: Option<i64> = sqlx::query_scalar(
        "UPDATE webhook SET last_number = last_number + $1 WHERE id = $2 AND enabled = 1 \
         RETURNING last_number",
    )
    .bind(i64::try_from(events.len()).unwrap_or(i64::MAX))
    .bind(webhook)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(last) = last else {
        return Ok(false);
    };
    let mut number = last - i64::try_from(events.len()).unwrap_or(i64::MAX);
    for block in blocks(events) {
        let columns = "webhook_id, number, event_id, event, body, state, created_at, due_at";
        let sql = insert("webhook_delivery", columns, block.places);
        let mut query = sqlx::query(in_order(connection, sql));
        for event in block.iter() {
            number += 1;
            query = query
                .bind(event.map(|_| webhook))
                .bind(event.map(|_| number))
                .bind(event.map(|event| &event.id))
                .bind(event.map(|event| event.event.as_str()))
                .bind(event.map(|event| &event.body))
                .bind(event.map(|_| WebhookDeliveryState::Queued.as_str()))
                .bind(event.map(|event| event.at.0))
                .bind(event.map(|event| event.at.0));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(true)
}

/// A delivery whose endpoint is leased.
#[derive(Clone, Debug)]
pub struct ClaimedEvent {
    pub webhook_id: String,
    pub number: i64,
    pub event_id: String,
    pub body: String,
    pub created_at: Timestamp,
    /// The number of previous attempts.
    pub attempts: i64,
    pub url: String,
    /// The sealed secret of the endpoint.
    pub secret: String,
    /// Whether the endpoint belongs to an account.
    pub of_account: bool,
    due_at: Timestamp,
}

impl FromRow<'_, AnyRow> for ClaimedEvent {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let account: Option<String> = row.try_get(9)?;
        Ok(Self {
            webhook_id: row.try_get(0)?,
            number: row.try_get(1)?,
            event_id: row.try_get(2)?,
            body: row.try_get(3)?,
            created_at: Timestamp(row.try_get(4)?),
            attempts: row.try_get(5)?,
            url: row.try_get(6)?,
            secret: row.try_get(7)?,
            due_at: Timestamp(row.try_get(8)?),
            of_account: account.is_some(),
        })
    }
}

/// The length of the lease on an endpoint. An attempt takes at most 15 s.
const LEASE: Duration = Duration::from_secs(60);

/// A lease that ends later than this was taken by a clock that was ahead, and counts as ended.
fn lease_horizon(now: Timestamp) -> Timestamp {
    now + LEASE + CLOCK_SKEW
}

/// A delivery that is due later than this was deferred by a clock that was ahead, and counts as due now.
fn due_horizon(now: Timestamp) -> Timestamp {
    now + WEBHOOK_BACKOFF_MAX + CLOCK_SKEW
}

fn is_due(due_at: Timestamp, now: Timestamp) -> bool {
    due_at <= now || due_at > due_horizon(now)
}

/// Leases the endpoints whose oldest delivery is due, and returns these deliveries: one of each endpoint.
/// The lease of `owner` ends after 60 s.
///
/// # Errors
/// Where the database fails.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    owner: &str,
    now: Timestamp,
) -> Result<Vec<ClaimedEvent>, StoreError> {
    let sql = format!(
        "WITH due AS MATERIALIZED (SELECT w.id AS webhook FROM webhook w \
         WHERE w.enabled = 1 AND (w.owner IS NULL OR w.leased_until <= $3 OR w.leased_until > $4) \
         AND (SELECT CASE WHEN d.due_at > $5 THEN $3 ELSE d.due_at END FROM webhook_delivery d \
         WHERE d.webhook_id = w.id AND d.state = 'queued' ORDER BY d.number LIMIT 1) <= $3 \
         ORDER BY w.id{skip_locked}) \
         UPDATE webhook SET owner = $1, leased_until = $2 FROM due WHERE id = due.webhook \
         RETURNING id"
    );
    let mut leased: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(owner)
        .bind((now + LEASE).0)
        .bind(now.0)
        .bind(lease_horizon(now).0)
        .bind(due_horizon(now).0)
        .fetch_all(&mut *connection)
        .await?;
    leased.sort();
    let mut claimed = Vec::with_capacity(leased.len());
    for webhook in leased {
        let oldest: Option<ClaimedEvent> = sqlx::query_as(
            "SELECT d.webhook_id, d.number, d.event_id, d.body, d.created_at, d.attempts, w.url, \
             w.secret, d.due_at, w.account_id FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id \
             WHERE d.webhook_id = $1 AND d.state = 'queued' ORDER BY d.number LIMIT 1",
        )
        .bind(&webhook)
        .fetch_optional(&mut *connection)
        .await?;
        // On PostgreSQL another process may have settled the delivery between the two statements.
        match oldest.filter(|oldest| is_due(oldest.due_at, now)) {
            Some(oldest) => claimed.push(oldest),
            None => {
                release(connection, &webhook, owner).await?;
            }
        }
    }
    Ok(claimed)
}

/// Ends the lease of an endpoint. Returns whether the owner still held it.
///
/// # Errors
/// Where the database fails.
pub async fn release(
    connection: &mut Connection,
    webhook: &str,
    owner: &str,
) -> Result<bool, StoreError> {
    let released = sqlx::query(
        "UPDATE webhook SET owner = NULL, leased_until = NULL WHERE id = $1 AND owner = $2",
    )
    .bind(webhook)
    .bind(owner)
    .execute(connection)
    .await?;
    Ok(released.rows_affected() > 0)
}

/// The result of an attempt.
#[derive(Clone, Debug)]
pub struct SettledDelivery<'a> {
    pub webhook: &'a str,
    pub number: i64,
    pub state: WebhookDeliveryState,
    /// When the attempt ended.
    pub at: Timestamp,
    /// When the next attempt is due.
    pub due_at: Timestamp,
    pub status: Option<i64>,
    pub answer: &'a str,
}

/// Sets the creation of the queued deliveries of an endpoint that a clock ahead has created to `now`, so that
/// they are given up in time.
///
/// # Errors
/// Where the database fails.
pub async fn correct_creation(
    connection: &mut Connection,
    webhook: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE webhook_delivery SET created_at = $1 \
         WHERE webhook_id = $2 AND state = 'queued' AND created_at > $3",
    )
    .bind(now.0)
    .bind(webhook)
    .bind((now + CLOCK_SKEW).0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the result of an attempt to a delivery that is still queued.
///
/// # Errors
/// Where the database fails.
pub async fn settle(
    connection: &mut Connection,
    result: &SettledDelivery<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE webhook_delivery SET state = $1, attempts = attempts + 1, attempted_at = $2, \
         due_at = $3, status = $4, answer = $5 \
         WHERE webhook_id = $6 AND number = $7 AND state = 'queued'",
    )
    .bind(result.state.as_str())
    .bind(result.at.0)
    .bind(result.due_at.0)
    .bind(result.status)
    .bind(result.answer)
    .bind(result.webhook)
    .bind(result.number)
    .execute(connection)
    .await?;
    Ok(())
}

/// Cancels the queued deliveries of an endpoint. Returns how many there were.
///
/// # Errors
/// Where the database fails.
pub async fn cancel(connection: &mut Connection, webhook: &str) -> Result<u64, StoreError> {
    let cancelled = sqlx::query(
        "UPDATE webhook_delivery SET state = 'cancelled' WHERE webhook_id = $1 AND state = 'queued'",
    )
    .bind(webhook)
    .execute(connection)
    .await?;
    Ok(cancelled.rows_affected())
}

/// Lets the oldest queued deliveries of an endpoint fail without an attempt, up to `limit` of those that were created
/// until `created`. Returns how many there were.
///
/// # Errors
/// Where the database fails.
pub async fn give_up(
    connection: &mut Connection,
    webhook: &str,
    created: Timestamp,
    limit: i64,
    answer: &str,
) -> Result<u64, StoreError> {
    let given_up = sqlx::query(
        "UPDATE webhook_delivery SET state = 'failed', answer = $1 \
         WHERE webhook_id = $2 AND number IN (SELECT number FROM webhook_delivery \
         WHERE webhook_id = $2 AND state = 'queued' AND created_at <= $3 ORDER BY number LIMIT $4)",
    )
    .bind(answer)
    .bind(webhook)
    .bind(created.0)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(given_up.rows_affected())
}

/// Makes the oldest queued delivery of an endpoint, and so those behind it, due at `until` or later.
///
/// # Errors
/// Where the database fails.
pub async fn defer(
    connection: &mut Connection,
    webhook: &str,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE webhook_delivery SET due_at = $1 WHERE webhook_id = $2 AND due_at < $1 \
         AND number = (SELECT MIN(number) FROM webhook_delivery \
         WHERE webhook_id = $2 AND state = 'queued')",
    )
    .bind(until.0)
    .bind(webhook)
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the queued deliveries of an endpoint due at `now`.
///
/// # Errors
/// Where the database fails.
pub async fn retry_now(
    connection: &mut Connection,
    webhook: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE webhook_delivery SET due_at = $1 \
         WHERE webhook_id = $2 AND state = 'queued' AND due_at > $1",
    )
    .bind(now.0)
    .bind(webhook)
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of queued deliveries of an endpoint.
///
/// # Errors
/// Where the database fails.
pub async fn queued(connection: &mut Connection, webhook: &str) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT COUNT(*) FROM webhook_delivery WHERE webhook_id = $1 AND state = 'queued'",
    );
    Ok(query.bind(webhook).fetch_one(connection).await?)
}

/// The newest `limit` deliveries of an endpoint, newest first.
///
/// # Errors
/// Where the database fails.
pub async fn newest(
    connection: &mut Connection,
    webhook: &str,
    limit: i64,
) -> Result<Vec<WebhookDelivery>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_delivery WHERE webhook_id = $1 ORDER BY number DESC LIMIT $2"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(webhook).bind(limit);
    let rows: Vec<DeliveryRow> = query.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// The delivery of an endpoint that was attempted last.
///
/// # Errors
/// Where the database fails.
pub async fn last_attempted(
    connection: &mut Connection,
    webhook: &str,
) -> Result<Option<WebhookDelivery>, StoreError> {
    // Attempts are made in the order of the numbers.
    let sql = format!(
        "SELECT {COLUMNS} FROM webhook_delivery WHERE webhook_id = $1 AND attempted_at IS NOT NULL \
         ORDER BY number DESC LIMIT 1"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql)).bind(webhook);
    let row: Option<DeliveryRow> = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.0))
}

/// An endpoint that is switched on, and its oldest delivery.
struct EndpointQueue {
    leased_until: Option<Timestamp>,
    due_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for EndpointQueue {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let (leased, due): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Self {
            leased_until: leased.map(Timestamp),
            due_at: due.map(Timestamp),
        })
    }
}

impl EndpointQueue {
    /// When the delivery can be claimed; `None` if none is queued.
    fn claimable_at(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.due_at?;
        let due = if is_due(due, now) { now } else { due };
        let leased = self
            .leased_until
            .filter(|until| *until <= lease_horizon(now));
        Some(leased.map_or(due, |until| due.max(until)))
    }
}

/// When the next delivery can be claimed; `None` where none is queued.
///
/// # Errors
/// Where the database fails.
pub async fn next_due(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let rows: Vec<EndpointQueue> = sqlx::query_as(
        "SELECT w.leased_until, (SELECT d.due_at FROM webhook_delivery d WHERE d.webhook_id = w.id \
         AND d.state = 'queued' ORDER BY d.number LIMIT 1) FROM webhook w WHERE w.enabled = 1",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().filter_map(|row| row.claimable_at(now)).min())
}

/// Deletes up to `limit` deliveries that were created before `before` and are not queued. Returns how many
/// were deleted.
///
/// # Errors
/// Where the database fails.
pub async fn delete_before(
    connection: &mut Connection,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM webhook_delivery WHERE (webhook_id, number) IN \
         (SELECT webhook_id, number FROM webhook_delivery \
         WHERE created_at < $1 AND state <> 'queued' ORDER BY created_at LIMIT $2)",
    )
    .bind(before.0)
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected())
}
