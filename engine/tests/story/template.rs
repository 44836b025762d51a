//! Databases with every table, of which stories get copies: migrations take seconds.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tokio::sync::OnceCell;

/// A file of SQLite with every table.
static SQLITE: OnceCell<Vec<u8>> = OnceCell::const_new();

/// The name of a PostgreSQL database with every table.
static POSTGRES: OnceCell<String> = OnceCell::const_new();

/// An SQLite file with every table.
pub async fn sqlite_file(file: &Path) {
    let template = SQLITE.get_or_init(|| async {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("template.db");
        migrate(&format!("sqlite://{}?mode=rwc", file.display()), "sqlite").await;
        std::fs::read(&file).expect("the file")
    });
    std::fs::write(file, template.await).expect("a copy");
}

/// The address of a fresh database with every table, of the server at an address.
pub async fn migrated_database(server: &str) -> String {
    let template = POSTGRES.get_or_init(|| async {
        let address = empty_database(server).await;
        migrate(&address, "postgres").await;
        let (_, name) = address.rsplit_once('/').expect("a name");
        name.to_owned()
    });
    create(server, template.await).await
}

/// The address of a fresh database without a table, of the server at an address.
pub async fn empty_database(server: &str) -> String {
    create(server, "template1").await
}

/// Copies a database, to which nothing is connected, and returns the address of the copy.
async fn create(server: &str, template: &str) -> String {
    sqlx::any::install_default_drivers();
    let name = format!("story_{}", ulid::Ulid::new().to_string().to_lowercase());
    let mut connection = AnyConnection::connect(server)
        .await
        .expect("PostgreSQL answers");
    let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
    let created = sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await;
    created.expect("a fresh database");
    let (before, _) = server.rsplit_once('/').expect("an address with a database");
    format!("{before}/{name}")
}

/// Runs every migration of a kind of database.
async fn migrate(address: &str, kind: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(address).await.expect("connects");
    let migrations = migrations(kind).await;
    let migrated = migrations.run(&mut connection).await;
    migrated.expect("migrates");
    connection.close().await.expect("closes");
}

/// The migrations of `sqlite` or `postgres`.
pub async fn migrations(kind: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let migrations = Migrator::new(folder.join(kind)).await;
    migrations.expect("the migrations")
}
