//! Claiming recipients that are due, and leasing them to a worker.

use std::sync::Arc;

use domain::Timestamp;
use domain::outbox::{MAXIMAL_BACKOFF, ReportCause, ReportedResult, WantedReports};
use domain::webhook::WebhookEvent;
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

use super::{NewRecipient, RecipientEvent, RecipientKey};
use crate::clock::CLOCK_SKEW;
use crate::store::database::direct::DirectTransaction;
use crate::store::messages::Submitter;
use crate::store::{Connection, DatabaseTime, StoreError};

/// Rows that are due after this were written by a clock that was ahead, and count as due now.
pub fn horizon(now: Timestamp) -> Timestamp {
    now + MAXIMAL_BACKOFF + CLOCK_SKEW
}

/// A recipient that a worker leased.
#[derive(Clone, Debug)]
pub struct ClaimedRecipient {
    pub key: RecipientKey,
    pub address: String,
    pub attempts: i64,
    /// The reply on the suppression list, where the address is listed.
    pub suppressed: Option<String>,
    /// The account and token that submitted the message, once they are read.
    pub submitter: Option<Arc<Submitter>>,
    /// The reports that the sender requests, once they are read.
    pub reports: WantedReports,
    /// The id of the webhook that gets the events of the message, once that is read.
    pub webhook: Option<Arc<str>>,
    /// Whether an earlier attempt sent or was to send the message to a relay.
    pub was_tried: bool,
    /// The host and port of the relay that the message is pinned to, because it may have arrived there.
    /// It is read for recipients that were attempted.
    pub pinned_to: Option<Arc<str>>,
}

impl FromRow<'_, AnyRow> for ClaimedRecipient {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            key: RecipientKey::from_row(row)?,
            address: row.try_get(2)?,
            attempts: row.try_get(3)?,
            suppressed: None,
            submitter: None,
            reports: WantedReports::default(),
            webhook: None,
            was_tried: row.try_get::<Option<&str>, _>(4)?.is_some(),
            pinned_to: None,
        })
    }
}

impl ClaimedRecipient {
    /// The report of a result, if the sender asks for one.
    pub fn report(
        &self,
        cause: ReportCause,
        diagnostic: &str,
        at: Timestamp,
    ) -> Option<Arc<ReportedResult>> {
        self.reports.contains(cause).then(|| {
            Arc::new(ReportedResult {
                cause,
                address: self.address.clone(),
                diagnostic: diagnostic.to_owned(),
                at,
            })
        })
    }

    /// The event of a result, if the message names a webhook.
    pub fn event(&self, event: WebhookEvent) -> Option<Arc<RecipientEvent>> {
        let webhook = self.webhook.as_ref()?;
        Some(Arc::new(RecipientEvent {
            webhook: webhook.clone(),
            event,
            address: self.address.clone(),
        }))
    }

    /// A row that was inserted with a lease.
    pub fn inserted(row: &NewRecipient<'_>) -> Self {
        Self {
            key: RecipientKey {
                message_id: row.message_id.to_owned(),
                position: row.position,
            },
            address: row.address.to_owned(),
            attempts: 0,
            suppressed: None,
            submitter: None,
            reports: WantedReports::default(),
            webhook: None,
            was_tried: false,
            pinned_to: None,
        }
    }
}

/// The recipients to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub owner: &'a str,
    /// The id of the flow.
    pub flow: i64,
    pub now: Timestamp,
    pub lease_end: Timestamp,
    /// The maximum number of rows.
    pub limit: i64,
    /// Whether to take over leases of other workers that have ended.
    pub expired_leases: bool,
    /// The clock by which those leases must have ended too; `None` where all workers run on this machine.
    pub database_time: Option<DatabaseTime>,
}

/// Leases rows of a flow that are due, the longest due first. Rows that are due later than the longest backoff
/// follow: a clock that was ahead wrote them.
///
/// # Errors
/// Where the database fails.
pub async fn claim(
    connection: &mut Connection,
    skip_locked: &str,
    claim: Claim<'_>,
) -> Result<Vec<ClaimedRecipient>, StoreError> {
    let mut claimed: Vec<ClaimedRecipient> = Vec::new();
    for (range, bound) in ranges(claim.now) {
        let limit = claim.limit - claimed.len() as i64;
        if limit <= 0 {
            break;
        }
        let sql = claim_sql(range, claim, skip_locked);
        let rows: Vec<ClaimedRecipient> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(claim.owner)
            .bind(claim.lease_end.0)
            .bind(bound.0)
            .bind(limit)
            .bind(claim.flow)
            .fetch_all(&mut *connection)
            .await?;
        claimed.extend(rows);
    }
    // RETURNING does not define an order.
    claimed.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(claimed)
}

/// Like [`claim`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn claim_directly(
    work: &DirectTransaction<'_>,
    claim: Claim<'_>,
) -> Result<Vec<ClaimedRecipient>, StoreError> {
    let mut claimed: Vec<ClaimedRecipient> = Vec::new();
    for (range, bound) in ranges(claim.now) {
        let limit = claim.limit - claimed.len() as i64;
        if limit <= 0 {
            break;
        }
        // SQLite parses `$5` as a name, and `?5` as a number.
        let sql = claim_sql(range, claim, "").replace('$', "?");
        let (owner, end) = (claim.owner, claim.lease_end.0);
        let parameters = params![owner, end, bound.0, limit, claim.flow];
        claimed.extend(work.query_rows(&sql, parameters, |row| {
            Ok(ClaimedRecipient {
                key: RecipientKey {
                    message_id: row.get(0)?,
                    position: row.get(1)?,
                },
                address: row.get(2)?,
                attempts: row.get(3)?,
                suppressed: None,
                submitter: None,
                reports: WantedReports::default(),
                webhook: None,
                was_tried: row.get::<_, Option<String>>(4)?.is_some(),
                pinned_to: None,
            })
        })?);
    }
    claimed.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(claimed)
}

/// The times at which rows are due that can be claimed. Each is for a statement of its own: with both
/// in one the databases would sort every row that is due.
fn ranges(now: Timestamp) -> [(&'static str, Timestamp); 2] {
    [("<=", now), (">", horizon(now))]
}

fn claim_sql(range: &str, claim: Claim<'_>, skip_locked: &str) -> String {
    let free = match (claim.expired_leases, claim.database_time) {
        (false, _) => " AND owner IS NULL".to_owned(),
        (true, None) => String::new(),
        (true, Some(time)) => {
            let (time, longest) = (time.sql(), horizon(Timestamp(0)).0);
            format!(" AND (owner IS NULL OR due_at - {time} NOT BETWEEN 1 AND {longest})")
        }
    };
    format!(
        "WITH due AS MATERIALIZED \
         (SELECT message_id AS id, position AS place FROM recipient \
          WHERE flow = $5 AND due_at {range} $3{free} \
          ORDER BY due_at, message_id, position LIMIT $4{skip_locked}) \
         UPDATE recipient SET owner = $1, due_at = $2 FROM due \
         WHERE message_id = due.id AND position = due.place \
         RETURNING message_id, position, address, attempts, relay"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;

    #[tokio::test]
    async fn a_claim_reads_a_range_of_the_index_in_its_order() {
        for (range, place) in [("<=", "due_at<?"), (">", "due_at>?")] {
            for expired_leases in [true, false] {
                let claim = Claim {
                    owner: "worker",
                    flow: 1,
                    now: Timestamp(0),
                    lease_end: Timestamp(0),
                    limit: 1,
                    expired_leases,
                    database_time: None,
                };
                let plan = query_plan(&claim_sql(range, claim, "")).await;
                let plan = plan.join("; ");
                let expected = format!("recipient_due (flow=? AND {place})");
                assert!(plan.contains(&expected), "{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
                assert!(!plan.contains("SCAN recipient"), "{plan}");
            }
        }
    }
}
