//! The differences between SQLite and PostgreSQL in the SQL of the store.

/// The statements in which the databases differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub begin: &'static str,
    /// For transactions whose statements find their rows by their keys.
    pub begin_by_key: &'static str,
    /// For transactions that decide by several accounts: no other one changes any meanwhile.
    pub begin_on_accounts: &'static str,
    /// For transactions that change which sealing keys are in use: they exclude each other.
    pub begin_on_sealing_keys: &'static str,
    /// For transactions that read the database as of one moment.
    pub snapshot: &'static str,
    /// Appended to the query that selects rows to claim, where several claim at once.
    pub skip_locked: &'static str,
    /// Appended to a query that locks its rows, where transactions run beside each other.
    pub for_update: &'static str,
    /// How many group commits run at the same time.
    pub writers: usize,
}

/// A deferred transaction that turns to writing fails at once while another writes.
pub(super) const SQLITE: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    begin_by_key: "BEGIN IMMEDIATE",
    begin_on_accounts: "BEGIN IMMEDIATE",
    begin_on_sealing_keys: "BEGIN IMMEDIATE",
    // It reads as of its first statement.
    snapshot: "BEGIN",
    skip_locked: "",
    for_update: "",
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
    // With more of them each commit would hold fewer requests.
    writers: 2,
};
