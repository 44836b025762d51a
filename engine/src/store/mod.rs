//! The database, SQLite or PostgreSQL: connections and units of work, and its tables by subject.
//!
//! `database` opens, migrates and copies it, with helpers of SQL; `dialect` has the differences of SQLite and
//! PostgreSQL, `scope` the columns of that name, `search` the searches, `transfer` the move to PostgreSQL,
//! `unit_of_work` the transactions. The other folders have the tables: `accounts` those of sign-in and tokens too,
//! `messages` flows and idempotency keys, `delivery` events, workers and suppressions, `settings` the policy,
//! `notifications` webhooks.

pub mod accounts;
pub mod audit;
pub mod database;
pub mod delivery;
mod dialect;
mod error;
pub mod figures;
pub mod keys;
pub mod messages;
pub mod notifications;
pub mod recipients;
pub mod relays;
mod scope;
pub mod search;
pub mod settings;
pub mod transfer;
mod unit_of_work;

use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Transaction};
use tokio::sync::Notify;

pub use dialect::DatabaseTime;
pub use error::StoreError;
pub use scope::Scope;
pub use unit_of_work::{UnitOfWork, WRITE_BOUNDS, commit};

use crate::clock::Clock;
use crate::histogram::{Histogram, HistogramReading};
use database::direct::{DirectConnection, DirectTransaction};
use dialect::Dialect;
use search::{SearchConnection, SearchPool};

/// The time limit of a unit of work that no caller abandons.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The time for which closing waits for running statements.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to read or write on. Reads and writes of one unit of work share it.
pub type Connection = AnyConnection;

/// Awaits a unit of work for at most 15 s: a machine that is gone does not close its connections.
///
/// # Errors
/// The errors of `work`; [`StoreError::Unsure`] after the time limit.
pub async fn in_time<T, E: From<StoreError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, work).await;
    answer.unwrap_or_else(|_| Err(StoreError::Timeout.in_commit().into()))
}

/// The end of the range of texts with a prefix.
fn after(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// The database, opened. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: AnyPool,
    /// The reporting pool, for queries of pages: they can take long, and continue when the caller is
    /// gone.
    reporting: AnyPool,
    /// One connection for metrics, so that monitoring does not wait for the queries of pages.
    metrics: AnyPool,
    /// The pool for searches, each of which ends at its time limit.
    search: SearchPool,
    /// The pool for writes: one connection on SQLite, so that writers queue in the pool and not at the
    /// file.
    write: AnyPool,
    /// The direct connection to SQLite for the hot path. It takes turns with the connection of `write`.
    direct: Option<DirectConnection>,
    dialect: Dialect,
    /// The address of the PostgreSQL database.
    address: Option<Arc<str>>,
    /// Notified after each commit of the hot path, for the checkpoints of SQLite.
    written: Arc<Notify>,
    /// How long units of work and direct transactions took.
    write_times: Histogram,
}

impl Store {
    /// A connection for short reads.
    ///
    /// # Errors
    /// If no connection is free within 5 s.
    pub async fn read(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.read.acquire().await?)
    }

    /// A connection of the reporting pool, for reads that can take long.
    ///
    /// # Errors
    /// If no connection is free within 5 s.
    pub async fn reporting(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.reporting.acquire().await?)
    }

    /// The connection for metrics.
    ///
    /// # Errors
    /// If the connection is not free within 5 s.
    pub async fn metrics(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.metrics.acquire().await?)
    }

    /// A connection for a search that begins now.
    ///
    /// # Errors
    /// If no connection is free within 5 s.
    pub async fn search(&self) -> Result<SearchConnection, StoreError> {
        self.search.acquire().await
    }

    /// Begins a unit of work. Dropped before its commit, it is rolled back.
    ///
    /// # Errors
    /// Where no connection is free within 5 s, or the database is locked.
    pub async fn begin(&self) -> Result<UnitOfWork, StoreError> {
        self.begin_with(self.dialect.begin).await
    }

    /// As [`Store::begin`], for statements each of which finds its rows by their keys.
    ///
    /// # Errors
    /// The errors of [`Store::begin`].
    pub async fn begin_by_key(&self) -> Result<UnitOfWork, StoreError> {
        self.begin_with(self.dialect.begin_by_key).await
    }

    /// As [`Store::begin`], while no other unit of work changes accounts.
    ///
    /// # Errors
    /// The errors of [`Store::begin`].
    pub async fn begin_on_accounts(&self) -> Result<UnitOfWork, StoreError> {
        self.begin_with(self.dialect.begin_on_accounts).await
    }

    /// As [`Store::begin`], while no other unit of work changes which sealing keys are in use.
    ///
    /// # Errors
    /// The errors of [`Store::begin`].
    pub async fn begin_on_sealing_keys(&self) -> Result<UnitOfWork, StoreError> {
        self.begin_with(self.dialect.begin_on_sealing_keys).await
    }

    /// Begins a transaction on the reporting pool that reads the database as of one moment.
    ///
    /// # Errors
    /// Where no connection is free within 5 s.
    pub async fn snapshot(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Self::begin_on(self.reporting.clone(), self.dialect.snapshot).await
    }

    async fn begin_with(&self, begin: &'static str) -> Result<UnitOfWork, StoreError> {
        let transaction = Self::begin_on(self.write.clone(), begin).await?;
        Ok(UnitOfWork::new(transaction, self.write_times.start()))
    }

    async fn begin_on(
        pool: AnyPool,
        begin: &'static str,
    ) -> Result<Transaction<'static, Any>, StoreError> {
        // BEGIN runs in a task, so that dropping the caller does not cancel it: a BEGIN cancelled
        // halfway leaves a connection in a transaction, and PostgreSQL's connection does not report
        // that.
        let begun = tokio::spawn(async move { pool.begin_with(begin).await });
        Ok(begun.await.map_err(|_| sqlx::Error::PoolClosed)??)
    }

    /// The connection of direct transactions; `None` on PostgreSQL.
    pub fn direct(&self) -> Option<&DirectConnection> {
        self.direct.as_ref()
    }

    /// Runs `work` in a direct transaction, in its turn with other writers. Once begun it goes on
    /// though its caller is gone.
    ///
    /// # Errors
    /// Where no connection is free within 5 s, and those of [`DirectConnection::write`].
    pub async fn write_directly<T: Send + 'static>(
        &self,
        connection: &DirectConnection,
        work: impl FnOnce(&DirectTransaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.write.acquire().await?;
        let connection = connection.clone();
        let written = tokio::task::spawn_blocking(move || {
            let written = connection.write(work);
            drop(turn);
            written
        });
        written.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }

    /// Reports a commit of the hot path.
    pub fn wrote(&self) {
        self.written.notify_one();
    }

    /// How long transactions that write took, from their beginning to the end of their commit.
    pub fn write_times(&self) -> HistogramReading {
        self.write_times.read()
    }

    /// The number of concurrent group commits.
    pub fn writers(&self) -> usize {
        self.dialect.writers
    }

    /// The text appended to queries that select rows to claim.
    pub fn skip_locked(&self) -> &'static str {
        self.dialect.skip_locked
    }

    /// The text appended to queries whose rows are locked until the transaction ends.
    pub fn for_update(&self) -> &'static str {
        self.dialect.for_update
    }

    /// The time of day of the database, which `clock` advances in tests; `None` where it is that of this
    /// machine.
    pub fn time(&self, clock: &Clock) -> Option<DatabaseTime> {
        let sql = self.dialect.time?;
        Some(DatabaseTime::new(sql, clock.advanced_by()))
    }

    /// Whether only processes of this machine can use the database.
    pub fn is_local(&self) -> bool {
        self.address.is_none()
    }

    /// Waits up to 5 s for running statements, and closes the connections.
    pub async fn close(&self) {
        let closed = async {
            tokio::join!(
                self.read.close(),
                self.reporting.close(),
                self.metrics.close(),
                self.search.close()
            );
            if let Some(direct) = self.direct.clone() {
                // A panic in the task has already been reported.
                let _ = tokio::task::spawn_blocking(move || direct.close()).await;
            }
            // The last connection to close removes SQLite's log. Two that close at once may each
            // leave that to the other.
            self.write.close().await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn transactions_that_write_are_counted_at_their_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let before = store.write_times().number();
        let work = store.begin().await.expect("begins");
        assert_eq!(store.write_times().number(), before, "it has not ended");
        commit(work).await.expect("commits");
        let work = store.begin_by_key().await.expect("begins");
        work.rollback().await.expect("rolls back");
        drop(store.begin().await.expect("begins"));
        assert_eq!(store.write_times().number(), before + 3);
        let direct = store.direct().expect("SQLite");
        let written = store.write_directly(direct, |_| Ok(())).await;
        written.expect("commits");
        drop(store.snapshot().await.expect("reads"));
        assert_eq!(store.write_times().number(), before + 4);
    }

    /// The test takes [`ANSWER_TIMEOUT`] of real time, because a database on another machine may never
    /// answer.
    #[tokio::test]
    async fn a_database_that_does_not_respond_times_out() {
        let silent = std::future::pending::<Result<(), StoreError>>();
        let limit = ANSWER_TIMEOUT + Duration::from_secs(30);
        let given_up = tokio::time::timeout(limit, in_time(silent)).await;
        assert!(matches!(
            given_up.expect("it ends"),
            Err(StoreError::Unsure(_))
        ));
    }
}
