//! Connections for searches, whose statements end after a time limit.

use std::time::{Duration, Instant};

use sqlx::any::AnyRow;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, AssertSqlSafe, FromRow, Sqlite, SqlitePool};

use super::parameter::{Parameter, bind_all};
use crate::store::StoreError;

/// The time limit of a search. On PostgreSQL it is `statement_timeout`.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// SQLite checks the time limit after so many steps of its virtual machine, about 1 ms.
const STEPS: i32 = 10_000;

/// The pool of connections for searches.
#[derive(Clone)]
pub enum SearchPool {
    /// The connections of [`Any`] have no progress handler, which ends a statement.
    Sqlite(SqlitePool),
    Postgres(AnyPool),
}

/// A connection for a search.
pub enum SearchConnection {
    Sqlite(PoolConnection<Sqlite>),
    Any(PoolConnection<Any>),
}

impl From<PoolConnection<Any>> for SearchConnection {
    /// A connection for a search that is fast because of an index: on SQLite it has no time limit.
    fn from(connection: PoolConnection<Any>) -> Self {
        Self::Any(connection)
    }
}

impl SearchPool {
    /// A connection for a search that begins now.
    ///
    /// # Errors
    /// If no connection is free within 5 s.
    pub async fn acquire(&self) -> Result<SearchConnection, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                let end = Instant::now() + TIME_LIMIT;
                let mut handle = connection.lock_handle().await?;
                handle.set_progress_handler(STEPS, move || Instant::now() < end);
                drop(handle);
                Ok(SearchConnection::Sqlite(connection))
            }
            Self::Postgres(pool) => Ok(SearchConnection::Any(pool.acquire().await?)),
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl SearchConnection {
    /// The rows of a query.
    ///
    /// # Errors
    /// [`StoreError::TooSlow`] after [`TIME_LIMIT`]; where the database fails.
    pub(super) async fn fetch<T>(
        &mut self,
        sql: String,
        parameters: Vec<Parameter>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let rows = match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query(AssertSqlSafe(sql));
                let rows = bind_all!(query, parameters).fetch_all(&mut **connection);
                rows.await.and_then(|rows| {
                    let rows = rows.iter().map(|row| T::from_row(&AnyRow::try_from(row)?));
                    rows.collect()
                })
            }
            Self::Any(connection) => {
                let query = sqlx::query_as(AssertSqlSafe(sql));
                bind_all!(query, parameters)
                    .fetch_all(&mut **connection)
                    .await
            }
        };
        rows.map_err(|error| StoreError::from(error).of_search())
    }
}
