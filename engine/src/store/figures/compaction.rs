//! Adding up figures: the shards of an hour, and the hours of a day. Deletion of the oldest.

use std::ops::Range;
use std::time::Duration;

use domain::Timestamp;
use domain::figures::{DAYS_KEPT, FigureCounts, FigureStep, HOURS_KEPT};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row as _};

use super::{MERGED, ShardStep, StartedCounts, SubjectCounts, write};
use crate::store::{Connection, Store, StoreError, commit};

/// Shards of an hour are added up when it ended so long ago: by then no commit counts in it any more, also
/// on nodes whose clocks differ.
const GRACE: Duration = Duration::from_secs(3600);

/// The maximum number of subjects and hours whose shards a transaction adds up.
const HOURS: i64 = 100;

/// The maximum number of subjects and days that a transaction adds up, each of 24 hours.
const DAYS: i64 = 20;

/// The maximum number of days that a transaction deletes.
const EXPIRED: i64 = 500;

/// The figures of a subject that are added up: those since the beginning of an hour or a day.
struct Group {
    subject: String,
    start: Timestamp,
}

impl FromRow<'_, AnyRow> for Group {
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
    while merge_shards(store, ended, now).await? > 0 {}
    let kept = FigureStep::Day.start(now - HOURS_KEPT);
    while merge_hours(store, kept, now).await? > 0 {}
    let expired = FigureStep::Day.start(now - DAYS_KEPT);
    while delete_days(store, expired).await? > 0 {}
    Ok(())
}

/// Adds up the shards of hours that began before `before`. Returns how many groups there were.
async fn merge_shards(
    store: &Store,
    before: Timestamp,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut work = store.begin().await?;
    lock(&mut work, now).await?;
    let groups: Vec<Group> = sqlx::query_as(
        "SELECT subject, start_at FROM figure WHERE shard <> '' AND start_at < $1 \
         GROUP BY start_at, subject ORDER BY start_at, subject LIMIT $2",
    )
    .bind(before.0)
    .bind(HOURS)
    .fetch_all(&mut *work)
    .await?;
    for group in &groups {
        let hour = group.start..group.start + FigureStep::Hour.length();
        let counts = take(&mut work, &group.subject, FigureStep::Hour, hour).await?;
        put(&mut work, group, FigureStep::Hour, counts).await?;
    }
    commit(work).await?;
    Ok(groups.len())
}

/// Adds up the hours of days that began before `before`, the oldest first. Returns how many groups there
/// were.
async fn merge_hours(
    store: &Store,
    before: Timestamp,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut work = store.begin().await?;
    lock(&mut work, now).await?;
    let groups: Vec<Group> = sqlx::query_as(
        "SELECT subject, start_at FROM figure WHERE step = 'hour' AND start_at = \
         (SELECT MIN(start_at) FROM figure WHERE step = 'hour' AND start_at < $1) \
         GROUP BY subject, start_at ORDER BY subject LIMIT $2",
    )
    .bind(before.0)
    .bind(DAYS)
    .fetch_all(&mut *work)
    .await?;
    for first in &groups {
        let group = Group {
            subject: first.subject.clone(),
            start: FigureStep::Day.start(first.start),
        };
        let day = group.start..group.start + FigureStep::Day.length();
        let mut counts = take(&mut work, &group.subject, FigureStep::Hour, day.clone()).await?;
        // Of a node that was away for long.
        counts.merge(&take(&mut work, &group.subject, FigureStep::Day, day).await?);
        put(&mut work, &group, FigureStep::Day, counts).await?;
    }
    commit(work).await?;
    Ok(groups.len())
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

/// Waits until no other node adds figures up, until the transaction ends.
async fn lock(work: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE figure_compaction SET at = $1 WHERE id = 1")
        .bind(now.0)
        .execute(work)
        .await?;
    Ok(())
}

/// Deletes rows of a subject, and returns the sum of what was counted in them.
async fn take(
    work: &mut Connection,
    subject: &str,
    step: FigureStep,
    range: Range<Timestamp>,
) -> Result<FigureCounts, StoreError> {
    let rows: Vec<StartedCounts> = sqlx::query_as(
        "DELETE FROM figure WHERE subject = $1 AND step = $2 AND start_at >= $3 AND start_at < $4 \
         RETURNING start_at, accepted, delivered, deferred, failed, latency",
    )
    .bind(subject)
    .bind(step.as_str())
    .bind(range.start.0)
    .bind(range.end.0)
    .fetch_all(work)
    .await?;
    let mut sum = FigureCounts::default();
    for row in rows {
        sum.merge(&row.counts);
    }
    Ok(sum)
}

/// Inserts the row of what was added up.
async fn put(
    work: &mut Connection,
    group: &Group,
    step: FigureStep,
    counts: FigureCounts,
) -> Result<(), StoreError> {
    let at = ShardStep {
        step,
        start: group.start,
        shard: MERGED.to_owned(),
    };
    let row = SubjectCounts {
        subject: group.subject.clone(),
        counts,
    };
    write(work, &at, &[row]).await
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
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(86_400);

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
        let mut work = store.begin().await.expect("begins");
        let range = Timestamp(0)..NOW + DAY;
        let mut sum = FigureCounts::default();
        for step in FigureStep::ALL {
            let taken = take(&mut work, subject, *step, range.clone()).await;
            sum.merge(&taken.expect("rows"));
        }
        // Dropped: nothing is deleted.
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

        // An hour of the day that was added up, by a node that was away.
        add(&store, "c", old + 3 * HOUR, counts(512, 1)).await;
        compact(&store, NOW).await.expect("adds up");
        assert_eq!(rows(&store).await[0], "day 2026-10-11T00:00:00Z  736");
        before.merge(&counts(512, 1));
        let mut after = sum(&store, "all").await;
        after.merge(&expired);
        assert_eq!(after, before);
    }
}
