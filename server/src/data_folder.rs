//! The data folder: private to its owner, locked by the process that serves it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, User, getuid, initgroups, setgid, setgroups, setuid};

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error("the data folder {0} cannot be used: {1}")]
    Unusable(PathBuf, std::io::Error),
    #[error("the data folder {0} does not exist; --data names it")]
    Missing(PathBuf),
    #[error("others may write to the data folder {0}; make it private with: chmod go-w {0}")]
    Writable(PathBuf),
    #[error("{0} is a link, which postern does not follow; remove it")]
    Link(PathBuf),
    #[error("the data folder {0} belongs to {1}; run postern as that user")]
    NotOurs(PathBuf, String),
    #[error("cannot become {1}, the owner of the data folder {0}: {2}")]
    CannotBecome(PathBuf, String, nix::Error),
    #[error("the data folder {0} is in use by another postern serve")]
    InUse(PathBuf),
    #[error(
        "another process delivers the mail in the data folder {0} already; start one of the two with --no-delivery"
    )]
    Delivers(PathBuf),
}

/// Creates the folder if it `may_be_made`, and switches to its owner when run by root, so that no file
/// in it belongs to root. To be called before any thread is started.
pub fn prepare(folder: &Path, may_be_made: bool) -> Result<PathBuf, DataFolderError> {
    let unusable = |error| DataFolderError::Unusable(folder.to_owned(), error);
    // The folder contains password hashes and keys.
    umask(Mode::from_bits_truncate(0o077));
    if !folder.try_exists().map_err(unusable)? {
        if !may_be_made {
            return Err(DataFolderError::Missing(folder.to_owned()));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(unusable)?;
    }
    let folder = folder.canonicalize().map_err(unusable)?;
    let metadata = fs::metadata(&folder).map_err(unusable)?;
    if metadata.is_dir() && metadata.mode() & 0o022 != 0 {
        return Err(DataFolderError::Writable(folder));
    }
    let owner = Uid::from_raw(metadata.uid());
    if owner != getuid() {
        become_owner(&folder, owner, Gid::from_raw(metadata.gid()))?;
    }
    check_writable(&folder)?;
    Ok(folder)
}

/// Fails early where the folder is not writable.
fn check_writable(folder: &Path) -> Result<(), DataFolderError> {
    let name = format!(".write-{}", std::process::id());
    create_file(folder, &name)?;
    let removed = fs::remove_file(folder.join(name));
    removed.map_err(|error| DataFolderError::Unusable(folder.to_owned(), error))
}

/// Creates a file in the folder, or empties the one that is there. Links are not followed: they may
/// lead to any file of the user that postern runs as.
fn create_file(folder: &Path, name: &str) -> Result<File, DataFolderError> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.custom_flags(OFlag::O_NOFOLLOW.bits());
    options
        .open(&path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == Errno::ELOOP as i32 => DataFolderError::Link(path),
            _ => DataFolderError::Unusable(folder.to_owned(), error),
        })
}

fn become_owner(folder: &Path, owner: Uid, group: Gid) -> Result<(), DataFolderError> {
    let user = User::from_uid(owner).ok().flatten();
    let name = user
        .as_ref()
        .map_or_else(|| format!("uid {owner}"), |user| user.name.clone());
    if !getuid().is_root() {
        return Err(DataFolderError::NotOurs(folder.to_owned(), name));
    }
    let groups = match user
        .as_ref()
        .and_then(|user| std::ffi::CString::new(user.name.as_str()).ok())
    {
        Some(name) => initgroups(&name, group),
        None => setgroups(&[group]),
    };
    groups
        .and_then(|()| setgid(group))
        .and_then(|()| setuid(owner))
        .map_err(|error| DataFolderError::CannotBecome(folder.to_owned(), name, error))
}

/// Locks the folder against another `postern serve` until the file is dropped.
pub fn lock(folder: &Path) -> Result<File, DataFolderError> {
    lock_file(folder, "lock", DataFolderError::InUse)
}

/// Locks the folder against delivery by another process until the file is dropped.
pub fn lock_delivery(folder: &Path) -> Result<File, DataFolderError> {
    lock_file(folder, "delivery.lock", DataFolderError::Delivers)
}

fn lock_file(
    folder: &Path,
    name: &str,
    taken: fn(PathBuf) -> DataFolderError,
) -> Result<File, DataFolderError> {
    let file = create_file(folder, name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(taken(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(DataFolderError::Unusable(folder.to_owned(), error)),
    }
}
