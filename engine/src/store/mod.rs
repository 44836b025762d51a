//! The database: SQLite in the data folder, or PostgreSQL. One text of SQL for both; one file here
//! for each table, and no SQL elsewhere.

pub mod accounts;
pub mod audit;
mod checkpoint;
pub mod delivery_events;
mod error;
pub mod idempotency;
pub mod information;
pub mod keys;
pub mod messages;
mod notify;
pub mod pause;
pub mod recipients;
pub mod retention;
pub mod revisions;
mod rows;
mod scope;
pub mod search;
pub mod sessions;
pub mod suppressions;
pub mod tokens;
pub mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection as _, Executor, Transaction};
use tokio::sync::Notify;
use tracing::log::LevelFilter;

pub use error::StoreError;
pub use scope::Scope;

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// How long a connection may be waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may be waited for that nobody else gives up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// FULL: what was acknowledged survives a power cut.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; \
                       PRAGMA cache_size = -4096";

/// For the connection that writes: the pages that every commit touches stay at hand, and what
/// `checkpoint` leaves behind is copied by the commit that finds 64 MiB of log.
const WRITING: &str = "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16384";

/// As `busy_timeout` on SQLite: who waits for a lock is told so in the end.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '5s'";

/// Where people look: a search that nobody waits for any more is not gone on with for ever.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '30s'";

/// How many look at the same time.
const REPORTING_CONNECTIONS: u32 = 4;

/// Finds out what is wrong with a database, if anything. A pool would try again until its time is
/// over, and then say no more than that it is.
async fn try_out(options: &AnyConnectOptions, statement: &'static str) -> Result<(), StoreError> {
    let trial = async {
        let mut connection = AnyConnection::connect_with(options).await?;
        connection.execute(statement).await?;
        connection.close().await
    };
    tokio::time::timeout(ACQUIRE_TIMEOUT, trial)
        .await
        .map_err(|_| StoreError::Silent)?
        .map_err(StoreError::from)
}

/// Up to so many connections, each of which begins with these statements.
fn pool(most: u32, statements: &'static [&'static str]) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in statements {
                    connection.execute(*statement).await?;
                }
                Ok(())
            })
        })
}

/// A connection to read or write on. Reads and writes of one unit of work share it.
pub type Connection = AnyConnection;

/// Ends a unit of work for good.
pub async fn commit(work: Transaction<'static, Any>) -> Result<(), StoreError> {
    let done = work.commit().await;
    done.map_err(|error| StoreError::from(error).in_commit())
}

/// Waits for the database, but not for ever: a machine that is gone does not hang up. What is given
/// up may have been done.
pub async fn in_time<T, E: From<StoreError>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, work).await;
    answer.unwrap_or_else(|_| Err(StoreError::Silent.in_commit().into()))
}

/// The end of the range of texts that begin so.
fn after(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// The database, opened. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    read: AnyPool,
    /// For what people look at: a search may take long, and goes on though its page was left.
    reporting: AnyPool,
    /// On SQLite one connection, so that writers queue here and not at the file.
    write: AnyPool,
    dialect: Dialect,
    /// Of PostgreSQL.
    address: Option<Arc<str>>,
    /// Much was written.
    written: Arc<Notify>,
}

/// Where the two databases differ.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    begin: &'static str,
    /// For rows that are found by their keys.
    begin_by_key: &'static str,
    /// While nobody else changes which sealing keys are in use.
    begin_on_sealing_keys: &'static str,
    /// At the end of a query for rows that several take from at once.
    skip_locked: &'static str,
    /// How many write what many hand in.
    writers: usize,
}

/// A deferred transaction that turns to writing would fail at once where another writes.
const SQLITE_DIALECT: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    begin_by_key: "BEGIN IMMEDIATE",
    begin_on_sealing_keys: "BEGIN IMMEDIATE",
    skip_locked: "",
    writers: 1,
};

const POSTGRES_DIALECT: Dialect = Dialect {
    begin: "BEGIN",
    // Of tables that grow by thousands of rows a second PostgreSQL believes that they are small, and
    // would read them whole.
    begin_by_key: "BEGIN; SET LOCAL enable_seqscan = off",
    begin_on_sealing_keys: "BEGIN; LOCK TABLE sealing_key IN EXCLUSIVE MODE",
    skip_locked: " FOR UPDATE SKIP LOCKED",
    // More of them would have less to write in each commit.
    writers: 2,
};

impl Store {
    /// Opens the SQLite file in `data`, or the PostgreSQL database at `address`, and brings its
    /// tables up to date.
    pub async fn open(data: &Path, address: Option<&str>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match address {
            Some(address) => Self::open_postgres(address).await,
            None => Self::open_sqlite(&data.join("postern.db")).await,
        }
    }

    async fn open_sqlite(file: &Path) -> Result<Self, StoreError> {
        let mut address = url::Url::from_file_path(file).map_err(|()| StoreError::Address)?;
        address.set_query(Some("mode=rwc"));
        let options: AnyConnectOptions = address
            .as_str()
            .replacen("file://", "sqlite://", 1)
            .parse()?;
        let options = options.log_statements(LevelFilter::Trace);
        try_out(&options, PRAGMAS).await?;
        // A file does not hang up.
        let pool = |most, statements| pool(most, statements).test_before_acquire(false);
        let write = pool(1, &[PRAGMAS, WRITING])
            // SQLite itself ends a transaction that finds the disk full. The rollback then fails,
            // and to sqlx that connection is within a transaction for ever.
            .before_acquire(|connection, _| {
                Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
            })
            .connect_with(options.clone())
            .await?;
        SQLITE.run(&write).await.map_err(StoreError::Migration)?;
        let read = pool(3, &[PRAGMAS]).connect_lazy_with(options.clone());
        let reporting = pool(REPORTING_CONNECTIONS, &[PRAGMAS]).connect_lazy_with(options);
        let store = Self {
            read,
            reporting,
            write,
            dialect: SQLITE_DIALECT,
            address: None,
            written: Arc::default(),
        };
        tokio::spawn(checkpoint::keep(store.read.clone(), store.written.clone()));
        Ok(store)
    }

    async fn open_postgres(address: &str) -> Result<Self, StoreError> {
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(StoreError::Address);
        }
        let options: AnyConnectOptions = address.parse().map_err(|_| StoreError::Address)?;
        let options = options.log_statements(LevelFilter::Trace);
        try_out(&options, "SELECT 1").await?;
        let reporting = pool(REPORTING_CONNECTIONS, &[LOCK_TIMEOUT, STATEMENT_TIMEOUT])
            .connect_lazy_with(options.clone());
        let pool = pool(12, &[LOCK_TIMEOUT]).connect_with(options).await?;
        POSTGRES.run(&pool).await.map_err(StoreError::Migration)?;
        Ok(Self {
            read: pool.clone(),
            reporting,
            write: pool,
            dialect: POSTGRES_DIALECT,
            address: Some(address.into()),
            written: Arc::default(),
        })
    }

    /// A connection that only reads, what is found at once.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Any>, StoreError> {
        Ok(self.read.acquire().await?)
    }

    /// A connection for what somebody looks at, however long that takes.
    pub async fn reporting(&self) -> Result<sqlx::pool::PoolConnection<Any>, StoreError> {
        Ok(self.reporting.acquire().await?)
    }

    /// A unit of work: all of it, or when dropped before its commit, nothing.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.begin_with(self.dialect.begin).await
    }

    /// The same, for statements each of which finds its rows by their keys.
    pub async fn begin_by_key(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.begin_with(self.dialect.begin_by_key).await
    }

    /// The same, while nobody else changes which sealing keys are in use.
    pub async fn begin_on_sealing_keys(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.begin_with(self.dialect.begin_on_sealing_keys).await
    }

    async fn begin_with(
        &self,
        begin: &'static str,
    ) -> Result<Transaction<'static, Any>, StoreError> {
        let pool = self.write.clone();
        // Also where nobody waits for it any more: a BEGIN that is given up in its midst leaves a
        // connection to others that is within a transaction, and PostgreSQL's does not say so.
        let begun = tokio::spawn(async move { pool.begin_with(begin).await });
        Ok(begun.await.map_err(|_| sqlx::Error::PoolClosed)??)
    }

    /// Says that much was written, and more is to come.
    pub fn wrote(&self) {
        self.written.notify_one();
    }

    /// How many write what many hand in.
    pub fn writers(&self) -> usize {
        self.dialect.writers
    }

    /// What a query ends with that takes rows from among those that others take from too.
    pub fn skip_locked(&self) -> &'static str {
        self.dialect.skip_locked
    }

    /// Whether only processes of this machine can use it.
    pub fn is_local(&self) -> bool {
        self.address.is_none()
    }

    /// Waits for what is under way, within limits, and closes the connections.
    pub async fn close(&self) {
        let closed = async {
            tokio::join!(
                self.read.close(),
                self.reporting.close(),
                self.write.close()
            )
        };
        let _ = tokio::time::timeout(ACQUIRE_TIMEOUT, closed).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_looks_keeps_nobody_from_working() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let mut lookers = Vec::new();
        for _ in 0..REPORTING_CONNECTIONS {
            lookers.push(store.reporting().await.expect("a connection"));
        }
        assert!(
            store.reporting().now_or_never().is_none(),
            "they wait in turn"
        );
        store.read().await.expect("reads");
        store.begin().await.expect("writes");
    }
}
