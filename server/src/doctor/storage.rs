//! Checks of the data folder, the keys, the database and the disk.

use std::path::Path;

use engine::{Inspection, SchemaVersion};
use nix::sys::statvfs::statvfs;

use super::finding::Finding;
use crate::process::data_folder::{self, DataFolderError};

const MIB: u64 = 1024 * 1024;

/// So many times the reserve is a comfortable amount of free space.
const COMFORTABLE: u64 = 4;

pub fn data_folder(folder: &Path) -> Finding {
    const CHECK: &str = "data folder";
    match data_folder::check(folder) {
        Ok(()) => Finding::ok(
            CHECK,
            format!("only its owner can write to {}", folder.display()),
        ),
        Err(DataFolderError::Missing(folder)) => Finding::warning(
            CHECK,
            format!("{} does not exist", folder.display()),
            "start postern serve, which makes it, or name another with --data",
        ),
        Err(error) => {
            let repair = "name the folder with --data, and run postern as its owner";
            Finding::of_error(CHECK, &error.to_string(), repair)
        }
    }
}

pub fn keys(inspection: &Inspection) -> Finding {
    const CHECK: &str = "keys";
    match (&inspection.keys, &inspection.database) {
        (Ok(number), Ok(Some(_))) => {
            Finding::ok(CHECK, format!("{number}, readable by their owner only"))
        }
        (Ok(0), Ok(None)) => Finding::ok(CHECK, "none yet: the first start makes one"),
        (Ok(number), _) => Finding::ok(CHECK, format!("{number}, not compared with a database")),
        (Err(error), _) => {
            let repair = "restore the folder of keys from a backup";
            Finding::of_error(CHECK, error, repair)
        }
    }
}

/// The tables, and for SQLite its file.
pub fn database(inspection: &Inspection, is_sqlite: bool) -> Vec<Finding> {
    const CHECK: &str = "database";
    let found = match &inspection.database {
        Ok(Some(found)) => found,
        Ok(None) => {
            return vec![Finding::ok(CHECK, "none yet: the first start makes it")];
        }
        Err(error) => {
            let repair = match is_sqlite {
                true => "restore postern.db from a backup, or give it back to its owner",
                false => "start PostgreSQL, or correct POSTERN_DATABASE",
            };
            return vec![Finding::of_error(CHECK, error, repair)];
        }
    };
    let mut findings = vec![match found.schema {
        SchemaVersion::Current => Finding::ok(CHECK, "reachable, with the tables of this version"),
        SchemaVersion::Behind(number) => Finding::warning(
            CHECK,
            format!("reachable; {number} migrations are not applied"),
            "make a backup; the next start of postern serve applies them",
        ),
        SchemaVersion::Ahead => Finding::fault(
            CHECK,
            "a newer version of postern made its tables",
            "install that version, or restore a backup from before it",
        ),
    }];
    if is_sqlite {
        findings.push(integrity(found.damage.as_deref()));
    }
    findings
}

fn integrity(damage: Option<&[String]>) -> Finding {
    const CHECK: &str = "integrity";
    match damage {
        Some([]) => Finding::ok(CHECK, "the file of the database is not damaged"),
        Some([first, ..]) => Finding::fault(
            CHECK,
            format!("the file of the database is damaged: {first}"),
            "stop postern, and restore postern.db from a backup",
        ),
        None => Finding::warning(
            CHECK,
            "the file of the database is too large to be checked in 20 s",
            "check a copy of it with: sqlite3 postern.db 'PRAGMA quick_check'",
        ),
    }
}

/// The free space of the disk, of which `minfree` octets are a reserve.
pub fn disk(folder: &Path, minfree: u64) -> Finding {
    const CHECK: &str = "disk";
    let found = folder.ancestors().find(|folder| folder.is_dir());
    match statvfs(found.unwrap_or(Path::new("."))) {
        Ok(disk) => free_space(disk.blocks_available() * disk.fragment_size(), minfree),
        Err(error) => Finding::fault(
            CHECK,
            format!("{}: {error}", folder.display()),
            "mount the disk of the data folder",
        ),
    }
}

fn free_space(free: u64, minfree: u64) -> Finding {
    const CHECK: &str = "disk";
    let text = format!("{} MiB are free", free / MIB);
    if free <= minfree {
        let text = format!("{text}, and mail is refused below {} MiB", minfree / MIB);
        return Finding::fault(CHECK, text, "free some space, or lower --queue-minfree");
    }
    if free < COMFORTABLE * minfree {
        let text = format!("{text}; mail is refused below {} MiB", minfree / MIB);
        return Finding::warning(CHECK, text, "free some space soon");
    }
    Finding::ok(CHECK, text)
}

#[cfg(test)]
mod tests {
    use engine::DatabaseFindings;

    use super::super::finding::FindingState;
    use super::*;

    #[test]
    fn free_space_is_compared_with_the_reserve() {
        for (free, minfree, expected) in [
            (10, 64, FindingState::Fault),
            (64, 64, FindingState::Fault),
            (100, 64, FindingState::Warning),
            (256, 64, FindingState::Ok),
            (0, 0, FindingState::Fault),
            (1, 0, FindingState::Ok),
        ] {
            let finding = free_space(free * MIB, minfree * MIB);
            assert_eq!(finding.state, expected, "{free} {minfree}");
        }
    }

    #[test]
    fn a_database_has_a_version_and_no_damage() {
        let of = |schema, damage: Option<Vec<String>>| Inspection {
            database: Ok(Some(DatabaseFindings {
                schema,
                damage,
                clock_difference: None,
                relays: None,
            })),
            keys: Ok(1),
        };
        let damaged = vec!["row 7 missing from index a".to_owned()];
        for (inspection, is_sqlite, expected) in [
            (
                of(SchemaVersion::Current, Some(Vec::new())),
                true,
                &[FindingState::Ok, FindingState::Ok][..],
            ),
            (
                of(SchemaVersion::Behind(2), None),
                true,
                &[FindingState::Warning, FindingState::Warning],
            ),
            (
                of(SchemaVersion::Ahead, Some(damaged)),
                true,
                &[FindingState::Fault, FindingState::Fault],
            ),
            (of(SchemaVersion::Current, None), false, &[FindingState::Ok]),
            (
                Inspection {
                    database: Err("PostgreSQL at db:5432: refused".to_owned()),
                    keys: Ok(1),
                },
                false,
                &[FindingState::Fault],
            ),
        ] {
            let found = database(&inspection, is_sqlite);
            let states: Vec<FindingState> = found.iter().map(|finding| finding.state).collect();
            assert_eq!(states, expected, "{found:?}");
            assert_eq!(keys(&inspection).state, FindingState::Ok);
        }
    }
}
