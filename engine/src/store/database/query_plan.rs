//! The plan of SQLite for a statement, for tests of its indexes.

use super::open::SQLITE_FILE;
use crate::store::Store;

/// The steps of the plan for a statement on a new database. Its parameters are not bound.
pub(in crate::store) async fn query_plan(sql: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path(), None).await.expect("opens");
    store.close().await;
    let file = folder.path().join(SQLITE_FILE);
    let connection = rusqlite::Connection::open(file).expect("opens");
    let statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"));
    let mut statement = statement.expect("a statement");
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a plan") {
        steps.push(row.get(3).expect("a step"));
    }
    steps
}
