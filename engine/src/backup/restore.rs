//! Restoring a backup into a data folder: checked, migrated, sessions ended, delivery paused.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use domain::Timestamp;
use domain::outbox::Pause;
use domain::settings::Stamp;

use super::back_up::blocking;
use super::error::BackupError;
use crate::audit::{Action, Audit};
use crate::store::accounts::{links, pending_logins, sessions};
use crate::store::database::snapshot::{self, SnapshotCheck};
use crate::store::delivery::{pause, workers};
use crate::store::{Store, StoreError, commit, keys};
use crate::vault::KeyCopies;
use crate::{Actor, Clock};

/// The folder in the data folder where a backup is checked and migrated before it is published.
const STAGING: &str = "restore.unfinished";

/// What may be in a data folder that is restored into. Keys may have been copied there before.
const ALLOWED: [&str; 5] = ["keys", "lock", "delivery.lock", "lost+found", STAGING];

/// What to restore, and where to.
#[derive(Debug)]
pub struct RestoreRequest {
    /// The data folder, which the caller has locked.
    pub data: PathBuf,
    /// The backup.
    pub backup: File,
    /// Its name, for errors.
    pub name: PathBuf,
    /// The keys that were copied with it; `None` where the files of the keys are copied otherwise.
    pub keys: Option<KeyCopies>,
    /// Restores although keys are missing that values in the backup are sealed with.
    pub accept_lost_keys: bool,
    /// The clock of the pause and the audit row.
    pub clock: Clock,
    /// The name of this machine, whose chain has the audit row.
    pub host: String,
}

/// A backup that was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The minute in which the backup was made; `None` for a copy that was made otherwise.
    pub made_at: Option<Timestamp>,
    /// The number of migrations that brought its tables up to date.
    pub migrations: i64,
    /// The number of sessions that were ended.
    pub sessions: u64,
    /// The ids of keys that values are sealed with and that are not in the data folder.
    pub missing_keys: Vec<String>,
}

/// Makes a backup the database of a data folder that has none. Its tables are brought up to date, its sessions
/// and links ended, and delivery is paused: what was sent since the backup is still queued in it. The database appears
/// in the folder once it is whole and synced to disk, after its keys.
///
/// # Errors
/// [`BackupError`]: the data folder has no database.
pub async fn restore(request: RestoreRequest, actor: &Actor) -> Result<Restored, BackupError> {
    actor.administers()?;
    let RestoreRequest {
        data,
        mut backup,
        name,
        keys,
        accept_lost_keys,
        clock,
        host,
    } = request;
    check_empty(&data)?;
    let staging = Staging::create(&data)?;
    let file = snapshot::file_in(&staging.0);
    let (target, of_backup) = (file.clone(), name.clone());
    let checked = blocking(move || {
        copy(&mut backup, &target).map_err(|error| BackupError::File(target.clone(), error))?;
        let version = snapshot::check(&target, SnapshotCheck::Whole).map_err(|fault| {
            BackupError::Backup {
                file: of_backup,
                fault,
            }
        })?;
        Ok((version, snapshot::made_at(&target)?))
    });
    let (version, made_at) = checked.await?;

    let store = Store::open(&staging.0, None).await?;
    let schema = snapshot::check_schema(&mut *store.read().await?).await;
    if let Err(fault) = schema {
        store.close().await;
        return Err(BackupError::Backup { file: name, fault });
    }
    let key_folder = data.join("keys");
    let in_use = keys::sealing(&mut *store.read().await?).await?;
    let missing_keys = match &keys {
        Some(keys) => keys.lacks(&in_use),
        None => KeyCopies::of_folder(&key_folder)?.lacks(&in_use),
    };
    if keys.is_some()
        && !accept_lost_keys
        && let Some(kid) = missing_keys.first()
    {
        store.close().await;
        return Err(BackupError::OtherKeys(kid.clone()));
    }
    let now = clock.now();
    let (audit, _refusals) = Audit::start(store.clone(), clock, &host);
    let sessions = prepare(&store, &audit, actor, Pause::by_restore(made_at), now).await?;
    store.close().await;

    blocking(move || {
        snapshot::finish(&file)?;
        if let Some(keys) = keys {
            keys.write_to(&key_folder)?;
        }
        let database = snapshot::file_in(&data);
        let failed = |error| BackupError::File(database.clone(), error);
        // The folder is locked, and had no database.
        fs::rename(&file, &database).map_err(failed)?;
        sync_folder(&data).map_err(failed)
    })
    .await?;
    drop(staging);
    Ok(Restored {
        made_at,
        migrations: snapshot::migrations_since(version),
        sessions,
        missing_keys,
    })
}

/// Ends the sessions and the links of invitations and resets, and pauses delivery. Returns the number of sessions.
async fn prepare(
    store: &Store,
    audit: &Audit,
    actor: &Actor,
    by: String,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut work = store.begin().await?;
    let ended = sessions::end_every(&mut work).await?;
    pending_logins::remove_all(&mut work).await?;
    // One that was used since would be valid again.
    links::remove_every(&mut work).await?;
    // Those of processes that used the database before.
    workers::forget(&mut work, None, now).await?;
    let stamp = Stamp { at: now, by };
    // The reason of a pause before would hide this one.
    pause::write(&mut work, None).await?;
    pause::write(&mut work, Some(&stamp)).await?;
    let detail = format!("delivery paused, {ended} sessions ended");
    audit
        .record(&mut work, actor, Action::Restore, detail)
        .await?;
    commit(work).await?;
    Ok(ended)
}

/// Refuses a data folder with a database, or with anything that is not Postern's.
fn check_empty(data: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::File(data.to_owned(), error);
    for entry in fs::read_dir(data).map_err(failed)? {
        let found = entry.map_err(failed)?.file_name();
        // What a process left that was killed while it tried whether the folder can be written.
        let is_probe = found.to_string_lossy().starts_with(".write-");
        if !is_probe && !ALLOWED.iter().any(|allowed| found == *allowed) {
            return Err(BackupError::NotEmpty {
                folder: data.to_owned(),
                found: found.to_string_lossy().into_owned(),
            });
        }
    }
    Ok(())
}

/// Copies a backup to a new file, which its owner alone can read.
fn copy(backup: &mut File, target: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(target)?;
    io::copy(backup, &mut file)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder of a restoration. It is removed when it is dropped; a process that is killed leaves it to the next
/// restoration.
struct Staging(PathBuf);

impl Staging {
    fn create(data: &Path) -> Result<Self, BackupError> {
        let folder = data.join(STAGING);
        let failed = |error| BackupError::File(folder.clone(), error);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        Ok(Self(folder))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is left is removed by the next restoration.
        let _ = fs::remove_dir_all(&self.0);
    }
}
