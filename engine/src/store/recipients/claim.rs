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
use crate::store::{Connection, StoreError};

/// Rows that are due after this were written by a clock that was ahead. They are due now.
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
    /// Who submitted the message, once that is read.
    pub submitter: Option<Arc<Submitter>>,
    /// The reports that the sender asks for, once they are read.
    pub reports: WantedReports,
    /// The id of the webhook that gets the events of the message, once that is read.
    pub webhook: Option<Arc<str>>,
    /// Whether a relay got or was to get it before.
    pub was_tried: bool,
    /// The host and port of the only relay that may get it, because it may have arrived there; read where it
    /// was tried.
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

/// What to claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub owner: &'a str,
    /// The id of the flow.
    pub flow: i64,
    pub now: Timestamp,
    pub lease_end: Timestamp,
    /// The maximum number of rows.
    pub limit: i64,
    /// Takes over leases of other workers that ended by this time, which may be by another clock than `now`;
    /// `None`: none.
    pub expired_leases: Option<Timestamp>,
}

/// The rows that can be claimed.
struct Claimable {
    /// How their time compares with `bound`.
    range: &'static str,
    bound: Timestamp,
    /// When the leases of those with an owner ended.
    expired: Timestamp,
}

impl Claim<'_> {
    /// The rows of each statement: with all in one the databases would sort every row that is due.
    fn claimable(&self) -> [Claimable; 2] {
        let never = Timestamp(i64::MIN);
        let due = Claimable {
            range: "<=",
            bound: self.now,
            expired: self.expired_leases.unwrap_or(never),
        };
        let late = Claimable {
            range: ">",
            bound: horizon(self.now),
            expired: self.expired_leases.map_or(never, |_| Timestamp(i64::MAX)),
        };
        [due, late]
    }
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
    for rows in claim.claimable() {
        let limit = claim.limit - claimed.len() as i64;
        if limit <= 0 {
            break;
        }
        let sql = claim_sql(rows.range, skip_locked);
        let leased: Vec<ClaimedRecipient> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(claim.owner)
            .bind(claim.lease_end.0)
            .bind(rows.bound.0)
            .bind(limit)
            .bind(claim.flow)
            .bind(rows.expired.0)
            .fetch_all(&mut *connection)
            .await?;
        claimed.extend(leased);
    }
    // RETURNING has no order of its own.
    claimed.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(claimed)
}

/// As [`claim`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn claim_directly(
    work: &DirectTransaction<'_>,
    claim: Claim<'_>,
) -> Result<Vec<ClaimedRecipient>, StoreError> {
    let mut claimed: Vec<ClaimedRecipient> = Vec::new();
    for rows in claim.claimable() {
        let limit = claim.limit - claimed.len() as i64;
        if limit <= 0 {
            break;
        }
        // SQLite takes `$5` for a name, and `?5` for a number.
        let sql = claim_sql(rows.range, "").replace('$', "?");
        let (owner, end) = (claim.owner, claim.lease_end.0);
        let (bound, expired) = (rows.bound.0, rows.expired.0);
        let parameters = params![owner, end, bound, limit, claim.flow, expired];
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

fn claim_sql(range: &str, skip_locked: &str) -> String {
    format!(
        "WITH due AS MATERIALIZED \
         (SELECT message_id AS id, position AS place FROM recipient \
          WHERE flow = $5 AND due_at {range} $3 AND (owner IS NULL OR due_at <= $6) \
          ORDER BY due_at, message_id, position LIMIT $4{skip_locked}) \
         UPDATE recipient SET owner = $1, due_at = $2 FROM due \
         WHERE message_id = due.id AND position = due.place \
         RETURNING message_id, position, address, attempts, relay"
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::outbox::RecipientState;

    use super::*;
    use crate::store::Store;
    use crate::store::database::query_plan::query_plan;
    use crate::store::recipients::add;

    #[tokio::test]
    async fn a_claim_reads_a_range_of_the_index_in_its_order() {
        for (range, place) in [("<=", "due_at<?"), (">", "due_at>?")] {
            let plan = query_plan(&claim_sql(range, "")).await.join("; ");
            let expected = format!("recipient_due (flow=? AND {place})");
            assert!(plan.contains(&expected), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            assert!(!plan.contains("SCAN recipient"), "{plan}");
        }
    }

    #[tokio::test]
    async fn leases_end_by_another_clock_than_backoffs() {
        const NOW: Timestamp = Timestamp(1_795_151_610_000);
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let row = |position, due, owner| NewRecipient {
            message_id: "a",
            position,
            address: "desk@example.net",
            flow: 1,
            state: RecipientState::Queued,
            due: Some(due),
            owner,
        };
        let seconds = Duration::from_secs;
        let rows = [
            row(0, NOW - seconds(10), None),
            row(1, NOW - seconds(30), Some("other")),
            row(2, NOW - seconds(10), Some("other")),
            // Written by a clock that was far ahead.
            row(3, NOW + Duration::from_hours(9), Some("other")),
        ];
        for (expired_leases, expected) in [
            (None, &[0][..]),
            // The clock of the server is 20 s behind.
            (Some(NOW - seconds(20)), &[0, 1, 3]),
            (Some(NOW), &[0, 1, 2, 3]),
        ] {
            let mut work = store.begin().await.expect("begins");
            add(&mut work, &rows).await.expect("inserted");
            let claimed = claim(
                &mut work,
                "",
                Claim {
                    owner: "worker",
                    flow: 1,
                    now: NOW,
                    lease_end: NOW + seconds(60),
                    limit: 9,
                    expired_leases,
                },
            );
            let claimed = claimed.await.expect("claims");
            let found = claimed.iter().map(|claimed| claimed.key.position);
            assert_eq!(found.collect::<Vec<i64>>(), expected);
            work.rollback().await.expect("rolled back");
        }
        store.close().await;
    }
}
