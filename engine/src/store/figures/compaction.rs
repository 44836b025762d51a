//! Adding up figures: the shards of an hour, and the hours of a day. Deletion of the oldest.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use domain::Timestamp;
use domain::figures::{DAYS_KEPT, FigureCounts, FigureStep, HOURS_KEPT};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{MERGED, SUBJECT_ROW, ShardStep, SubjectCounts, SubjectRow, add, parts, write};
use crate::store::database::rows::{blocks, in_order, list};
use crate::store::{Connection, Store, StoreError, commit};

/// The time after the end of an hour at which its shards are added up. By then no commit counts in that
/// hour any more, also on nodes whose clocks differ.
const GRACE: Duration = Duration::from_secs(3600);

/// The maximum number of subjects whose hour or day a transaction adds up.
const SUBJECTS: i64 = 32;

/// The maximum number of days that a transaction deletes.
const EXPIRED: i64 = 500;

/// The subjects of the oldest hour that has shards.
const OLDEST_SHARDS: &str = "\
    SELECT subject, start_at FROM figure WHERE shard <> '' AND start_at = \
    (SELECT MIN(start_at) FROM figure WHERE shard <> '' AND start_at < $1) \
    GROUP BY subject, start_at ORDER BY subject LIMIT $2";

/// The subjects of the oldest hour.
const OLDEST_HOURS: &str = "\
    SELECT subject, start_at FROM figure WHERE step = 'hour' AND start_at = \
    (SELECT MIN(start_at) FROM figure WHERE step = 'hour' AND start_at < $1) \
    GROUP BY subject, start_at ORDER BY subject LIMIT $2";

/// A subject, and the hour of it that is added up.
struct SubjectHour {
    subject: String,
    start: Timestamp,
}

impl FromRow<'_, AnyRow> for SubjectHour {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            subject: row.try_get(0)?,
            start: Timestamp(row.try_get(1)?),
        })
    }
}

/// Adds up the shards of hours that are over, and the hours of days that are kept by day only. Deletes days
/// whose time is over. Each transaction is short; nodes take turns.
///
/// # Errors
/// Where the database fails.
pub async fn compact(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let ended = FigureStep::Hour.start(now - GRACE);
    while merge(store, OLDEST_SHARDS, FigureStep::Hour, ended).await? > 0 {}
    let kept = FigureStep::Day.start(now - HOURS_KEPT);
    while merge(store, OLDEST_HOURS, FigureStep::Day, kept).await? > 0 {}
    let expired = FigureStep::Day.start(now - DAYS_KEPT);
    while delete_days(store, expired).await? > 0 {}
    Ok(())
}

/// Adds up the oldest hour or day, if it began before `before`, of subjects that `oldest` finds. Returns how
/// many there were.
async fn merge(
    store: &Store,
    oldest: &'static str,
    step: FigureStep,
    before: Timestamp,
) -> Result<usize, StoreError> {
    let mut work = store.begin().await?;
    lock(&mut work).await?;
    let found: Vec<SubjectHour> = sqlx::query_as(oldest)
        .bind(before.0)
        .bind(SUBJECTS)
        .fetch_all(&mut *work)
        .await?;
    if let Some(first) = found.first() {
        let start = step.start(first.start);
        let subjects: Vec<&str> = found.iter().map(|hour| hour.subject.as_str()).collect();
        let sums = take(&mut work, &subjects, step, start..start + step.length()).await?;
        let sums = sums.into_iter();
        let rows: Vec<SubjectCounts> = sums
            .map(|(subject, counts)| SubjectCounts { subject, counts })
            .collect();
        let at = ShardStep {
            step,
            start,
            shard: MERGED.to_owned(),
        };
        write(&mut work, &at, &rows).await?;
    }
    commit(work).await?;
    Ok(found.len())
}

/// Deletes figures of days that began before `before`. Returns how many rows there were.
async fn delete_days(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    let mut work = store.begin().await?;
    let deleted = sqlx::query(
        "DELETE FROM figure WHERE step = 'day' AND (subject, start_at) IN \
         (SELECT subject, start_at FROM figure WHERE step = 'day' AND start_at < $1 LIMIT $2)",
    )
    .bind(before.0)
    .bind(EXPIRED)
    .execute(&mut *work)
    .await?;
    commit(work).await?;
    Ok(deleted.rows_affected())
}

/// Locks the compaction until the transaction ends, and waits for a node that holds the lock.
async fn lock(work: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("UPDATE figure_compaction SET number = number + 1 WHERE id = 1")
        .execute(work)
        .await?;
    Ok(())
}

/// Deletes the rows of subjects that an hour or a day is the sum of, and returns the sums.
async fn take(
    work: &mut Connection,
    subjects: &[&str],
    step: FigureStep,
    range: Range<Timestamp>,
) -> Result<BTreeMap<String, FigureCounts>, StoreError> {
    let mut sums: BTreeMap<String, FigureCounts> = BTreeMap::new();
    for block in blocks(subjects) {
        let sql = format!(
            "DELETE FROM figure WHERE {} AND start_at >= $1 AND start_at < $2 AND subject IN ({}) \
             RETURNING {SUBJECT_ROW}",
            parts(step),
            list(2, block.places)
        );
        let mut query = sqlx::query_as(in_order(work, sql))
            .bind(range.start.0)
            .bind(range.end.0);
        for subject in block.iter() {
            query = query.bind(subject.copied());
        }
        let rows: Vec<SubjectRow> = query.fetch_all(&mut *work).await?;
        add(&mut sums, rows);
    }
    Ok(sums)
}

/// Deletes the figures of an account, of its own relay and of its tokens.
///
/// # Errors
/// Where the database fails.
pub async fn remove_of_account(
    connection: &mut Connection,
    account: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM figure WHERE subject IN ('account:' || $1, 'relay:account:' || $1) \
         OR subject IN (SELECT 'token:' || id FROM token WHERE account_id = $1)",
    )
    .bind(account)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::timestamp::DAY;

    use super::super::read;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// 2026-11-20 05:13:30 UTC.
    const NOW: Timestamp = Timestamp(1_795_151_610_000);

    fn counts(accepted: u64, seconds: u64) -> FigureCounts {
        let mut counts = FigureCounts {
            accepted,
            delivered: 1,
            ..FigureCounts::default()
        };
        counts.latency.record(Duration::from_secs(seconds));
        counts
    }

    async fn add(store: &Store, shard: &str, start: Timestamp, counts: FigureCounts) {
        let mut work = store.begin().await.expect("begins");
        let at = ShardStep {
            step: FigureStep::Hour,
            start: FigureStep::Hour.start(start),
            shard: shard.to_owned(),
        };
        let subjects = ["all", "account:a"].into_iter();
        let rows: Vec<SubjectCounts> = subjects
            .map(|subject| SubjectCounts {
                subject: subject.to_owned(),
                counts: counts.clone(),
            })
            .collect();
        write(&mut work, &at, &rows).await.expect("writes");
        commit(work).await.expect("commits");
    }

    /// The rows of all mail: step, beginning, shard and what was accepted.
    async fn rows(store: &Store) -> Vec<String> {
        let mut connection = store.read().await.expect("a connection");
        let rows = sqlx::query(
            "SELECT step, start_at, shard, accepted FROM figure WHERE subject = 'all' \
             ORDER BY start_at, step, shard",
        )
        .fetch_all(&mut *connection)
        .await
        .expect("rows");
        let text = |row: AnyRow| {
            let start = Timestamp(row.get(1)).rfc3339();
            let (step, shard): (String, String) = (row.get(0), row.get(2));
            format!("{step} {start} {shard} {}", row.get::<i64, _>(3))
        };
        rows.into_iter().map(text).collect()
    }

    async fn sum(store: &Store, subject: &str) -> FigureCounts {
        let mut connection = store.read().await.expect("a connection");
        let range = Timestamp(0)..NOW + DAY;
        let rows = read(&mut connection, subject, FigureStep::Day, range).await;
        let mut sum = FigureCounts::default();
        for row in rows.expect("rows") {
            sum.merge(&row.counts);
        }
        sum
    }

    #[tokio::test]
    async fn shards_become_hours_and_hours_days_and_sums_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let old = NOW - 40 * DAY;
        for (shard, start, accepted) in [
            ("a", NOW, 1),
            ("a", NOW - HOUR, 2),
            ("a", NOW - 2 * HOUR, 4),
            ("b", NOW - 2 * HOUR, 8),
            ("", NOW - 2 * HOUR, 16),
            ("", old, 32),
            ("", old + HOUR, 64),
            ("a", old + 2 * HOUR, 128),
            ("", NOW - 2000 * DAY, 256),
        ] {
            add(&store, shard, start, counts(accepted, accepted)).await;
        }
        let expired = counts(256, 256);
        let mut before = sum(&store, "all").await;
        compact(&store, NOW).await.expect("adds up");
        let expected = [
            "day 2026-10-11T00:00:00Z  224",
            "hour 2026-11-20T03:00:00Z  28",
            "hour 2026-11-20T04:00:00Z a 2",
            "hour 2026-11-20T05:00:00Z a 1",
        ];
        assert_eq!(rows(&store).await, expected);
        let mut after = sum(&store, "all").await;
        after.merge(&expired);
        assert_eq!(after, before);
        assert_eq!(sum(&store, "account:a").await, sum(&store, "all").await);

        // An hour of a day that was already added up, written by a node that was disconnected.
        add(&store, "c", old + 3 * HOUR, counts(512, 1)).await;
        compact(&store, NOW).await.expect("adds up");
        assert_eq!(rows(&store).await[0], "day 2026-10-11T00:00:00Z  736");
        before.merge(&counts(512, 1));
        let mut after = sum(&store, "all").await;
        after.merge(&expired);
        assert_eq!(after, before);
    }
}
