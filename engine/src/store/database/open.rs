//! Opening the database: connection pools, pragmas, time limits and migrations.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions as _, Connection as _, Executor as _, SqlitePool,
};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::log::LevelFilter;

use super::direct::DirectConnection;
use super::{checkpoint, migrations, transport};
use crate::histogram::Histogram;
use crate::store::search::SearchPool;
use crate::store::{Store, StoreError, WRITE_BOUNDS, dialect};

/// The time limit for acquiring a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time between attempts to lock a file or page.
pub(super) const LOCK_RETRY: Duration = Duration::from_millis(20);

/// FULL: an acknowledged commit survives a power cut.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; \
                       PRAGMA cache_size = -4096";

/// For the connections that write: a commit checkpoints only when `checkpoint` left 64 MiB of log. The
/// cache holds the pages that every commit changes and little more: a commit that balanced a b-tree
/// walks all cached pages, which with 16 MiB took up to half of the processor time of a mail.
const WRITE_PRAGMAS: &str = "PRAGMA cache_size = -2048; PRAGMA wal_autocheckpoint = 16384";

/// An acknowledged commit survives a crash of the server, whatever its configuration says. Stronger
/// settings are kept.
pub(in crate::store) const DURABLE_COMMIT: &str = "SELECT set_config('synchronous_commit', 'on', false) \
     WHERE current_setting('synchronous_commit') <> 'remote_apply'";

/// As `busy_timeout` on SQLite; and the server ends the session of a node that is gone without
/// closing its connections, so that its locks are free within a minute. No query is compiled: that
/// takes 60 ms, and a wrong estimate is enough for it.
const SESSION: &str = "SET lock_timeout = '5s'; \
                        SET idle_in_transaction_session_timeout = '20s'; \
                        SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; \
                        SET tcp_keepalives_count = 4; SET tcp_user_timeout = '40s'; \
                        SET jit = off";

/// The time limit of queries, which ends those of callers that are gone.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '30s'";

/// The time limit of searches, as on SQLite.
const SEARCH_TIMEOUT: &str = "SET statement_timeout = '2s'";

/// The connections of the reporting pool.
const REPORTING_CONNECTIONS: u32 = 4;

/// The connections for searches: so many processors at most.
const SEARCH_CONNECTIONS: u32 = 2;

/// The SQLite file in the data folder.
pub(super) const SQLITE_FILE: &str = "postern.db";

/// SQLite follows links, which may lead to any file of the user that postern runs as.
pub(super) fn refuse_links(data: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let name = format!("{SQLITE_FILE}{suffix}");
        if data.join(&name).is_symlink() {
            return Err(StoreError::Link(name));
        }
    }
    Ok(())
}

impl Store {
    /// Opens the SQLite file in `data`, or the PostgreSQL database at `address`, and brings its
    /// tables up to date.
    ///
    /// # Errors
    /// Where the database cannot be reached or migrated.
    pub async fn open(data: &Path, address: Option<&str>) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match address {
            Some(address) => open_postgres(address).await,
            None => {
                refuse_links(data)?;
                open_sqlite(&data.join(SQLITE_FILE)).await
            }
        }
    }
}

impl Store {
    /// Opens a connection outside of the pools.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn connect(&self) -> Result<AnyConnection, StoreError> {
        let statements: &[&'static str] = match self.is_local() {
            true => &[PRAGMAS],
            false => &[SESSION, STATEMENT_TIMEOUT],
        };
        let mut connection = AnyConnection::connect_with(&self.metrics.connect_options()).await?;
        for statement in statements {
            connection.execute(*statement).await?;
        }
        Ok(connection)
    }
}

async fn open_sqlite(file: &Path) -> Result<Store, StoreError> {
    let mut address = url::Url::from_file_path(file).map_err(|()| StoreError::Address)?;
    address.set_query(Some("mode=rwc"));
    let address = address.as_str().replacen("file://", "sqlite://", 1);
    let options: AnyConnectOptions = address.parse()?;
    let options = options.log_statements(LevelFilter::Trace);
    try_connection(&options, PRAGMAS).await?;
    // SQLite, a file, does not close connections.
    let pool = |size, statements| pool(size, statements).test_before_acquire(false);
    let write = pool(1, &[PRAGMAS, WRITE_PRAGMAS])
        // SQLite itself ends a transaction that finds the disk full. The rollback then fails, and
        // sqlx believes that connection to be in a transaction for ever.
        .before_acquire(|connection, _| {
            Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
        })
        .connect_with(options.clone())
        .await?;
    migrate_sqlite(&write).await?;
    let write_times = Histogram::new(&WRITE_BOUNDS);
    let direct = DirectConnection::open(file, &[PRAGMAS, WRITE_PRAGMAS], write_times.clone())?;
    let store = Store {
        read: pool(3, &[PRAGMAS]).connect_lazy_with(options.clone()),
        reporting: pool(REPORTING_CONNECTIONS, &[PRAGMAS]).connect_lazy_with(options.clone()),
        metrics: pool(1, &[PRAGMAS]).connect_lazy_with(options),
        search: SearchPool::Sqlite(search_pool(&address)?),
        write,
        direct: Some(direct),
        dialect: dialect::SQLITE,
        address: None,
        written: Arc::default(),
        write_times,
    };
    tokio::spawn(checkpoint::run(store.read.clone(), store.written.clone()));
    Ok(store)
}

/// Migrates in one transaction, which begins with the write lock: sqlx locks PostgreSQL only. Of several
/// processes that open a new file at the same time, one creates the tables, and the others find them.
async fn migrate_sqlite(pool: &AnyPool) -> Result<(), StoreError> {
    let mut work = pool.begin_with(dialect::SQLITE.begin).await?;
    // `run` of a connection is no `Send` future to the compiler.
    let (target, skip) = (None, false);
    let migrator = migrations::sqlite();
    migrator.run_direct(target, &mut *work, skip).await?;
    Ok(work.commit().await?)
}

/// The pool of searches on SQLite.
fn search_pool(address: &str) -> Result<SqlitePool, StoreError> {
    let options: SqliteConnectOptions = address.parse()?;
    let pool = SqlitePoolOptions::new()
        .max_connections(SEARCH_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(PRAGMAS).await.map(drop) })
        });
    Ok(pool.connect_lazy_with(options.log_statements(LevelFilter::Trace)))
}

async fn open_postgres(address: &str) -> Result<Store, StoreError> {
    let parsed = transport::parse(address)?;
    let options: AnyConnectOptions = address.parse().map_err(|_| StoreError::Address)?;
    let options = options.log_statements(LevelFilter::Trace);
    try_connection(&options, "SELECT 1")
        .await
        .map_err(|source| StoreError::Refused {
            at: transport::server(&parsed),
            source: source.into(),
        })?;
    let reporting = pool(REPORTING_CONNECTIONS, &[SESSION, STATEMENT_TIMEOUT])
        .connect_lazy_with(options.clone());
    let metrics = pool(1, &[SESSION, STATEMENT_TIMEOUT]).connect_lazy_with(options.clone());
    let search =
        pool(SEARCH_CONNECTIONS, &[SESSION, SEARCH_TIMEOUT]).connect_lazy_with(options.clone());
    let pool = pool(12, &[DURABLE_COMMIT, SESSION])
        .connect_with(options)
        .await?;
    migrations::postgres().run(&pool).await?;
    Ok(Store {
        read: pool.clone(),
        reporting,
        metrics,
        search: SearchPool::Postgres(search),
        write: pool,
        direct: None,
        dialect: dialect::POSTGRES,
        address: Some(address.into()),
        written: Arc::default(),
        write_times: Histogram::new(&WRITE_BOUNDS),
    })
}

/// Connects once, to report the cause of a failure. A pool retries until its time limit, and then
/// reports only that. A lock is waited for: SQLite itself does not where a file begins its log, while
/// other processes that open it do the same.
async fn try_connection(
    options: &AnyConnectOptions,
    statement: &'static str,
) -> Result<(), StoreError> {
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    loop {
        let trial = async {
            let mut connection = AnyConnection::connect_with(options).await?;
            connection.execute(statement).await?;
            connection.close().await
        };
        let tried = timeout_at(deadline, trial)
            .await
            .map_err(|_| StoreError::Timeout)?
            .map_err(StoreError::from);
        match tried {
            Err(error) if error.is_locked() && Instant::now() + LOCK_RETRY < deadline => {
                sleep(LOCK_RETRY).await;
            }
            tried => return tried,
        }
    }
}

/// A pool of at most `size` connections, each of which begins with `statements`.
fn pool(size: u32, statements: &'static [&'static str]) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(size)
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

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::timeout;

    use super::*;

    /// Locks the file like another process that opens a new file. SQLite does not wait for that lock.
    #[tokio::test]
    async fn a_new_file_that_another_process_locks_is_opened_once_that_ends() {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().to_owned();
        let address = format!("sqlite://{}?mode=rwc", data.join(SQLITE_FILE).display());
        let other = AnyConnection::connect(&address).await;
        let mut other = other.expect("connects");
        let locks = "CREATE TABLE other (id BIGINT); BEGIN IMMEDIATE";
        other.execute(locks).await.expect("locks");
        let mut opening = tokio::spawn(async move { Store::open(&data, None).await.map(drop) });
        let early = timeout(Duration::from_millis(200), &mut opening).await;
        assert!(early.is_err(), "it waits: {early:?}");
        other.execute("COMMIT").await.expect("ends");
        opening.await.expect("no panic").expect("opens");
    }

    #[tokio::test]
    async fn an_exhausted_reporting_pool_does_not_block_work() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        let mut connections = Vec::new();
        for _ in 0..REPORTING_CONNECTIONS {
            connections.push(store.reporting().await.expect("a connection"));
        }
        assert!(
            store.reporting().now_or_never().is_none(),
            "the pool is exhausted"
        );
        store.read().await.expect("reads");
        store.begin().await.expect("writes");
    }
}
