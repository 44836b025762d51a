//! The migrations of both databases, embedded in the program.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlSafeStr as _, SqliteConnection};

use crate::store::StoreError;

/// A migration file: its name without `.sql`, and its statements.
type MigrationFile = (&'static str, &'static str);

/// The files of a database, which has one of each name.
macro_rules! files {
    ($database:literal) => {
        files!(
            $database,
            "0001_console",
            "0002_outbox",
            "0003_names",
            "0004_case_folding",
            "0005_hold_mail",
            "0006_setup_link",
            "0007_token_limits",
            "0008_message_account",
            "0009_worker_backoff",
            "0010_sealed_value",
            "0011_suppression_expiry",
            "0012_suppressions_by_words",
            "0013_pipelining_trial",
            "0014_key_fingerprint",
            "0015_relays",
            "0016_flow",
            "0017_recipient_count",
            "0018_relay_usage",
            "0019_route_reason",
            "0020_token_priority",
            "0021_message_body",
            "0022_policy",
            "0023_account_access",
            "0024_second_factor",
            "0025_trying_since",
            "0026_sender_identity",
            "0027_sending_limits",
            "0028_passkey",
            "0029_relay_health",
            "0030_notifications",
            "0031_figure",
            "0032_message_open",
            "0033_relay_connections",
            "0034_message_dsn",
            "0035_dkim_key",
            "0036_relay_outage",
            "0037_message_webhooks",
            "0038_revision_history",
            "0039_audit_chain",
            "0040_key_rotation",
            "0041_administrator_network",
            "0042_sealed_value_indexes",
            "0043_delivery_since"
        )
    };
    ($database:literal, $($name:literal),+) => {
        &[$((
            $name,
            include_str!(concat!("../../../../migrations/", $database, "/", $name, ".sql")),
        )),+]
    };
}

const SQLITE: &[MigrationFile] = files!("sqlite");
const POSTGRES: &[MigrationFile] = files!("postgres");

/// The version of the last migration, of both databases.
pub const fn latest() -> i64 {
    SQLITE.len() as i64
}

/// The migrations of SQLite.
pub fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// A SQLite database in memory with the tables of this version.
///
/// # Errors
/// Where a migration fails.
pub async fn blank_sqlite() -> Result<SqliteConnection, StoreError> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
    let (target, skip) = (None, false);
    sqlite().run_direct(target, &mut connection, skip).await?;
    Ok(connection)
}

/// The migrations of PostgreSQL.
pub fn postgres() -> Migrator {
    migrator(POSTGRES)
}

/// The macro `sqlx::migrate!` would do the same, but compiles sqlx, its drivers and rustls a second
/// time for the compiler.
fn migrator(files: &[MigrationFile]) -> Migrator {
    let migrations = files.iter().zip(1..).map(|((name, statements), version)| {
        let description = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        Migration::new(
            version,
            description.replace('_', " ").into(),
            MigrationType::Simple,
            statements.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_is_embedded_in_its_order() {
        for (folder, files) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let path = format!("{}/../migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let entries = fs::read_dir(path).expect("the folder of migrations");
            let mut found: Vec<_> = entries
                .map(|entry| entry.expect("an entry").file_name())
                .map(|name| name.to_string_lossy().replace(".sql", ""))
                .collect();
            found.sort();
            let embedded: Vec<_> = files.iter().map(|(name, _)| *name).collect();
            assert_eq!(found, embedded);
            for (name, version) in embedded.iter().zip(1..) {
                assert!(name.starts_with(&format!("{version:04}_")), "{name}");
            }
        }
    }
}
