//! Inspects the database read-only: nothing is created, migrated or written.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use domain::Timestamp;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::timeout;
use tracing::log::LevelFilter;

use super::open::{SQLITE_FILE, refuse_links};
use super::{migrations, transport};
use crate::store::{Connection, StoreError};

/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements for a PostgreSQL connection: it is read-only, and its queries have a time limit.
const READ_ONLY: &str = "SET default_transaction_read_only = on; SET statement_timeout = '10s'";

/// The number of faults that are read: one suffices as a reason to restore a backup.
const FAULTS: &str = "PRAGMA quick_check(3)";

/// The comparison of the tables with those of this version of Postern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaVersion {
    /// The tables are those of this version.
    Current,
    /// This number of migrations is missing; all of them if there are no tables.
    Behind(i64),
    /// The tables are those of a newer version.
    Ahead,
}

/// Opens the database for reading; `None` where there is no SQLite file.
///
/// # Errors
/// Where it cannot be opened within 5 s, and where PostgreSQL's address is not valid.
pub async fn open(data: &Path, address: Option<&str>) -> Result<Option<Connection>, StoreError> {
    sqlx::any::install_default_drivers();
    let Some(address) = address else {
        return open_sqlite(data).await;
    };
    let server = transport::server(&transport::parse(address)?);
    let options: AnyConnectOptions = address.parse().map_err(|_| StoreError::Address)?;
    let refused = |source: StoreError| StoreError::Refused {
        at: server.clone(),
        source: Box::new(source),
    };
    let mut connection = connect(options).await.map_err(refused)?;
    connection.execute(READ_ONLY).await?;
    Ok(Some(connection))
}

async fn open_sqlite(data: &Path) -> Result<Option<Connection>, StoreError> {
    refuse_links(data)?;
    let file = data.join(SQLITE_FILE);
    match std::fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(sqlx::Error::Io(error).into()),
        Ok(_) => {}
    }
    // Without a log no process has the file open, and SQLite would create one beside it.
    let is_open = data.join(format!("{SQLITE_FILE}-wal")).exists();
    let mut address = url::Url::from_file_path(&file).map_err(|()| StoreError::Address)?;
    address.set_query(Some(match is_open {
        true => "mode=ro",
        false => "mode=ro&immutable=true",
    }));
    let address = address.as_str().replacen("file://", "sqlite://", 1);
    connect(address.parse()?).await.map(Some)
}

async fn connect(options: AnyConnectOptions) -> Result<Connection, StoreError> {
    let options = options.log_statements(LevelFilter::Trace);
    let connecting = timeout(CONNECT_TIMEOUT, AnyConnection::connect_with(&options));
    Ok(connecting.await.map_err(|_| StoreError::Timeout)??)
}

/// The version of the last migration.
pub const fn latest() -> i64 {
    migrations::latest()
}

/// Compares the tables with those of this version.
///
/// # Errors
/// Where the database fails.
pub async fn schema(
    connection: &mut Connection,
    is_sqlite: bool,
) -> Result<SchemaVersion, StoreError> {
    let tables = match is_sqlite {
        true => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
        false => "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE tablename = '_sqlx_migrations'",
    };
    let tables: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut *connection)
        .await?;
    let applied: i64 = match tables {
        0 => 0,
        _ => {
            let query = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations \
                         WHERE success";
            sqlx::query_scalar(query).fetch_one(connection).await?
        }
    };
    let latest = latest();
    Ok(match applied.cmp(&latest) {
        std::cmp::Ordering::Equal => SchemaVersion::Current,
        std::cmp::Ordering::Less => SchemaVersion::Behind(latest - applied),
        std::cmp::Ordering::Greater => SchemaVersion::Ahead,
    })
}

/// The faults that SQLite finds in its file; empty for an undamaged file. The caller limits the time.
///
/// # Errors
/// Where the file cannot be read.
pub async fn damage(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let found: Vec<String> = sqlx::query_scalar(FAULTS).fetch_all(connection).await?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// The time of day of the PostgreSQL server.
///
/// # Errors
/// Where the database fails.
pub async fn server_time(connection: &mut Connection) -> Result<Timestamp, StoreError> {
    let query = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
    let milliseconds: i64 = sqlx::query_scalar(query).fetch_one(connection).await?;
    Ok(Timestamp(milliseconds))
}
