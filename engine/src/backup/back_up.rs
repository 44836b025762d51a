//! Backing up: a copy of the SQLite file while it is in use, and one of the keys apart from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::audit::AuditOutcome;
use tokio::task::spawn_blocking;

use super::error::BackupError;
use super::new_file::NewFile;
use crate::audit::{Action, Audit};
use crate::store::database::snapshot::{self, SnapshotCheck};
use crate::store::{Store, StoreError};
use crate::vault::KeyCopies;
use crate::{Actor, Clock};

/// What to back up, and where to.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The data folder.
    pub data: PathBuf,
    /// The file of the backup.
    pub file: PathBuf,
    /// The file of the keys; `None` where they are copied otherwise.
    pub keys: Option<PathBuf>,
    /// The clock of the audit row.
    pub clock: Clock,
    /// The name of this machine, whose chain has the audit row.
    pub host: String,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The octets of the backup.
    pub octets: u64,
    /// The number of keys that were copied.
    pub keys: Option<usize>,
    /// The ids of keys in use that are not among them.
    pub missing_keys: Vec<String>,
    /// Whether the audit log of the database has both rows about it.
    pub recorded: bool,
}

/// Copies the SQLite database of a data folder, which other processes may use meanwhile, and checks the copy. The
/// keys go into a file of their own. Files of these names are not overwritten, but one of keys that has no others,
/// as a process leaves it that is killed between the two files. They appear once they are whole and synced to disk,
/// that of the backup last. The database is not migrated.
///
/// Once `interrupted` is true, it ends with the next MiB and leaves nothing behind.
///
/// # Errors
/// [`BackupError`]: no backup was written, and of the keys a file at most that the next one replaces.
pub async fn back_up(
    request: BackupRequest,
    actor: &Actor,
    interrupted: Arc<AtomicBool>,
) -> Result<BackedUp, BackupError> {
    actor.administers()?;
    let data = request.data.clone();
    if fs::symlink_metadata(snapshot::file_in(&data)).is_err() {
        return Err(BackupError::NoDatabase(data));
    }
    let file = NewFile::create(&request.file)?;
    let folder = data.join("keys");
    // Before and after the copy: the keys of a rotation meanwhile are among them.
    let keys = match &request.keys {
        Some(_) => KeyCopies::of_folder(&folder)?,
        None => KeyCopies::default(),
    };
    let key_file = match &request.keys {
        Some(path) if is_part_of(path, &keys) => Some(NewFile::beside(path)?),
        Some(path) => Some(NewFile::create(path)?),
        None => None,
    };
    if key_file
        .as_ref()
        .is_some_and(|keys| keys.has_name_of(&file))
    {
        return Err(BackupError::SameFile(request.file));
    }
    // Before the copy, so that the backup has this row too.
    let begun = is_recorded(&request, actor, AuditOutcome::Begun).await;
    let made = copy(&request, file, key_file, keys, interrupted).await;
    let outcome = match made {
        Ok(_) => AuditOutcome::Done,
        Err(_) => AuditOutcome::Failed,
    };
    let recorded = begun && is_recorded(&request, actor, outcome).await;
    Ok(BackedUp { recorded, ..made? })
}

/// Copies the database into `file` and the keys into `key_file`. `keys` are those from before.
async fn copy(
    request: &BackupRequest,
    file: NewFile,
    key_file: Option<NewFile>,
    mut keys: KeyCopies,
    interrupted: Arc<AtomicBool>,
) -> Result<BackedUp, BackupError> {
    let (data, target) = (request.data.clone(), file.unfinished().to_owned());
    let now = request.clock.now();
    let copied = blocking(move || {
        let goes_on = || !interrupted.load(Ordering::Relaxed);
        if !snapshot::copy(&data, &target, now, goes_on)? {
            return Err(BackupError::Interrupted);
        }
        snapshot::check(&target, SnapshotCheck::Pages).map_err(BackupError::Source)?;
        let octets =
            fs::metadata(&target).map_err(|error| BackupError::File(target.clone(), error));
        Ok((octets?.len(), snapshot::sealing_keys(&target)?))
    });
    let (octets, in_use) = copied.await?;
    let mut missing_keys = Vec::new();
    let mut number = None;
    if let (Some(key_file), Some(path)) = (key_file, &request.keys) {
        keys.add(KeyCopies::of_folder(&request.data.join("keys"))?);
        missing_keys = in_use.into_iter().filter(|kid| !keys.has(kid)).collect();
        number = Some(keys.len());
        keys.save(key_file.unfinished())?;
        // Another file may have taken the name meanwhile.
        match is_part_of(path, &keys) {
            true => key_file.replace()?,
            false => key_file.publish()?,
        }
    }
    // Where that fails, the keys stay: another backup of the same names may have replaced them by its own meanwhile.
    file.publish()?;
    Ok(BackedUp {
        octets,
        keys: number,
        missing_keys,
        recorded: false,
    })
}

/// Whether there is a file of keys that has none but these, so that nothing is lost where it is replaced.
fn is_part_of(path: &Path, keys: &KeyCopies) -> bool {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file && KeyCopies::of_file(path).is_ok_and(|present| keys.contains(&present))
}

/// Runs work that blocks its thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let done = spawn_blocking(work).await;
    done.map_err(|_| StoreError::from(sqlx::Error::WorkerCrashed))?
}

/// Writes a row of the audit log with this outcome. Returns whether it is there.
async fn is_recorded(request: &BackupRequest, actor: &Actor, outcome: AuditOutcome) -> bool {
    match record(request, actor, outcome).await {
        Ok(recorded) => recorded,
        Err(error) => {
            // A disk that is full or read-only is a reason to make a backup.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the audit log lacks a row about the backup"
            );
            false
        }
    }
}

/// Writes a row of the audit log. Returns `false` for a database of another version, which would be migrated.
async fn record(
    request: &BackupRequest,
    actor: &Actor,
    outcome: AuditOutcome,
) -> Result<bool, StoreError> {
    if !snapshot::is_current(&request.data)? {
        return Ok(false);
    }
    let store = Store::open(&request.data, None).await?;
    let (audit, _refusals) = Audit::start(store.clone(), request.clock.clone(), &request.host);
    let detail = format!("to {}", request.file.display());
    let recorded = audit.record_outcome(actor, Action::BackUp, outcome, detail);
    let recorded = recorded.await;
    store.close().await;
    recorded.map(|()| true)
}
