//! The SQLite database that is moved: locked against writers, read row by row.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use domain::settings::Stamp;
use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::copy_text::{CopyFault, CopyWriter, TableDigest};
use super::error::TransferError;
use crate::store::database::snapshot;
use crate::store::{Scope, StoreError};

/// All tables but those of SQLite and that of the migrations.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' \
                      AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> '_sqlx_migrations' ORDER BY name";

/// A table with its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceTable {
    pub name: String,
    pub columns: Vec<String>,
    /// The columns of the primary key; without one, the first two columns.
    pub key: Vec<String>,
}

impl SourceTable {
    /// The name, quoted.
    pub fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// The name and the columns, as in `"a" ("b", "c")`.
    pub fn with_columns(&self) -> String {
        format!("{} ({})", self.quoted(), self.quoted_columns())
    }

    fn quoted_columns(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(column)).collect();
        columns.join(", ")
    }
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The database, locked until the last clone is dropped: other processes read it, and none writes. Cheap to
/// clone.
#[derive(Clone)]
pub struct LockedSource(Arc<Mutex<Connection>>);

impl LockedSource {
    /// Locks the database of a data folder, whose tables are of this version.
    ///
    /// # Errors
    /// Where another connection writes for 5 s.
    pub fn lock(data: &Path) -> Result<Self, StoreError> {
        let connection = snapshot::open(&snapshot::file_in(data))?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Pauses delivery on this database, unless it is paused, and ends the lock.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn pause(self, by: &Stamp) -> Result<(), StoreError> {
        let connection = self.0.lock();
        connection.execute(
            "INSERT INTO delivery_pause (scope, since, actor) VALUES (?, ?, ?) ON CONFLICT (scope) DO NOTHING",
            (Scope::Global.to_string(), by.at.0, &by.by),
        )?;
        Ok(connection.execute_batch("COMMIT")?)
    }

    /// All tables of the schema, each behind those that it refers to.
    pub(super) fn tables(&self) -> Result<Vec<SourceTable>, StoreError> {
        let connection = self.0.lock();
        let mut tables = Vec::new();
        for name in texts(&connection, TABLES, [])? {
            let columns = "SELECT name FROM pragma_table_info(?) ORDER BY cid";
            let references = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?)";
            let key = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk";
            let references = texts(&connection, references, [&name])?;
            let columns = texts(&connection, columns, [&name])?;
            let mut key = texts(&connection, key, [&name])?;
            if key.is_empty() {
                // The first two columns of an event are its message and position.
                key = columns.iter().take(2).cloned().collect();
            }
            let table = SourceTable { name, columns, key };
            tables.push((table, references.into_iter().collect()));
        }
        Ok(in_order(tables))
    }

    /// Reads all rows of a table, and passes them to `send` as text of COPY until that returns `false`. It blocks its
    /// thread.
    pub(super) fn read(
        &self,
        table: &SourceTable,
        send: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<TableDigest, TransferError> {
        let connection = self.0.lock();
        let sql = format!("SELECT {} FROM {}", table.quoted_columns(), table.quoted());
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut writer = CopyWriter::new(send);
        while let Some(row) = rows.next()? {
            for (index, column) in table.columns.iter().enumerate() {
                let written = writer.value(row.get_ref(index)?);
                written.map_err(|fault| failed(fault, table, column, row))?;
            }
            writer.end_row().map_err(|_| closed())?;
        }
        writer.finish().map_err(|_| closed())
    }
}

fn failed(fault: CopyFault, table: &SourceTable, column: &str, row: &Row<'_>) -> TransferError {
    let (name, column) = (table.name.clone(), column.to_owned());
    match fault {
        CopyFault::Value => TransferError::Value {
            table: name,
            column,
        },
        CopyFault::Text => TransferError::Text {
            table: name,
            column,
            row: key_of(table, row),
        },
        CopyFault::Closed => closed(),
    }
}

/// The receiver of the rows has failed before, and reports why.
fn closed() -> TransferError {
    sqlx::Error::WorkerCrashed.into()
}

/// The primary key of a row, as in `account_id = 7, number = 1`.
fn key_of(table: &SourceTable, row: &Row<'_>) -> String {
    let part = |column: &String| {
        let value = match row.get_ref(column.as_str()) {
            Ok(ValueRef::Integer(number)) => number.to_string(),
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).escape_debug().to_string(),
            Ok(ValueRef::Blob(octets)) => format!("x'{}'", HEXLOWER.encode(octets)),
            _ => "NULL".to_owned(),
        };
        format!("{column} = {value}")
    };
    let parts: Vec<String> = table.key.iter().map(part).collect();
    parts.join(", ")
}

/// The texts in the first column of a query.
fn texts(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(parameters, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts each table behind those that it refers to. Tables that refer to each other in a circle come last.
fn in_order(mut waiting: Vec<(SourceTable, BTreeSet<String>)>) -> Vec<SourceTable> {
    let mut ordered = Vec::new();
    loop {
        let names: BTreeSet<String> = waiting
            .iter()
            .map(|(table, _)| table.name.clone())
            .collect();
        let waits = |table: &SourceTable, references: &BTreeSet<String>| {
            let mut others = references.iter().filter(|other| **other != table.name);
            others.any(|other| names.contains(other))
        };
        let (later, ready): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(table, references)| waits(table, references));
        let is_last = ready.is_empty() || later.is_empty();
        ordered.extend(ready.into_iter().map(|(table, _)| table));
        if is_last {
            ordered.extend(later.into_iter().map(|(table, _)| table));
            return ordered;
        }
        waiting = later;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Store;

    async fn locked() -> (tempfile::TempDir, LockedSource) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        store.close().await;
        let source = LockedSource::lock(folder.path()).expect("locks");
        (folder, source)
    }

    #[tokio::test]
    async fn tables_come_behind_those_they_refer_to() {
        let (_folder, source) = locked().await;
        let tables = source.tables().expect("reads");
        let at = |name: &str| tables.iter().position(|table| table.name == name);
        assert!(at("account").is_some());
        for (table, other) in [
            ("session", "account"),
            ("token", "account"),
            ("webhook_delivery", "webhook"),
        ] {
            assert!(at(table) > at(other), "{table} behind {other}");
        }
        assert!(at("_sqlx_migrations").is_none());
        assert!(at("sqlite_sequence").is_none());
    }

    #[test]
    fn tables_in_a_circle_are_kept() {
        let table = |name: &str, references: &[&str]| {
            let (columns, key) = (Vec::new(), Vec::new());
            let name = name.to_owned();
            let references = references.iter().map(|other| (*other).to_owned());
            let table = SourceTable { name, columns, key };
            (table, references.collect())
        };
        let ordered = in_order(vec![
            table("a", &["b"]),
            table("b", &["a"]),
            table("c", &["c", "d"]),
            table("d", &[]),
        ]);
        let names: Vec<&str> = ordered.iter().map(|table| &*table.name).collect();
        assert_eq!(names, ["d", "c", "a", "b"]);
    }

    #[tokio::test]
    async fn nobody_writes_while_it_is_locked() {
        let (folder, source) = locked().await;
        let other = snapshot::open(&snapshot::file_in(folder.path())).expect("opens");
        other.busy_timeout(Duration::ZERO).expect("set");
        let write = "UPDATE routing SET version = version + 1";
        let refused = StoreError::from(other.execute(write, []).expect_err("locked"));
        assert!(refused.is_locked(), "{refused}");
        drop(source);
        other.execute(write, []).expect("writes");
    }
}
