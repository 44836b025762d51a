//! The PostgreSQL database that rows are moved to: migrated, checked to be empty, and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use tokio::time::timeout;
use tracing::log::LevelFilter;

use super::copy_text::{TableDigest, TableDigester};
use super::error::TransferError;
use super::source::{SourceTable, quoted};
use crate::store::StoreError;
use crate::store::database::open::DURABLE_COMMIT;
use crate::store::database::{migrations, transport};

/// The time limit for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the connection: statements have no time limit, and octets are in hexadecimal.
const SESSION: &str = "SET lock_timeout = '5s'; SET statement_timeout = 0; \
                       SET idle_in_transaction_session_timeout = 0; SET bytea_output = 'hex'";

/// The types of columns that rows have.
const TYPES: [&str; 3] = ["bigint", "bytea", "text"];

const MIGRATIONS: &str = "_sqlx_migrations";

/// Connects to the database at `address`.
///
/// # Errors
/// Where the database cannot be reached.
pub async fn connect(address: &str) -> Result<PgConnection, TransferError> {
    let options = transport::parse(address)?;
    let at = transport::server(&options);
    let options = options.log_statements(LevelFilter::Trace);
    let connecting = async {
        let mut connection = options.connect().await?;
        connection.execute(DURABLE_COMMIT).await?;
        connection.execute(SESSION).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    let connected = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(StoreError::from),
        Err(_) => Err(StoreError::Timeout),
    };
    connected.map_err(|error| {
        let source = Box::new(error);
        StoreError::Refused { at, source }.into()
    })
}

/// Creates the tables, unless they are there.
///
/// # Errors
/// Where the database fails.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), TransferError> {
    let tables = tables(connection).await?;
    if let Some(other) = tables.first()
        && !tables.iter().any(|table| table == MIGRATIONS)
    {
        return Err(TransferError::Foreign(other.clone()));
    }
    let (target, skip) = (None, false);
    let migrated = migrations::postgres()
        .run_direct(target, connection, skip)
        .await;
    Ok(migrated.map_err(StoreError::from)?)
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let sql =
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(connection).await
}

/// The number of rows that the migrations themselves insert, by table.
///
/// # Errors
/// Where the migrations cannot be run on a database in memory.
pub async fn seeds() -> Result<BTreeMap<String, i64>, StoreError> {
    let mut connection = migrations::blank_sqlite().await?;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let tables: Vec<String> = sqlx::query_scalar(tables)
        .fetch_all(&mut connection)
        .await?;
    let mut seeds = BTreeMap::new();
    for table in tables {
        let sql = format!("SELECT COUNT(*) FROM {}", quoted(&table));
        let sql = AssertSqlSafe(sql);
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        seeds.insert(table, rows);
    }
    Ok(seeds)
}

/// Locks the tables against reads and writes of other transactions until the transaction ends.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    tables: &[SourceTable],
) -> Result<(), TransferError> {
    let present = self::tables(&mut *connection).await?;
    let known: BTreeSet<&str> = tables.iter().map(|table| &*table.name).collect();
    for table in present.iter().filter(|table| *table != MIGRATIONS) {
        if !known.contains(&**table) {
            return Err(TransferError::Columns(table.clone()));
        }
    }
    if let Some(absent) = known
        .iter()
        .find(|table| !present.iter().any(|it| it == *table))
    {
        return Err(TransferError::Columns((*absent).to_owned()));
    }
    let names: Vec<String> = tables.iter().map(SourceTable::quoted).collect();
    let sql = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", names.join(", "));
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// Checks that each table has the columns of the source, all of types that rows have.
///
/// # Errors
/// Where a column is missing, or has another type; where the database fails.
pub async fn check_columns(
    connection: &mut PgConnection,
    tables: &[SourceTable],
) -> Result<(), TransferError> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND table_name = $1";
    for table in tables {
        let query = sqlx::query_as(sql).bind(&table.name);
        let columns: Vec<(String, String)> = query.fetch_all(&mut *connection).await?;
        let names: BTreeSet<&str> = columns.iter().map(|(name, _)| &**name).collect();
        let expected: BTreeSet<&str> = table.columns.iter().map(|name| &**name).collect();
        let are_known = columns.iter().all(|(_, kind)| TYPES.contains(&&**kind));
        if names != expected || !are_known {
            return Err(TransferError::Columns(table.name.clone()));
        }
    }
    Ok(())
}

/// Checks that the tables have no rows but those that the migrations inserted.
///
/// # Errors
/// Where a table has other rows; where the database fails.
pub async fn check_empty(
    connection: &mut PgConnection,
    tables: &[SourceTable],
    seeds: &BTreeMap<String, i64>,
) -> Result<(), TransferError> {
    for table in tables {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", table.quoted()));
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        if rows != seeds.get(&table.name).copied().unwrap_or_default() {
            return Err(TransferError::NotEmpty(table.name.clone()));
        }
    }
    Ok(())
}

/// Switches the triggers of the tables on or off: what they would write is among the rows.
///
/// # Errors
/// Where the database fails.
pub async fn enable_triggers(
    connection: &mut PgConnection,
    tables: &[SourceTable],
    on: bool,
) -> Result<(), TransferError> {
    let verb = if on { "ENABLE" } else { "DISABLE" };
    for table in tables {
        let sql = format!("ALTER TABLE {} {verb} TRIGGER USER", table.quoted());
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

/// Deletes the rows that the migrations inserted.
///
/// # Errors
/// Where the database fails.
pub async fn clear(
    connection: &mut PgConnection,
    tables: &[SourceTable],
) -> Result<(), TransferError> {
    for table in tables.iter().rev() {
        let sql = format!("DELETE FROM {}", table.quoted());
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

/// Sets every sequence of a column to continue after the highest number.
///
/// # Errors
/// Where the database fails.
pub async fn set_sequences(connection: &mut PgConnection) -> Result<(), TransferError> {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() \
               AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')";
    let numbered: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut *connection).await?;
    for (table, column) in numbered {
        let (quoted_table, highest) = (quoted(&table), format!("MAX({})", quoted(&column)));
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence($1, $2)::regclass, COALESCE({highest}, 1), \
             {highest} IS NOT NULL) FROM {quoted_table}"
        );
        let query = sqlx::query(AssertSqlSafe(sql));
        let query = query.bind(&quoted_table).bind(&column);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Reads a table back.
///
/// # Errors
/// Where the database fails.
pub async fn digest(
    connection: &mut PgConnection,
    table: &SourceTable,
) -> Result<TableDigest, TransferError> {
    let statement = format!("COPY {} TO STDOUT", table.with_columns());
    let mut chunks = connection.copy_out_raw(&statement).await?;
    let mut digester = TableDigester::default();
    while let Some(chunk) = chunks.try_next().await? {
        digester.update(&chunk);
    }
    Ok(digester.finish())
}

/// Collects the statistics of the query planner.
///
/// # Errors
/// Where the database fails.
pub async fn analyze(connection: &mut PgConnection) -> Result<(), TransferError> {
    connection.execute("ANALYZE").await?;
    Ok(())
}
