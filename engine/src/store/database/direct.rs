//! Transactions of the hot path on SQLite: each in one call, with statements that stay prepared.
//!
//! Through sqlx each statement is a message to the thread of its connection and back, with the text of
//! the statement and copies of all values.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Params, Row, TransactionBehavior};

use crate::histogram::Histogram;
use crate::store::StoreError;

/// How many statements stay prepared: more than there are.
const STATEMENTS: usize = 64;

/// The connection of direct transactions. Cheap to clone.
#[derive(Clone)]
pub struct DirectConnection {
    /// `None` once it is closed.
    connection: Arc<Mutex<Option<Connection>>>,
    times: Histogram,
}

impl DirectConnection {
    /// Opens an SQLite file that exists, and executes `statements`. Transactions are counted in `times`.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(file: &Path, statements: &[&str], times: Histogram) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        for statement in statements {
            connection.execute_batch(statement)?;
        }
        Ok(Self {
            connection: Arc::new(Mutex::new(Some(connection))),
            times,
        })
    }

    /// Runs `work` in a transaction. It blocks its thread.
    ///
    /// # Errors
    /// The errors of `work`, after which nothing is written; [`StoreError::Unsure`] if the disk fails
    /// during the commit.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&DirectTransaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock();
        let connection = connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        // A deferred transaction that turns to writing fails at once while another writes.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let timer = self.times.start();
        let transaction = DirectTransaction(transaction);
        let result = work(&transaction)?;
        let committed = transaction.0.commit();
        drop(timer);
        committed.map_err(|error| StoreError::from(error).in_commit())?;
        Ok(result)
    }

    /// Closes the connection after the end of a running transaction.
    pub fn close(&self) {
        drop(self.connection.lock().take());
    }
}

/// A transaction that is under way. Dropped before its commit, it is rolled back.
pub struct DirectTransaction<'a>(rusqlite::Transaction<'a>);

impl DirectTransaction<'_> {
    /// Executes a statement, and returns how many rows it changed.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn execute(&self, sql: &str, parameters: impl Params) -> Result<usize, StoreError> {
        Ok(self.0.prepare_cached(sql)?.execute(parameters)?)
    }

    /// The rows of a query, or those that a statement returns.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn query_rows<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(parameters, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The first row of a query; `None` where there is none.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn query_row<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(parameters, read).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Kind, Refusal};

    use super::*;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS t (id INTEGER NOT NULL PRIMARY KEY, text TEXT)";

    /// A connection to the file of this name in a folder.
    fn open(folder: &Path, statements: &[&str]) -> DirectConnection {
        let file = folder.join("file");
        drop(Connection::open(&file).expect("a file"));
        let direct = DirectConnection::open(&file, statements, Histogram::new(&[]));
        let direct = direct.expect("opens");
        direct
            .write(|work| work.execute(TABLE, []))
            .expect("a table");
        direct
    }

    fn insert(work: &DirectTransaction<'_>, id: i64) -> Result<usize, StoreError> {
        work.execute(
            "INSERT INTO t (id, text) VALUES (?, ?)",
            (id, "x".repeat(4000)),
        )
    }

    fn count(direct: &DirectConnection) -> Option<i64> {
        let counted =
            direct.write(|work| work.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)));
        counted.expect("reads")
    }

    #[test]
    fn a_transaction_that_fails_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let direct = open(folder.path(), &[]);
        let failed = direct.write(|work| {
            insert(work, 1)?;
            insert(work, 1)
        });
        assert!(!failed.expect_err("twice the same key").is_down());
        assert_eq!(count(&direct), Some(0));
        direct.write(|work| insert(work, 1)).expect("the next one");
        assert_eq!(count(&direct), Some(1));
    }

    #[test]
    fn a_lock_and_a_full_disk_are_outages() {
        let folder = tempfile::tempdir().expect("a folder");
        let direct = open(folder.path(), &["PRAGMA busy_timeout = 1"]);
        let other = open(folder.path(), &[]);
        let locked = other.write(|_| {
            let locked = direct.write(|work| insert(work, 1));
            assert!(locked.expect_err("locked").is_locked());
            Ok(())
        });
        locked.expect("commits");

        let full = open(folder.path(), &["PRAGMA max_page_count = 8"]);
        let error = full
            .write(|work| (1..20).try_for_each(|id| insert(work, id).map(drop)))
            .expect_err("full");
        assert!(error.is_down());
        let refusal = Refusal::from(error);
        assert_eq!(refusal.kind, Kind::Unavailable);
        assert!(refusal.fields["request"].contains("disk of the database is full"));
        // SQLite ended that transaction by itself.
        full.write(|work| insert(work, 1))
            .expect("the next one fits");
    }

    #[test]
    fn a_closed_connection_is_an_outage() {
        let folder = tempfile::tempdir().expect("a folder");
        let direct = open(folder.path(), &[]);
        direct.close();
        let refused = direct.write(|work| insert(work, 1));
        assert!(refused.expect_err("closed").is_down());
    }
}
