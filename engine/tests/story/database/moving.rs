//! Moving from SQLite to PostgreSQL: every table, compared there, or nothing at all.

use std::path::Path;

use domain::outbox::RecipientState;
use engine::{Actor, BackupError, Config, MoveRequest, MovedTable, Postern};
use rusqlite::types::Value;
use sqlx::{AnyConnection, Connection as _};
use testkit::{Relay, RelayScript};

use crate::environment::{TestEnv, connect, execute};
use crate::outbox::{TestWorker, is};
use crate::template::migrations;

/// A text with everything that the format of the copy escapes.
const TEXT: &str = "a\\b\\N\t\n\r\u{8}\u{b}\u{c} '\"; – é";

const OCTETS: &[u8] = b"\x00\xff\\\n";

/// A version whose tables later ones change.
const EARLIER: i64 = 30;

/// A Postern on SQLite, and the URL of an empty PostgreSQL database.
async fn source_and_target(env: &TestEnv) -> (TestEnv, String) {
    let target = env.empty().await.database.expect("PostgreSQL");
    (TestEnv::sqlite().await, target)
}

async fn move_data(
    source: &TestEnv,
    data: &Path,
    target: &str,
) -> Result<Vec<MovedTable>, BackupError> {
    let request = MoveRequest {
        data: data.to_owned(),
        address: target.to_owned(),
        database_insecure: false,
        clock: source.clock.clone(),
        host: "gate".to_owned(),
    };
    engine::move_to_postgres(request, &Actor::local(0)).await
}

/// What paused delivery in the SQLite database of a data folder.
fn pauses(data: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(data.join("postern.db")).expect("opens");
    let sql = "SELECT actor FROM delivery_pause";
    let mut statement = connection.prepare(sql).expect("prepares");
    let rows = statement.query_map([], |row| row.get(0)).expect("reads");
    rows.map(|row| row.expect("a row")).collect()
}

async fn mail_and_settings_go_on_in_postgresql(env: TestEnv) {
    let (source, target) = source_and_target(&env).await;
    let admin = source.admin().await;
    let relay = Relay::start(RelayScript::pipelining());
    source.save(&admin, &relay).await;
    let to = ["desk@example.net"];
    let queued = source.submit_mail(&admin, &to, "Before").await;
    source.postern.close().await;
    assert_eq!(pauses(source.data()), [""; 0]);
    let moved = move_data(&source, source.data(), &target).await;
    moved.expect("moved");
    // A Postern that is started there by mistake sends nothing.
    assert_eq!(pauses(source.data()), ["postern migrate"]);

    // The keys in the data folder are those of before.
    let config = Config {
        database: Some(target),
        ..source.config.clone()
    };
    let postern = Postern::open(config.clone()).await.expect("Postern opens");
    let other = TestEnv {
        postern,
        clock: source.clock.clone(),
        config,
        folder: source.folder,
    };
    let admin = other.admin().await;
    let works = TestWorker::begin(&other, 2);
    other
        .until(&admin, &queued, is(RecipientState::Delivered))
        .await;
    let later = other.submit_mail(&admin, &to, "After").await;
    other
        .until(&admin, &later, is(RecipientState::Delivered))
        .await;
    works.end().await;
    let trail = other.postern.audit().trail(&admin, 50).await.expect("rows");
    assert!(trail.iter().any(|row| row.action == "move database"));
    // A number that the sequence gives anew would be taken.
    let flow = "INSERT INTO flow (queue, priority, account_id) VALUES ('new', 'normal', '')";
    execute(&mut other.connection().await, flow).await;
}

/// Inserts a row into each table, and returns the names of the tables.
fn fill(file: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).expect("opens");
    let off = connection.execute_batch("PRAGMA foreign_keys = OFF");
    off.expect("executes");
    let texts = |sql: &str, column: &str| -> Vec<[String; 2]> {
        let mut statement = connection.prepare(sql).expect("prepares");
        let rows = statement.query_map([column], |row| Ok([row.get(0)?, row.get(1)?]));
        let rows = rows.expect("reads");
        rows.map(|row| row.expect("a row")).collect()
    };
    let tables = "SELECT name, type FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite%' \
                  AND name <> '_sqlx_migrations' ORDER BY name";
    let tables = texts(tables, "table").into_iter().map(|[name, _]| name);
    let tables: Vec<String> = tables.collect();
    for table in &tables {
        let columns = texts("SELECT name, type FROM pragma_table_info(?)", table);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for [name, kind] in columns {
            names.push(format!("\"{name}\""));
            values.push(match &*kind {
                "TEXT" => Value::Text(TEXT.to_owned()),
                "BLOB" => Value::Blob(OCTETS.to_owned()),
                _ => Value::Integer(4242),
            });
        }
        let places = vec!["?"; values.len()].join(", ");
        let names = names.join(", ");
        let sql = format!("INSERT INTO \"{table}\" ({names}) VALUES ({places})");
        let inserted = connection.execute(&sql, rusqlite::params_from_iter(values));
        inserted.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    tables
}

async fn every_table_of_the_schema_is_moved(env: TestEnv) {
    let (source, target) = source_and_target(&env).await;
    source.postern.close().await;
    let tables = fill(&source.data().join("postern.db"));
    assert!(tables.len() > 40, "{tables:?}");
    let moved = move_data(&source, source.data(), &target).await;
    let mut moved = moved.expect("moved");
    moved.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(moved.iter().all(|table| table.rows > 0), "{moved:?}");
    let names: Vec<String> = moved.into_iter().map(|table| table.name).collect();
    assert_eq!(names, tables);

    let mut connection = AnyConnection::connect(&target).await.expect("connects");
    let subject = sqlx::query_scalar("SELECT subject FROM message");
    let subject: String = subject.fetch_one(&mut connection).await.expect("a row");
    assert_eq!(subject, TEXT);
    let body = sqlx::query_scalar("SELECT bytes FROM message_body");
    let body: Vec<u8> = body.fetch_one(&mut connection).await.expect("a row");
    assert_eq!(body, OCTETS);
    // The triggers of PostgreSQL count nothing twice while rows are moved, and count again afterwards.
    let sum = "SELECT CAST(SUM(number) AS BIGINT) FROM recipient_count";
    let number: i64 = sqlx::query_scalar(sum)
        .fetch_one(&mut connection)
        .await
        .expect("a sum");
    assert_eq!(number, 4242 + 1);
    execute(&mut connection, "DELETE FROM recipient").await;
    let number: i64 = sqlx::query_scalar(sum)
        .fetch_one(&mut connection)
        .await
        .expect("a sum");
    assert_eq!(number, 4242);
}

async fn a_database_that_is_not_empty_is_left_alone(env: TestEnv) {
    let source = TestEnv::sqlite().await;
    source.postern.close().await;
    let admin = env.admin().await;
    let used = env.config.database.clone().expect("PostgreSQL");
    let refused = move_data(&source, source.data(), &used).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("is not empty"), "{refused}");
    let overview = env.postern.outbox().overview(&admin).await;
    overview.expect("it goes on");

    let shared = env.empty().await.database.expect("PostgreSQL");
    let mut connection = AnyConnection::connect(&shared).await.expect("connects");
    execute(&mut connection, "CREATE TABLE letter (id BIGINT)").await;
    let refused = move_data(&source, source.data(), &shared).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(
        refused.contains("has the table letter of another program"),
        "{refused}"
    );

    let elsewhere = "postgres://postern:hunter2@192.0.2.7/postern";
    let refused = move_data(&source, source.data(), elsewhere).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("sslmode=verify-full"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
}

async fn a_move_that_fails_leaves_no_row(env: TestEnv) {
    let (source, target) = source_and_target(&env).await;
    source.postern.close().await;
    // PostgreSQL has no text with this character.
    let with_nul =
        "INSERT INTO information (scope, label, value) VALUES ('old', 'note', 'a' || char(0))";
    source.tamper(with_nul).await;
    let refused = move_data(&source, source.data(), &target).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(
        refused.contains("the column value of the table information has a text with a NUL")
            && refused.contains("in the row with scope = old, label = note; "),
        "{refused}"
    );
    source
        .tamper("DELETE FROM information WHERE scope = 'old'")
        .await;
    // SQLite keeps a text in a column of numbers.
    source.tamper("UPDATE routing SET version = 'soon'").await;
    let refused = move_data(&source, source.data(), &target).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(
        refused.contains("the table routing cannot be written"),
        "{refused}"
    );
    let mut connection = AnyConnection::connect(&target).await.expect("connects");
    let keys = sqlx::query_scalar("SELECT COUNT(*) FROM sealing_key");
    let keys: i64 = keys.fetch_one(&mut connection).await.expect("a number");
    assert_eq!(keys, 0);
    assert_eq!(pauses(source.data()), [""; 0]);
    source.tamper("UPDATE routing SET version = 1").await;
    let moved = move_data(&source, source.data(), &target).await;
    moved.expect("moved");
}

async fn an_earlier_version_is_not_moved(env: TestEnv) {
    let (source, target) = source_and_target(&env).await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        data: folder.path().to_owned(),
        ..source.config.clone()
    };
    let mut connection = connect(&config).await;
    let migrated = migrations("sqlite")
        .await
        .run_to(EARLIER, &mut connection)
        .await;
    migrated.expect("the tables of an earlier version");
    let refused = move_data(&source, folder.path(), &target).await;
    assert!(
        matches!(refused, Err(BackupError::Earlier(_))),
        "{refused:?}"
    );
}

stories! {
    postgres {
        mail_and_settings_go_on_in_postgresql;
        every_table_of_the_schema_is_moved;
        a_database_that_is_not_empty_is_left_alone;
        a_move_that_fails_leaves_no_row;
        an_earlier_version_is_not_moved;
    }
}
