//! The data folder: private to its owner, locked by the process that serves it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
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
    #[error("others may write to {0}; make it private with: chmod go-w {0}")]
    WritableFile(PathBuf),
    #[error("{0} is not a regular file; remove it")]
    NotAFile(PathBuf),
    #[error("{0} is not a folder; remove it")]
    NotAFolder(PathBuf),
    #[error(
        "{path} does not belong to {owner}, the owner of the data folder; change that with: chown -R {owner} {folder}"
    )]
    NotOfOwner {
        path: PathBuf,
        owner: Uid,
        folder: PathBuf,
    },
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

/// The bits of a mode that let group or others write.
const OTHERS_WRITE: u32 = 0o022;

/// The file that is locked by the process that serves.
const LOCK: &str = "lock";

/// The file that is locked by the process that delivers.
const DELIVERY_LOCK: &str = "delivery.lock";

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
    if metadata.is_dir() && metadata.mode() & OTHERS_WRITE != 0 {
        return Err(DataFolderError::Writable(folder));
    }
    let owner = Uid::from_raw(metadata.uid());
    if owner != getuid() {
        become_owner(&folder, owner, Gid::from_raw(metadata.gid()))?;
    }
    check_writable(&folder)?;
    check_content(&folder, owner)?;
    Ok(folder)
}

/// The path of the folder without a link, as it is. When run by root, this process switches to its
/// owner, so that no file in it belongs to root. To be called before any thread is started.
pub fn locate(folder: &Path) -> Result<PathBuf, DataFolderError> {
    umask(Mode::from_bits_truncate(0o077));
    let Ok(folder) = folder.canonicalize() else {
        return Ok(folder.to_owned());
    };
    let metadata = fs::metadata(&folder);
    let metadata = metadata.map_err(|error| DataFolderError::Unusable(folder.clone(), error))?;
    let owner = Uid::from_raw(metadata.uid());
    if getuid().is_root() && !owner.is_root() {
        become_owner(&folder, owner, Gid::from_raw(metadata.gid()))?;
    }
    Ok(folder)
}

/// Checks what [`prepare`] requires of a folder, without changing it.
///
/// # Errors
/// What [`prepare`] would refuse.
pub fn check(folder: &Path) -> Result<(), DataFolderError> {
    let unusable = |error| DataFolderError::Unusable(folder.to_owned(), error);
    let metadata = match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(DataFolderError::Missing(folder.to_owned()));
        }
        found => found.map_err(unusable)?,
    };
    if !metadata.is_dir() {
        return Err(DataFolderError::NotAFolder(folder.to_owned()));
    }
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(DataFolderError::Writable(folder.to_owned()));
    }
    let owner = Uid::from_raw(metadata.uid());
    if owner != getuid() {
        let user = User::from_uid(owner).ok().flatten();
        let name = user.map_or_else(|| format!("uid {owner}"), |user| user.name);
        return Err(DataFolderError::NotOurs(folder.to_owned(), name));
    }
    check_content(folder, owner)
}

/// The files of postern in the folder.
const FILES: &[&str] = &[
    LOCK,
    DELIVERY_LOCK,
    "postern.db",
    "postern.db-wal",
    "postern.db-shm",
    "postern.db-journal",
];

/// Checks that the files and the folder of keys belong to `owner` alone. Functions that open
/// links refuse them.
fn check_content(folder: &Path, owner: Uid) -> Result<(), DataFolderError> {
    for name in FILES.iter().chain(&["keys"]) {
        let path = folder.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(DataFolderError::Unusable(folder.to_owned(), error)),
            Ok(metadata) if metadata.is_symlink() => continue,
            Ok(metadata) => metadata,
        };
        if *name == "keys" && !metadata.is_dir() {
            return Err(DataFolderError::NotAFolder(path));
        }
        if *name != "keys" && !metadata.is_file() {
            return Err(DataFolderError::NotAFile(path));
        }
        if metadata.uid() != owner.as_raw() {
            let folder = folder.to_owned();
            return Err(DataFolderError::NotOfOwner {
                path,
                owner,
                folder,
            });
        }
        if metadata.mode() & OTHERS_WRITE != 0 {
            return Err(DataFolderError::WritableFile(path));
        }
    }
    Ok(())
}

/// Fails early where the folder is not writable.
fn check_writable(folder: &Path) -> Result<(), DataFolderError> {
    let name = format!(".write-{}", std::process::id());
    create_file(folder, &name)?;
    let removed = fs::remove_file(folder.join(name));
    removed.map_err(|error| DataFolderError::Unusable(folder.to_owned(), error))
}

/// Creates a file in the folder, or empties the one that is there. Links are not followed: they may
/// lead to any file of the user that postern runs as. Opening a FIFO does not wait for its other end.
fn create_file(folder: &Path, name: &str) -> Result<File, DataFolderError> {
    let path = folder.join(name);
    let unusable = |error| DataFolderError::Unusable(folder.to_owned(), error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    let file = match options.open(&path) {
        Ok(file) => file,
        Err(error) => {
            return Err(match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ELOOP) => DataFolderError::Link(path),
                Some(Errno::ENXIO | Errno::EISDIR) => DataFolderError::NotAFile(path),
                _ => unusable(error),
            });
        }
    };
    match file.metadata().map_err(unusable)?.is_file() {
        true => Ok(file),
        false => Err(DataFolderError::NotAFile(path)),
    }
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
    lock_file(folder, LOCK, DataFolderError::InUse)
}

/// Locks the folder against delivery by another process until the file is dropped.
pub fn lock_delivery(folder: &Path) -> Result<File, DataFolderError> {
    lock_file(folder, DELIVERY_LOCK, DataFolderError::Delivers)
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nix::unistd::mkfifo;

    use super::*;

    fn data() -> (tempfile::TempDir, Uid) {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("postern.db"), "").expect("written");
        fs::create_dir(folder.path().join("keys")).expect("a folder");
        (folder, getuid())
    }

    #[test]
    fn what_others_may_write_is_refused_with_the_repair() {
        for (name, mode, refused) in [
            ("postern.db", 0o666, true),
            ("postern.db-wal", 0o660, true),
            ("postern.db-shm", 0o602, true),
            ("lock", 0o620, true),
            ("postern.db", 0o600, false),
            ("postern.db", 0o644, false),
            ("keys", 0o777, true),
            ("keys", 0o700, false),
        ] {
            let (folder, owner) = data();
            let path = folder.path().join(name);
            if !path.exists() {
                fs::write(&path, "").expect("written");
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
            let checked = check_content(folder.path(), owner).map_err(|error| error.to_string());
            let repair = format!("chmod go-w {}", path.display());
            match checked {
                Ok(()) => assert!(!refused, "{name} {mode:o}"),
                Err(text) => assert!(refused && text.ends_with(&repair), "{text}"),
            }
        }
    }

    #[test]
    fn what_belongs_to_another_user_is_refused_with_the_repair() {
        let (folder, owner) = data();
        let other = Uid::from_raw(owner.as_raw() + 1);
        let refused = check_content(folder.path(), other).expect_err("of another user");
        let repair = format!("chown -R {other} {}", folder.path().display());
        assert!(refused.to_string().ends_with(&repair), "{refused}");
    }

    /// Opening a FIFO without `O_NONBLOCK` waits for its other end.
    #[test]
    fn a_file_that_is_not_regular_is_refused_at_once() {
        for name in FILES {
            let (folder, owner) = data();
            let path = folder.path().join(name);
            let _ = fs::remove_file(&path);
            mkfifo(&path, Mode::S_IRWXU).expect("a FIFO");
            let refused = check_content(folder.path(), owner);
            let is_fifo = |error| matches!(error, Some(DataFolderError::NotAFile(_)));
            assert!(is_fifo(refused.err()), "{name}");
            assert!(is_fifo(create_file(folder.path(), name).err()), "{name}");
            let _reader = OpenOptions::new().read(true).write(true).open(&path);
            assert!(is_fifo(create_file(folder.path(), name).err()), "{name}");
        }
        let (folder, owner) = data();
        let keys = folder.path().join("keys");
        fs::remove_dir(&keys).expect("removed");
        fs::write(&keys, "").expect("written");
        let refused = check_content(folder.path(), owner);
        assert!(matches!(refused, Err(DataFolderError::NotAFolder(_))));
    }
}
