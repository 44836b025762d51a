//! Errors of backups, restorations and moves.

use std::io;
use std::path::PathBuf;

use domain::Refusal;

use crate::store::StoreError;
use crate::store::database::snapshot::SnapshotFault;
use crate::store::transfer::TransferError;
use crate::vault::VaultError;

/// Why nothing was backed up, restored or moved. The texts are displayed at the command line.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// The file to write is there.
    #[error("{0} exists already and is not overwritten; name another file")]
    Exists(PathBuf),
    /// The path to write to has no name.
    #[error("{0} does not name a file")]
    NoName(PathBuf),
    /// The backup and its keys have the same name.
    #[error("{0} is to have the backup and its keys; name another file for the keys")]
    SameFile(PathBuf),
    /// The data folder has no SQLite file.
    #[error("the data folder {0} has no database; --data names another one")]
    NoDatabase(PathBuf),
    /// The data folder to restore into has other files.
    #[error("the data folder {folder} is not empty, it has {found}; --data names another one")]
    NotEmpty {
        /// The data folder.
        folder: PathBuf,
        /// The name of what is in it.
        found: String,
    },
    /// The copy that was just made is damaged.
    #[error("the database cannot be backed up: {0}")]
    Source(SnapshotFault),
    /// The backup cannot be restored.
    #[error("{file} cannot be restored: {fault}")]
    Backup {
        /// The backup.
        file: PathBuf,
        /// What is wrong with it.
        fault: SnapshotFault,
    },
    /// The keys do not open what the backup holds.
    #[error(
        "the key {0}, which values in the backup are sealed with, is not in the file of keys; name the file \
         that was written with this backup, or add --accept-lost-keys and enter the passwords again"
    )]
    OtherKeys(String),
    /// The database that is to be moved has tables of an earlier version.
    #[error(
        "the database in {0} is of another version of Postern; start and stop postern serve of this version \
         once, which brings it up to date"
    )]
    Earlier(PathBuf),
    /// The database cannot be moved.
    #[error("the database was not moved: {0}")]
    Transfer(#[from] TransferError),
    /// It was interrupted.
    #[error("interrupted; nothing was written")]
    Interrupted,
    /// The key files cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
    /// The actor may not do this.
    #[error("{0}")]
    Refused(#[from] Refusal),
}
