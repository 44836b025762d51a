//! The table `figure`: counts of accounts, tokens and relays, by hour and day.

mod compaction;

use std::collections::BTreeMap;
use std::ops::Range;

use domain::Timestamp;
use domain::figures::{FigureCounts, FigureStep, LatencyHistogram};
use rusqlite::params;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};

pub use compaction::{compact, remove_of_account};

use super::database::direct::DirectTransaction;
use super::database::rows::{blocks, in_order, insert, values};
use super::{Connection, StoreError};

/// The shard of rows that are added up.
const MERGED: &str = "";

/// The values that replace a row. The writer of a row has its complete counts.
const REPLACE: &str = "ON CONFLICT (subject, step, start_at, shard) DO UPDATE SET \
                       accepted = excluded.accepted, delivered = excluded.delivered, \
                       deferred = excluded.deferred, failed = excluded.failed, \
                       latency = excluded.latency";

/// The columns of the key and of [`FigureCounts`].
const COLUMNS: &str =
    "subject, step, start_at, shard, accepted, delivered, deferred, failed, latency";

/// The condition of a subject that is counted: one of an account that is deleted is not, although a
/// request of it may be under way. `subject` is an expression.
///
/// The ids of accounts and tokens are ULIDs, of 26 letters; other ids have no row.
fn is_kept(subject: &str) -> String {
    let exists = |prefix: &str, table: &str| {
        let (length, begin) = (prefix.len() + 26, prefix.len() + 1);
        format!(
            "WHEN {subject} LIKE '{prefix}%' AND length({subject}) = {length} THEN \
             EXISTS (SELECT 1 FROM {table} WHERE {table}.id = substr({subject}, {begin}))"
        )
    };
    format!(
        "CASE {} {} {} ELSE TRUE END",
        exists("account:", "account"),
        exists("token:", "token"),
        exists("relay:account:", "account")
    )
}

/// The rows of a shard: the hour or day, and which shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardStep {
    pub step: FigureStep,
    /// The start of the hour or day.
    pub start: Timestamp,
    pub shard: String,
}

/// What was counted of a subject, which is as
/// [`FigureSubject`](domain::figures::FigureSubject) displays it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCounts {
    pub subject: String,
    pub counts: FigureCounts,
}

/// The counts since the start of an hour or a day.
#[derive(Clone, Debug)]
pub struct StartedCounts {
    pub start: Timestamp,
    pub counts: FigureCounts,
}

impl FromRow<'_, AnyRow> for StartedCounts {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let number = |index: usize| -> Result<u64, sqlx::Error> {
            Ok(u64::try_from(row.try_get::<i64, _>(index)?).unwrap_or_default())
        };
        let latency: Vec<u8> = row.try_get(5)?;
        let latency = LatencyHistogram::decode(&latency);
        Ok(Self {
            start: Timestamp(row.try_get(0)?),
            counts: FigureCounts {
                accepted: number(1)?,
                delivered: number(2)?,
                deferred: number(3)?,
                failed: number(4)?,
                latency: latency
                    .ok_or_else(|| sqlx::Error::Decode("a histogram of latencies".into()))?,
            },
        })
    }
}

/// The columns of a [`SubjectRow`].
const SUBJECT_ROW: &str = "start_at, accepted, delivered, deferred, failed, latency, subject";

/// The counts of a subject since the start of an hour or a day.
struct SubjectRow {
    figures: StartedCounts,
    subject: String,
}

impl FromRow<'_, AnyRow> for SubjectRow {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            figures: StartedCounts::from_row(row)?,
            subject: row.try_get(6)?,
        })
    }
}

/// Adds rows to the sums of their subjects.
fn add(sums: &mut BTreeMap<String, FigureCounts>, rows: Vec<SubjectRow>) {
    for SubjectRow { figures, subject } in rows {
        sums.entry(subject).or_default().merge(&figures.counts);
    }
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes rows of a shard, and replaces those that it has. Rows of deleted accounts are left out.
///
/// # Errors
/// Where the database fails.
pub async fn write(
    connection: &mut Connection,
    at: &ShardStep,
    rows: &[SubjectCounts],
) -> Result<(), StoreError> {
    for block in blocks(rows) {
        let insert = insert("figure", COLUMNS, block.places);
        let sql = format!("{insert} AND {} {REPLACE}", is_kept("v.column1"));
        let mut query = sqlx::query(in_order(connection, sql));
        for row in block.iter() {
            let counts = row.map(|row| &row.counts);
            query = query
                .bind(row.map(|row| row.subject.as_str()))
                .bind(row.map(|_| at.step.as_str()))
                .bind(row.map(|_| at.start.0))
                .bind(row.map(|_| at.shard.as_str()))
                .bind(counts.map(|counts| stored(counts.accepted)))
                .bind(counts.map(|counts| stored(counts.delivered)))
                .bind(counts.map(|counts| stored(counts.deferred)))
                .bind(counts.map(|counts| stored(counts.failed)))
                .bind(counts.map(|counts| counts.latency.encode()));
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Like [`write`], in a direct transaction.
///
/// # Errors
/// Where the database fails.
pub fn write_directly(
    work: &DirectTransaction<'_>,
    at: &ShardStep,
    rows: &[SubjectCounts],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO figure ({COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE {} {REPLACE}",
        is_kept("?1")
    );
    for SubjectCounts { subject, counts } in rows {
        work.execute(
            &sql,
            params![
                subject,
                at.step.as_str(),
                at.start.0,
                at.shard,
                stored(counts.accepted),
                stored(counts.delivered),
                stored(counts.deferred),
                stored(counts.failed),
                counts.latency.encode(),
            ],
        )?;
    }
    Ok(())
}

/// What was counted of a subject in a range of time: by hour, or by day and, of days that are not added up
/// yet, by hour. There may be several rows of an hour, in any order.
///
/// # Errors
/// Where the database fails.
pub async fn read(
    connection: &mut Connection,
    subject: &str,
    step: FigureStep,
    range: Range<Timestamp>,
) -> Result<Vec<StartedCounts>, StoreError> {
    let query = sqlx::query_as(AssertSqlSafe(read_sql(step)));
    Ok(query
        .bind(subject)
        .bind(range.start.0)
        .bind(range.end.0)
        .fetch_all(connection)
        .await?)
}

/// What was counted of each of these subjects in a range of time, added up, without subjects of which
/// nothing was counted.
///
/// # Errors
/// Where the database fails.
pub async fn sums(
    connection: &mut Connection,
    subjects: &[String],
    step: FigureStep,
    range: Range<Timestamp>,
) -> Result<BTreeMap<String, FigureCounts>, StoreError> {
    let mut sums = BTreeMap::new();
    for block in blocks(subjects) {
        let mut query = sqlx::query_as(in_order(connection, sums_sql(step, block.places)));
        for subject in block.iter() {
            query = query.bind(subject.map(String::as_str));
        }
        let query = query.bind(range.start.0).bind(range.end.0);
        let rows: Vec<SubjectRow> = query.fetch_all(&mut *connection).await?;
        add(&mut sums, rows);
    }
    Ok(sums)
}

/// `places`: the number of subjects. SQLite looks up each of them in the order of a CROSS JOIN; for an IN
/// it could read the hours of all subjects instead.
fn sums_sql(step: FigureStep, places: usize) -> String {
    format!(
        "SELECT {SUBJECT_ROW} FROM (VALUES {}) AS v CROSS JOIN figure \
         WHERE subject = v.column1 AND {} AND start_at >= ${} AND start_at < ${}",
        values(0, places, 1),
        parts(step),
        places + 1,
        places + 2
    )
}

fn read_sql(step: FigureStep) -> String {
    format!(
        "SELECT start_at, accepted, delivered, deferred, failed, latency FROM figure \
         WHERE subject = $1 AND {} AND start_at >= $2 AND start_at < $3",
        parts(step)
    )
}

/// The condition of the rows that an hour or a day is the sum of.
const fn parts(step: FigureStep) -> &'static str {
    match step {
        FigureStep::Hour => "step = 'hour'",
        FigureStep::Day => "step IN ('day', 'hour')",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::query_plan::query_plan;
    use crate::store::{Store, commit};

    #[tokio::test]
    async fn rows_of_a_subject_are_found_by_their_key() {
        for step in FigureStep::ALL {
            let plan = query_plan(&read_sql(*step)).await;
            let range = "PRIMARY KEY (subject=? AND step=? AND start_at>? AND start_at<?)";
            assert!(plan.join("; ").contains(range), "{plan:?}");
        }
    }

    #[tokio::test]
    async fn sums_are_of_the_wanted_subjects_and_found_by_their_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let hour = |number: i64| Timestamp(number * 3_600_000);
        let mut work = store.begin().await.expect("begins");
        for (shard, start, delivered) in [("a", 2, 1), ("b", 2, 10), ("a", 3, 100), ("a", 4, 1000)]
        {
            let at = ShardStep {
                step: FigureStep::Hour,
                start: hour(start),
                shard: shard.to_owned(),
            };
            let subjects = ["relay:global", "relay:second", "all"].into_iter();
            let rows: Vec<SubjectCounts> = subjects
                .map(|subject| SubjectCounts {
                    subject: subject.to_owned(),
                    counts: FigureCounts {
                        delivered,
                        ..FigureCounts::default()
                    },
                })
                .collect();
            write(&mut work, &at, &rows).await.expect("writes");
        }
        commit(work).await.expect("commits");
        let mut connection = store.read().await.expect("a connection");
        let wanted = ["relay:global", "relay:none", "relay:second"].map(str::to_owned);
        let range = hour(2)..hour(4);
        let found = sums(&mut connection, &wanted, FigureStep::Hour, range).await;
        let found: Vec<(String, u64)> = found
            .expect("sums")
            .into_iter()
            .map(|(subject, counts)| (subject, counts.delivered))
            .collect();
        let expected = [("relay:global", 111), ("relay:second", 111)];
        assert_eq!(
            found,
            expected.map(|(subject, sum)| (subject.to_owned(), sum))
        );

        let plan = query_plan(&sums_sql(FigureStep::Hour, 2)).await;
        let range = "PRIMARY KEY (subject=? AND step=? AND start_at>? AND start_at<?)";
        assert!(plan.join("; ").contains(range), "{plan:?}");
    }

    #[tokio::test]
    async fn rows_of_deleted_accounts_are_not_written() {
        const ID: &str = "01JD0000000000000000000000";
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let at = |shard: &str| ShardStep {
            step: FigureStep::Hour,
            start: Timestamp(7_200_000),
            shard: shard.to_owned(),
        };
        let kept = ["account:local", "all", "relay:global"].map(str::to_owned);
        let owned = ["account", "relay:account", "token"].map(|kind| format!("{kind}:{ID}"));
        let rows: Vec<SubjectCounts> = kept
            .iter()
            .chain(&owned)
            .map(|subject| SubjectCounts {
                subject: subject.clone(),
                counts: FigureCounts::default(),
            })
            .collect();
        let written = async |shard: &str| {
            let mut connection = store.read().await.expect("a connection");
            let query =
                sqlx::query_scalar("SELECT subject FROM figure WHERE shard = $1 ORDER BY subject");
            let found = query.bind(shard).fetch_all(&mut *connection).await;
            let subjects: Vec<String> = found.expect("subjects");
            subjects
        };
        let connection = store.direct().expect("SQLite");
        let direct = connection.write(|work| write_directly(work, &at("a"), &rows));
        direct.expect("writes");
        let mut work = store.begin().await.expect("begins");
        write(&mut work, &at("b"), &rows).await.expect("writes");
        commit(work).await.expect("commits");
        assert_eq!(written("a").await, kept);
        assert_eq!(written("b").await, kept);

        let mut work = store.begin().await.expect("begins");
        let account = sqlx::query(
            "INSERT INTO account (id, email, role, password_hash, created_at) \
             VALUES ($1, 'ann@example.org', 'user', '', 0)",
        );
        let added = account.bind(ID).execute(&mut *work).await;
        added.expect("an account");
        write(&mut work, &at("b"), &rows).await.expect("writes");
        commit(work).await.expect("commits");
        let direct = connection.write(|work| write_directly(work, &at("a"), &rows));
        direct.expect("writes");
        let mut expected = kept.to_vec();
        expected.extend_from_slice(&owned[..2]);
        expected.sort_unstable();
        assert_eq!(written("a").await, expected, "there is no such token");
        assert_eq!(written("b").await, expected);
    }

    #[tokio::test]
    async fn a_row_is_replaced_by_all_that_its_shard_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let at = |shard: &str| ShardStep {
            step: FigureStep::Hour,
            start: Timestamp(7_200_000),
            shard: shard.to_owned(),
        };
        let all = |accepted| {
            vec![SubjectCounts {
                subject: "all".to_owned(),
                counts: FigureCounts {
                    accepted,
                    ..FigureCounts::default()
                },
            }]
        };
        let mut work = store.begin().await.expect("begins");
        for (shard, accepted) in [("a", 1), ("a", 3), ("b", 10)] {
            let written = write(&mut work, &at(shard), &all(accepted)).await;
            written.expect("writes");
        }
        commit(work).await.expect("commits");
        let connection = store.direct().expect("SQLite");
        let written = connection.write(|work| write_directly(work, &at("b"), &all(20)));
        written.expect("writes");
        let mut connection = store.read().await.expect("a connection");
        let range = Timestamp(7_200_000)..Timestamp(7_200_001);
        let rows = read(&mut connection, "all", FigureStep::Hour, range).await;
        let mut accepted: Vec<u64> = rows
            .expect("rows")
            .iter()
            .map(|row| row.counts.accepted)
            .collect();
        accepted.sort_unstable();
        assert_eq!(accepted, [3, 20]);
    }
}
