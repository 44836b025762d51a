//! The differences between SQLite and PostgreSQL in the SQL of the store.

use std::time::Duration;

use domain::timestamp::milliseconds;

/// The statements in which the databases differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub begin: &'static str,
    /// Begins a transaction whose statements find their rows by their keys.
    pub begin_by_key: &'static str,
    /// Begins a transaction that depends on several accounts: no other transaction changes accounts
    /// meanwhile.
    pub begin_on_accounts: &'static str,
    /// Begins a transaction that changes which sealing keys are in use. Such transactions exclude each
    /// other.
    pub begin_on_sealing_keys: &'static str,
    /// Begins a transaction that reads one snapshot of the database.
    pub snapshot: &'static str,
    /// The text appended to the query that selects rows to claim, if several transactions claim at once.
    pub skip_locked: &'static str,
    /// The text appended to a query that locks its rows, if transactions run concurrently.
    pub for_update: &'static str,
    /// The time of day in UTC milliseconds, where nodes with clocks of their own use the database.
    pub time: Option<&'static str>,
    /// The number of concurrent group commits.
    pub writers: usize,
}

/// The time of day by the clock of the database. Those of the nodes may differ from it.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseTime {
    sql: &'static str,
    /// By how much the clocks of a test are advanced, in milliseconds.
    advanced_by: i64,
}

impl DatabaseTime {
    pub(super) fn new(sql: &'static str, advanced_by: Duration) -> Self {
        Self {
            sql,
            advanced_by: milliseconds(advanced_by),
        }
    }

    /// The expression for it, in UTC milliseconds.
    pub fn sql(self) -> String {
        format!("({} + {})", self.sql, self.advanced_by)
    }
}

/// A deferred transaction that turns to writing fails at once while another writes.
pub(super) const SQLITE: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    begin_by_key: "BEGIN IMMEDIATE",
    begin_on_accounts: "BEGIN IMMEDIATE",
    begin_on_sealing_keys: "BEGIN IMMEDIATE",
    // A deferred transaction reads the state at its first statement.
    snapshot: "BEGIN",
    skip_locked: "",
    for_update: "",
    time: None,
    writers: 1,
};

pub(super) const POSTGRES: Dialect = Dialect {
    begin: "BEGIN",
    // The statistics of a table that grows by thousands of rows a second say that it is small: the
    // planner would scan it.
    begin_by_key: "BEGIN; SET LOCAL enable_seqscan = off",
    begin_on_accounts: "BEGIN; LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE",
    begin_on_sealing_keys: "BEGIN; LOCK TABLE sealing_key IN EXCLUSIVE MODE",
    snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    skip_locked: " FOR UPDATE SKIP LOCKED",
    for_update: " FOR UPDATE",
    time: Some("CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
    // With more concurrent commits, each would hold fewer requests.
    writers: 2,
};
