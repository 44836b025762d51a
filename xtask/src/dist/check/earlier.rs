//! A database with the tables of an earlier version, so that an upgrade has migrations to run.

use super::root::DebianRoot;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;

/// The last migration with one relay.
const EARLIER: usize = 14;

/// The database of the service.
const DATABASE: &str = "/var/lib/postern/postern.db";

/// Where the other one is made.
const MADE: &str = "/var/lib/postern/earlier.db";

/// The host of the relay in the settings. Nothing listens at its port 1, so that mail stays queued.
const RELAY: &str = "127.0.0.2";

/// The migrations that were run, as sqlx records them.
const RECORD: &str = "
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
";

/// The account, the keys and the mail of the service, in the columns of migration 14.
const ROWS: &str = "
INSERT INTO account (id, email, role, password_hash, created_at)
    SELECT id, email, role, password_hash, created_at FROM later.account;
INSERT INTO sealing_key (kid, created_at, fingerprint)
    SELECT kid, created_at, fingerprint FROM later.sealing_key;
INSERT INTO message (id, account_id, sender, subject, message_id, size, subject_folded)
    SELECT id, account_id, sender, subject, message_id, size, subject_folded FROM later.message;
INSERT INTO message_body (id, bytes) SELECT id, bytes FROM later.message_body;
INSERT INTO recipient (message_id, position, address, state, due_at, attempts, trying_since, address_folded)
    SELECT message_id, position, address, state, due_at, 0, 0, address_folded FROM later.recipient;
";

/// Gives the stopped service a database with the tables of an earlier version, in which its account, keys and
/// mail are, and the settings of a relay.
pub fn take_back(root: &DebianRoot) -> Result<()> {
    let words = [
        "setpriv",
        "--reuid=postern",
        "--regid=postern",
        "--clear-groups",
        "sqlite3",
        "-batch",
        "-bail",
        MADE,
    ];
    let output = root.output(&words, &script()?)?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("sqlite3 made no database of an earlier version: {errors}");
    }
    for end in ["-wal", "-shm"] {
        // SQLite removes them where the last connection was closed.
        let _ = fs::remove_file(root.path(&format!("{DATABASE}{end}")));
    }
    fs::rename(root.path(MADE), root.path(DATABASE))
        .context("cannot replace the database of the service")
}

/// Checks that the settings are there after the upgrade.
pub fn check_settings(root: &DebianRoot) -> Result<()> {
    let exported = root.run(&["posternctl", "export"])?;
    if !exported.contains(RELAY) {
        bail!("the upgrade lost the settings of the relay: {exported}");
    }
    Ok(())
}

/// What sqlite3 runs in the new database.
fn script() -> Result<String> {
    let tables = tables()?;
    let settings = format!(
        "INSERT INTO information (scope, label, value)
         VALUES ('global', 'from_address', 'alerts@example.org'), ('global', 'smtp_username', ''),
                ('global', 'smtp_host', '{RELAY}'), ('global', 'smtp_port', '1'),
                ('global', 'smtp_connection_type', 'None'), ('global', 'smtp_authentication_type', 'None');
         INSERT INTO revision (scope, number, saved_at, saved_by, form)
         VALUES ('global', 1, 0, 'admin@example.org', '[]');"
    );
    Ok(format!(
        "ATTACH '{DATABASE}' AS later;
         BEGIN;
         {tables}
         {RECORD}
         INSERT INTO _sqlx_migrations SELECT * FROM later._sqlx_migrations WHERE version <= {EARLIER};
         {ROWS}
         {settings}
         COMMIT;\n"
    ))
}

/// The statements of the migrations up to the earlier version.
fn tables() -> Result<String> {
    let folder = workspace::root().join("migrations/sqlite");
    let entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    let mut statements = String::new();
    for path in paths.iter().take(EARLIER) {
        statements += &fs::read_to_string(path)?;
    }
    Ok(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_the_migrations_before_relays() {
        let script = script().expect("the migrations");
        let (_, after) = script
            .split_once("CREATE TABLE account ")
            .expect("the first migration");
        assert!(after.contains("CREATE TABLE pipelining_trial "));
        assert!(!after.contains("CREATE TABLE relay "));
    }
}
