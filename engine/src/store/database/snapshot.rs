//! Copies of the SQLite file: made while the file is in use, and checked before they are used.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use domain::Timestamp;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{ErrorCode, OpenFlags};

use super::migrations;
use super::open::{LOCK_RETRY, SQLITE_FILE, refuse_links};
use crate::store::{Connection, StoreError};

/// The number of pages that are copied at a time: 1 MiB.
const PAGES: i32 = 256;

/// The time limit for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The offset of the journal mode in the header of a file, and the value for a file without a log
/// (<https://www.sqlite.org/fileformat2.html#file_format_version_numbers>).
const JOURNAL_VERSIONS: (u64, [u8; 2]) = (18, [1, 1]);

/// Where the header has the number `user_version`, which Postern uses in copies alone: the time of the copy in
/// minutes.
const USER_VERSION: u64 = 60;

/// The milliseconds of a minute.
const MINUTE: i64 = 60_000;

/// The tables with their columns, the indexes and the triggers of a schema, and what triggers do.
const SCHEMA: &str = "\
    SELECT type || ' ' || name, CASE type WHEN 'trigger' THEN sql ELSE '' END FROM sqlite_schema \
    WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~' \
    UNION ALL SELECT 'table ' || t.name || ', column ' || c.name, '' \
    FROM sqlite_schema t, pragma_table_info(t.name) c \
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~'";

/// The fault of a copy.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The file is not a copy of a Postern database.
    #[error("it is not a database of Postern")]
    Foreign,
    /// The content is inconsistent.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The copy has tables that this version does not know.
    #[error(
        "it was made by a newer Postern: its tables are of version {found}, and this Postern knows those \
         up to version {known}; use the newer one"
    )]
    Newer {
        /// The version of its newest migration.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The copy cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How thoroughly a copy is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotCheck {
    /// The check covers the pages, without comparing indexes with their tables.
    Pages,
    /// The check covers the whole file, with the references between tables.
    Whole,
}

/// The SQLite file of a data folder.
pub fn file_in(data: &Path) -> PathBuf {
    data.join(SQLITE_FILE)
}

pub(in crate::store) fn open(file: &Path) -> Result<rusqlite::Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    Ok(connection)
}

/// Copies the database of a data folder into `target`, an empty file, which keeps the minute of `now`, and syncs
/// it to disk. After each MiB it asks whether to go on; where not, it returns `false`. It blocks its thread.
///
/// The copy is the state at its beginning, as one read transaction sees it. Writers go on meanwhile and
/// wait for nothing; their log is not emptied until the copy is done. Without the transaction every commit
/// of another process would begin the copy anew.
///
/// # Errors
/// Where the database cannot be read, or the copy cannot be written.
pub fn copy(
    data: &Path,
    target: &Path,
    now: Timestamp,
    mut goes_on: impl FnMut() -> bool,
) -> Result<bool, StoreError> {
    refuse_links(data)?;
    let source = open(&file_in(data))?;
    source.execute_batch("BEGIN")?;
    // The transaction begins with its first read.
    let _: i64 = source.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let mut copy = open(target)?;
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let backup = Backup::new(&source, &mut copy)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More if !goes_on() => return Ok(false),
            StepResult::More => {}
            _ => thread::sleep(LOCK_RETRY),
        }
    }
    drop(backup);
    drop(copy);
    let synced = write_header(target, now);
    synced.map_err(sqlx::Error::from)?;
    Ok(true)
}

/// Marks a copy as a file without a log beside it, as which it can be opened wherever it is moved to, and as made
/// at `now`.
fn write_header(file: &Path, now: Timestamp) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(file)?;
    let (offset, versions) = JOURNAL_VERSIONS;
    file.write_all_at(&versions, offset)?;
    let minutes = i32::try_from(now.0.div_euclid(MINUTE)).unwrap_or_default();
    file.write_all_at(&minutes.to_be_bytes(), USER_VERSION)?;
    file.sync_all()
}

/// Checks a copy, and returns the version of its newest migration. It blocks its thread.
///
/// # Errors
/// The fault of the copy.
pub fn check(file: &Path, check: SnapshotCheck) -> Result<i64, SnapshotFault> {
    let connection = open(file)?;
    let found = newest_migration(&connection)?;
    let known = migrations::latest();
    if found > known {
        return Err(SnapshotFault::Newer { found, known });
    }
    let pragma = match check {
        SnapshotCheck::Pages => "PRAGMA quick_check(1)",
        SnapshotCheck::Whole => "PRAGMA integrity_check(1)",
    };
    let result: String = connection
        .query_row(pragma, [], |row| row.get(0))
        .map_err(fault)?;
    if result != "ok" {
        return Err(SnapshotFault::Damaged(result));
    }
    if check == SnapshotCheck::Whole {
        let sql = "SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1";
        let mut statement = connection.prepare(sql).map_err(fault)?;
        let mut rows = statement.query([]).map_err(fault)?;
        if let Some(row) = rows.next().map_err(fault)? {
            let table: String = row.get(0).map_err(fault)?;
            let text = format!("a row of the table {table} refers to one that is not there");
            return Err(SnapshotFault::Damaged(text));
        }
    }
    Ok(found)
}

/// Checks that a database has all that the migrations of this version make, and no other trigger, which would go
/// on to change its rows.
///
/// # Errors
/// The fault of the copy.
pub async fn check_schema(connection: &mut Connection) -> Result<(), SnapshotFault> {
    let mut blank = migrations::blank_sqlite().await?;
    let expected = sqlx::query_as(SCHEMA).fetch_all(&mut blank).await;
    let expected: Vec<(String, String)> = expected.map_err(StoreError::from)?;
    let expected: BTreeMap<String, String> = expected.into_iter().collect();
    let found = sqlx::query_as(SCHEMA).fetch_all(connection).await;
    let found: Vec<(String, String)> = found.map_err(StoreError::from)?;
    let found: BTreeMap<String, String> = found.into_iter().collect();
    if let Some(absent) = expected.keys().find(|name| !found.contains_key(*name)) {
        return Err(SnapshotFault::Damaged(format!("it lacks the {absent}")));
    }
    let mut triggers = found.iter().filter(|(_, sql)| !sql.is_empty());
    let other = triggers.find(|(name, sql)| expected.get(*name) != Some(*sql));
    if let Some((trigger, _)) = other {
        let text = format!("its {trigger} is not of Postern");
        return Err(SnapshotFault::Damaged(text));
    }
    Ok(())
}

/// Whether the database in a data folder has the tables of this version.
///
/// # Errors
/// If the database cannot be read.
pub fn is_current(data: &Path) -> Result<bool, StoreError> {
    refuse_links(data)?;
    match newest_migration(&open(&file_in(data))?) {
        Ok(version) => Ok(version == migrations::latest()),
        Err(SnapshotFault::Store(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// The number of migrations after a version, as [`check`] returns it.
pub fn migrations_since(version: i64) -> i64 {
    migrations::latest() - version
}

fn newest_migration(connection: &rusqlite::Connection) -> Result<i64, SnapshotFault> {
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'message')";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(fault)?;
    if tables < 2 {
        return Err(SnapshotFault::Foreign);
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    connection
        .query_row(newest, [], |row| row.get(0))
        .map_err(fault)
}

/// The minute in which [`copy`] made a copy; `None` for any other database.
///
/// # Errors
/// If the database cannot be read.
pub fn made_at(file: &Path) -> Result<Option<Timestamp>, StoreError> {
    let minutes: i64 = open(file)?.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((minutes > 0).then_some(Timestamp(minutes * MINUTE)))
}

/// The ids of the keys that the values in a copy are sealed with.
///
/// # Errors
/// If the database cannot be read.
pub fn sealing_keys(file: &Path) -> Result<Vec<String>, StoreError> {
    let connection = open(file)?;
    let retirement = "SELECT 1 FROM pragma_table_info('sealing_key') WHERE name = 'retired_at'";
    let can_be_retired = connection.prepare(retirement)?.exists([])?;
    let mut statement = connection.prepare(match can_be_retired {
        true => "SELECT kid FROM sealing_key WHERE retired_at IS NULL ORDER BY kid",
        false => "SELECT kid FROM sealing_key ORDER BY kid",
    })?;
    let keys = statement.query_map([], |row| row.get(0))?;
    Ok(keys.collect::<Result<_, _>>()?)
}

/// Moves the log of a database that nothing else has open into its file, and syncs that to disk. It is no copy any
/// more.
///
/// # Errors
/// Where it cannot be written, or another connection is open.
pub fn finish(file: &Path) -> Result<(), StoreError> {
    let connection = open(file)?;
    connection.execute_batch("PRAGMA user_version = 0")?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    drop(connection);
    if mode != "delete" {
        let text = format!("its journal mode is still {mode}");
        return Err(sqlx::Error::from(io::Error::other(text)).into());
    }
    let synced = File::open(file).and_then(|file| file.sync_all());
    Ok(synced.map_err(sqlx::Error::from)?)
}

/// The fault of a copy by the error of SQLite.
fn fault(error: rusqlite::Error) -> SnapshotFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => SnapshotFault::Foreign,
        Some(ErrorCode::DatabaseCorrupt) => SnapshotFault::Damaged(error.to_string()),
        _ => SnapshotFault::Store(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::Store;

    /// 2026-11-20 05:13:59.999 UTC.
    const NOW: Timestamp = Timestamp(1_795_151_639_999);

    /// A database whose pages are 40 MiB, and a connection that writes to it.
    async fn filled() -> (tempfile::TempDir, rusqlite::Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), None).await.expect("opens");
        store.close().await;
        let writer = open(&file_in(folder.path())).expect("opens");
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) \
                    INSERT INTO message_body (id, bytes) SELECT 'body ' || i, zeroblob(1048576) FROM n";
        writer.execute_batch(fill).expect("filled");
        (folder, writer)
    }

    fn bodies(file: &Path) -> i64 {
        let sql = "SELECT COUNT(*) FROM message_body";
        let counted = open(file)
            .expect("opens")
            .query_row(sql, [], |row| row.get(0));
        counted.expect("a number")
    }

    #[tokio::test]
    async fn a_copy_is_of_its_beginning_and_writers_do_not_wait_for_it() {
        let (folder, writer) = filled().await;
        // A writer that waited for the copy would fail, as the copy waits for the writer.
        writer.busy_timeout(Duration::ZERO).expect("set");
        let target = folder.path().join("copy");
        File::create(&target).expect("a file");
        let mut steps = 0;
        let done = copy(folder.path(), &target, NOW, || {
            steps += 1;
            let add = "INSERT INTO message_body (id, bytes) VALUES (?, zeroblob(100000))";
            let added = writer.execute(add, [format!("meanwhile {steps}")]);
            added.expect("it does not wait");
            true
        });
        assert!(done.expect("copied"));
        assert!(
            steps > 20,
            "{steps} steps: it does not begin anew, and it stops to ask"
        );
        assert_eq!(bodies(&target), 40);
        assert_eq!(bodies(&file_in(folder.path())), 40 + steps);
        let version = check(&target, SnapshotCheck::Whole).expect("whole");
        assert_eq!(version, migrations::latest());
        let made = made_at(&target).expect("reads");
        assert_eq!(made, Some(Timestamp(NOW.0 - 59_999)));
        assert_eq!(made_at(&file_in(folder.path())).expect("reads"), None);
        finish(&target).expect("finished");
        assert_eq!(made_at(&target).expect("reads"), None, "it is no copy");
        for beside in ["copy-wal", "copy-shm", "copy-journal"] {
            assert!(!folder.path().join(beside).exists(), "{beside}");
        }
    }

    #[tokio::test]
    async fn a_copy_ends_when_it_is_told_not_to_go_on() {
        let (folder, _writer) = filled().await;
        let target = folder.path().join("copy");
        File::create(&target).expect("a file");
        assert!(!copy(folder.path(), &target, NOW, || false).expect("ended"));
    }

    #[tokio::test]
    async fn what_is_no_whole_copy_is_refused() {
        let (folder, writer) = filled().await;
        drop(writer);
        let target = folder.path().join("copy");
        File::create(&target).expect("a file");
        copy(folder.path(), &target, NOW, || true).expect("copied");
        let whole = fs::read(&target).expect("readable");

        let refused = |octets: &[u8]| {
            fs::write(&target, octets).expect("written");
            check(&target, SnapshotCheck::Whole)
                .expect_err("refused")
                .to_string()
        };
        assert!(refused(b"").contains("not a database of Postern"));
        assert!(refused(&[b'x'; 9000]).contains("not a database of Postern"));
        for part in [whole.len() / 2, whole.len() - 4096] {
            let text = refused(&whole[..part]);
            assert!(text.contains("damaged"), "{part} octets: {text}");
        }
        let mut changed = whole.clone();
        changed[4096 * 3..4096 * 30].fill(0xa5);
        let text = refused(&changed);
        assert!(text.contains("damaged"), "{text}");

        fs::write(&target, &whole).expect("written");
        let newer = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({}, 'of the future', 1, x'00', 0)",
            migrations::latest() + 1
        );
        let connection = open(&target).expect("opens");
        connection.execute_batch(&newer).expect("executes");
        drop(connection);
        let refused = check(&target, SnapshotCheck::Whole).expect_err("newer");
        assert!(matches!(refused, SnapshotFault::Newer { .. }), "{refused}");
    }
}
