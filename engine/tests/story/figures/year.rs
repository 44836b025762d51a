//! A year of figures: how much room it takes, and how it is found.

use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::figures::{FigureStep, FigureSubject, LatencyHistogram};
use domain::timestamp::DAY;
use sqlx::{AssertSqlSafe, Row as _};

use crate::environment::{TestEnv, execute};
use crate::figures::numbers;

/// The id of an account without its last two digits.
const ACCOUNT: &str = "01JD00000000000000000000";

/// A busy hour: latencies from milliseconds to minutes.
fn histogram() -> String {
    let mut histogram = LatencyHistogram::default();
    for part in 0..60_u64 {
        histogram.record(Duration::from_millis((5 << (part % 16)) + part));
    }
    let bytes = histogram.encode();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_year_takes_a_few_megabytes_and_is_found_by_its_key(env: TestEnv) {
    let admin = env.admin().await;
    env.to_noon();
    let now = FigureStep::Day.start(env.clock.now());
    let begin = now - 365 * DAY;
    let blob = match env.config.database {
        Some(_) => format!("CAST('\\x{}' AS BYTEA)", histogram()),
        None => format!("x'{}'", histogram()),
    };
    let accounts = format!(
        "INSERT INTO account (id, email, role, password_hash, created_at) \
         WITH RECURSIVE accounts (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM accounts WHERE n < 29) \
         SELECT '{ACCOUNT}' || n, n || '@example.org', 'user', '', 0 FROM accounts"
    );
    execute(&mut env.connection().await, &accounts).await;
    // All mail and 29 accounts.
    let fill = format!(
        "INSERT INTO figure \
         (subject, step, start_at, shard, accepted, delivered, deferred, failed, latency) \
         WITH RECURSIVE hours (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hours WHERE n < 8759), \
         subjects (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM subjects WHERE n < 29) \
         SELECT CASE s.n WHEN 0 THEN 'all' ELSE 'account:{ACCOUNT}' || s.n END, \
         'hour', {} + h.n * CAST(3600000 AS BIGINT), '', 1000, 980, 40, 20, {blob} \
         FROM hours h CROSS JOIN subjects s",
        begin.0
    );
    execute(&mut env.connection().await, &fill).await;
    let hours = "SELECT COUNT(*) FROM figure";
    assert_eq!(env.number(hours).await, 8760 * 30);
    let kept = FigureStep::Day.start(env.clock.now() - 35 * DAY);
    let old = format!(
        "SELECT COUNT(*) FROM figure WHERE step = 'hour' AND start_at < {}",
        kept.0
    );
    env.compact_until_none(&old).await;
    let rows = env.number("SELECT COUNT(*) FROM figure").await;
    let octets = env
        .number(
            "SELECT CAST(SUM(length(subject) + length(step) + length(shard) + 40 \
             + length(latency)) AS BIGINT) FROM figure",
        )
        .await;
    let days = 365 - (now.0 - kept.0) / 86_400_000;
    assert_eq!(rows, 30 * (days + (365 - days) * 24));
    assert!(octets < 8_000_000, "{octets} octets");
    println!("a year of 30 subjects: {rows} rows, {octets} octets");
    if env.config.database.is_some() {
        env.tamper("VACUUM FULL ANALYZE figure").await;
        let size = env.number("SELECT pg_total_relation_size('figure')").await;
        println!("with indexes: {size} octets");
        assert!(size < 20_000_000, "{size} octets");
    }

    let subject = FigureSubject::Account(format!("{ACCOUNT}17"));
    let began = Instant::now();
    let year = env
        .figures_by(&admin, &subject, FigureStep::Day, 366 * DAY)
        .await;
    println!("a year is read in {:?}", began.elapsed());
    assert_eq!(
        numbers(&year),
        [1000, 980, 40, 20].map(|number| number * 8760)
    );
    let plan = env.plan(&subject, begin).await;
    let by_key = plan.contains("figure_pkey") || plan.contains("USING PRIMARY KEY");
    assert!(by_key, "{plan}");
}

impl TestEnv {
    /// The plan of the database for the query of a year.
    async fn plan(&self, subject: &FigureSubject, begin: Timestamp) -> String {
        let (explain, column): (_, usize) = match self.config.database {
            Some(_) => ("EXPLAIN", 0),
            None => ("EXPLAIN QUERY PLAN", 3),
        };
        let sql = format!(
            "{explain} SELECT start_at, accepted, delivered, deferred, failed, latency FROM figure \
             WHERE subject = '{subject}' AND step IN ('day', 'hour') AND start_at >= {} \
             AND start_at < {}",
            begin.0,
            self.clock.now().0
        );
        let mut connection = self.connection().await;
        if self.config.database.is_some() {
            // The table is small enough to be scanned.
            execute(&mut connection, "SET enable_seqscan = off").await;
        }
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await;
        let rows = rows.expect("a plan");
        let lines: Vec<String> = rows.iter().map(|row| row.get(column)).collect();
        lines.join("\n")
    }
}

stories! {
    both {
        a_year_takes_a_few_megabytes_and_is_found_by_its_key;
    }
}
