//! The inspection of a data folder and its database from outside, for `postern doctor`.
//!
//! It runs beside processes that have them open and changes nothing: no table is migrated, no key is made.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use domain::{Host, Timestamp};
use sqlx::Connection as _;
use tokio::time::timeout;

use crate::Clock;
use crate::store::database::inspect::{self, SchemaVersion};
use crate::store::database::transport;
use crate::store::keys::{self, SealingKey};
use crate::store::settings::information;
use crate::store::{Connection, StoreError};
use crate::vault::check_keys;

/// How long the check of an SQLite file may take.
const DAMAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// What was found.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The database; `None` where there is no SQLite file yet, and the error where it cannot be read.
    pub database: Result<Option<DatabaseFindings>, String>,
    /// The number of key files, or what is wrong with them.
    pub keys: Result<usize, String>,
}

/// What was found in a database.
#[derive(Clone, Debug)]
pub struct DatabaseFindings {
    /// The version of its tables.
    pub schema: SchemaVersion,
    /// What is damaged in the file of SQLite; `None` where that is not known: after 20 s, and for
    /// PostgreSQL.
    pub damage: Option<Vec<String>>,
    /// How the clock of the PostgreSQL server differs from this machine's; `None` for SQLite.
    pub clock_difference: Option<ClockDifference>,
    /// The relays with settings; `None` where the tables are of another version.
    pub relays: Option<RelayFindings>,
}

/// How another clock differs from this machine's. It is displayed in whole seconds, as in `6 s ahead`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockDifference {
    /// It agrees, or is ahead by this time.
    Ahead(Duration),
    /// It is behind by this time.
    Behind(Duration),
}

impl ClockDifference {
    /// The difference of a clock that says `other` when this machine's says `own`.
    fn between(other: Timestamp, own: Timestamp) -> Self {
        match other >= own {
            true => Self::Ahead(other.saturating_since(own)),
            false => Self::Behind(own.saturating_since(other)),
        }
    }

    /// How large it is.
    pub const fn length(self) -> Duration {
        match self {
            Self::Ahead(length) | Self::Behind(length) => length,
        }
    }
}

impl fmt::Display for ClockDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.length().as_secs();
        match self {
            Self::Ahead(_) => write!(f, "{seconds} s ahead"),
            Self::Behind(_) => write!(f, "{seconds} s behind"),
        }
    }
}

/// The relays that have settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayFindings {
    /// How many there are.
    pub number: usize,
    /// The host of the first one whose settings are valid.
    pub host: Option<Host>,
}

/// Looks at a data folder, and at its SQLite file or the PostgreSQL database at `database`.
/// `is_insecure` allows a connection to another machine without verified TLS.
pub async fn inspect_data(data: &Path, database: Option<&str>, is_insecure: bool) -> Inspection {
    let mut in_use = Vec::new();
    let found = findings(data, database, is_insecure, &mut in_use).await;
    Inspection {
        database: found.map_err(|error| error.to_string()),
        keys: check_keys(&data.join("keys"), &in_use).map_err(|error| error.to_string()),
    }
}

/// `in_use` receives the keys that the database is sealed with.
async fn findings(
    data: &Path,
    database: Option<&str>,
    is_insecure: bool,
    in_use: &mut Vec<SealingKey>,
) -> Result<Option<DatabaseFindings>, StoreError> {
    if let Some(address) = database
        && !is_insecure
    {
        transport::check(address)?;
    }
    let Some(mut connection) = inspect::open(data, database).await? else {
        return Ok(None);
    };
    let found = read(&mut connection, database.is_none(), in_use).await;
    // Dropped, it would be closed in the background.
    connection.close().await?;
    found.map(Some)
}

/// Reads what is found in the database of a connection.
async fn read(
    connection: &mut Connection,
    is_sqlite: bool,
    in_use: &mut Vec<SealingKey>,
) -> Result<DatabaseFindings, StoreError> {
    let schema = inspect::schema(connection, is_sqlite).await?;
    let relays = match schema {
        SchemaVersion::Current => {
            *in_use = keys::sealing(connection).await?;
            Some(relays(connection).await?)
        }
        SchemaVersion::Behind(_) | SchemaVersion::Ahead => None,
    };
    let clock_difference = match is_sqlite {
        true => None,
        false => Some(clock_difference(connection).await?),
    };
    let damage = match is_sqlite {
        true => match timeout(DAMAGE_TIMEOUT, inspect::damage(connection)).await {
            Ok(damage) => Some(damage?),
            Err(_) => None,
        },
        false => None,
    };
    Ok(DatabaseFindings {
        schema,
        damage,
        clock_difference,
        relays,
    })
}

async fn relays(connection: &mut Connection) -> Result<RelayFindings, StoreError> {
    let saved = information::of_relays(connection).await?;
    let mut valid = saved.iter().filter_map(|saved| saved.form.parse().ok());
    Ok(RelayFindings {
        host: valid.next().map(|settings| settings.host),
        number: saved.len(),
    })
}

async fn clock_difference(connection: &mut Connection) -> Result<ClockDifference, StoreError> {
    let clock = Clock::default();
    let before = clock.now();
    let server = inspect::server_time(connection).await?;
    let after = clock.now().max(before);
    // What the answer took is no difference.
    Ok(ClockDifference::between(
        server,
        server.clamp(before, after),
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::store::{Store, commit};
    use crate::vault::{KeyNode, Vault};

    /// The files in a folder and in its folder of keys, with their content.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in [folder.to_owned(), folder.join("keys")] {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_file() {
                    let content = fs::read(&path).expect("a file");
                    found.insert(path.display().to_string(), content);
                }
            }
        }
        found
    }

    async fn unchanged(folder: &Path) -> Inspection {
        let before = files(folder);
        let inspection = inspect_data(folder, None, false).await;
        assert!(files(folder) == before, "a file was changed");
        inspection
    }

    #[test]
    fn a_difference_of_clocks_has_a_direction() {
        for (other, own, text) in [
            (7_000, 7_000, "0 s ahead"),
            (7_999, 1_000, "6 s ahead"),
            (1_000, 7_999, "6 s behind"),
        ] {
            let difference = ClockDifference::between(Timestamp(other), Timestamp(own));
            assert_eq!(difference.to_string(), text);
        }
    }

    #[tokio::test]
    async fn a_folder_is_inspected_without_a_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let empty = unchanged(folder).await;
        assert!(matches!(empty.database, Ok(None)), "{empty:?}");
        assert_eq!(empty.keys, Ok(0));

        let store = Store::open(folder, None).await.expect("opens");
        let keys = folder.join("keys");
        let vault = Vault::open(
            KeyNode::new("gate", keys.as_path()),
            &store,
            Timestamp(0),
            false,
        )
        .await;
        drop(vault.expect("a vault"));
        let open = inspect_data(folder, None, false).await;
        assert_eq!(open.keys, Ok(1));
        store.close().await;
        let closed = unchanged(folder).await;
        for inspection in [open, closed] {
            let found = inspection.database.expect("readable").expect("a database");
            assert_eq!(found.schema, SchemaVersion::Current);
            assert_eq!(found.damage, Some(Vec::new()));
            assert_eq!(found.relays, Some(RelayFindings::default()));
        }

        for entry in fs::read_dir(&keys).expect("a folder") {
            fs::remove_file(entry.expect("a key").path()).expect("removed");
        }
        let lost = unchanged(folder).await.keys.expect_err("lost");
        assert!(lost.contains("copy it there"), "{lost}");
    }

    #[tokio::test]
    async fn tables_of_another_version_are_told_apart() {
        for (statement, expected) in [
            (
                "DELETE FROM _sqlx_migrations WHERE version > 30",
                SchemaVersion::Behind(inspect::latest() - 30),
            ),
            (
                "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 30",
                SchemaVersion::Ahead,
            ),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(folder.path(), None).await.expect("opens");
            let mut work = store.begin().await.expect("begins");
            let done = sqlx::query(statement).execute(&mut *work).await;
            done.expect("executes");
            commit(work).await.expect("commits");
            let found = inspect_data(folder.path(), None, false).await;
            let found = found.database.expect("readable").expect("a database");
            assert_eq!((found.schema, found.relays), (expected, None));
        }
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_a_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("postern.db");
        fs::write(
            &file,
            "no database, but long enough to have a header of SQLite",
        )
        .expect("written");
        let found = unchanged(folder.path()).await;
        assert!(found.database.is_err(), "{found:?}");
    }
}
