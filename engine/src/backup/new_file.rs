//! A file that appears under its name once it is whole, and never in the place of another.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::error::BackupError;

/// The end of the name of a file that is being written. A process that is killed leaves it behind.
const UNFINISHED: &str = "unfinished";

/// The errors of a file system that has no links.
const EPERM: i32 = Errno::EPERM as i32;
const EOPNOTSUPP: i32 = Errno::EOPNOTSUPP as i32;

/// A file that is being written, readable by its owner only. It is removed when it is dropped.
pub struct NewFile {
    path: PathBuf,
    folder: PathBuf,
    unfinished: PathBuf,
}

impl NewFile {
    /// Creates an empty file beside `path`, with a name of its own.
    ///
    /// # Errors
    /// [`BackupError::Exists`], [`BackupError::NoName`], and [`BackupError::File`] where the folder cannot
    /// be written.
    pub fn create(path: &Path) -> Result<Self, BackupError> {
        if path.file_name().is_some() && fs::symlink_metadata(path).is_ok() {
            return Err(BackupError::Exists(path.to_owned()));
        }
        Self::beside(path)
    }

    /// As [`NewFile::create`], where a file may have the name.
    ///
    /// # Errors
    /// [`BackupError::NoName`], and [`BackupError::File`] where the folder cannot be written.
    pub fn beside(path: &Path) -> Result<Self, BackupError> {
        let name = path.file_name();
        let name = name.ok_or_else(|| BackupError::NoName(path.to_owned()))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.{UNFINISHED}", ulid::Ulid::new()));
        let unfinished = folder.join(hidden);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options
            .open(&unfinished)
            .map_err(|error| BackupError::File(path.to_owned(), error))?;
        Ok(Self {
            path: path.to_owned(),
            folder,
            unfinished,
        })
    }

    /// Where it is written.
    pub fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Whether another one is to have the same name in the same folder.
    pub fn has_name_of(&self, other: &Self) -> bool {
        let folder = |file: &Self| fs::canonicalize(&file.folder).ok();
        self.path.file_name() == other.path.file_name() && folder(self) == folder(other)
    }

    /// Gives it its name, once it is synced to disk.
    ///
    /// # Errors
    /// [`BackupError::Exists`] where another file got this name meanwhile; [`BackupError::File`].
    pub fn publish(self) -> Result<(), BackupError> {
        self.publish_by(name_new)
    }

    /// As [`NewFile::publish`], in the place of the file that has the name.
    ///
    /// # Errors
    /// [`BackupError::File`].
    pub fn replace(self) -> Result<(), BackupError> {
        self.publish_by(|from, to| fs::rename(from, to))
    }

    fn publish_by(
        &self,
        name: impl FnOnce(&Path, &Path) -> io::Result<()>,
    ) -> Result<(), BackupError> {
        let failed = |error| BackupError::File(self.path.clone(), error);
        let synced = File::open(&self.unfinished).and_then(|file| file.sync_all());
        synced.map_err(failed)?;
        match name(&self.unfinished, &self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(BackupError::Exists(self.path.clone()));
            }
            named => named.map_err(failed)?,
        }
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After it was published there is none.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// Gives a file another name, unless another file has it. In contrast to a rename, a link does not replace a file.
fn name_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // A file system without links, as on a USB stick.
        Err(error) if matches!(error.raw_os_error(), Some(EPERM | EOPNOTSUPP)) => {
            rename_new(from, to)
        }
        linked => linked.and_then(|()| fs::remove_file(from)),
    }
}

/// Renames a file, unless another file has the name.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

    let renamed = renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE);
    renamed.map_err(io::Error::from)
}

/// Where the system cannot rename without replacing.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rename_new(_from: &Path, _to: &Path) -> io::Result<()> {
    let text = "its file system has no links; name a file on another one";
    Err(io::Error::new(ErrorKind::Unsupported, text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries
            .map(|entry| name(entry.expect("an entry")))
            .collect()
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup");
        let file = NewFile::create(&path).expect("creates");
        let mode = fs::metadata(file.unfinished())
            .expect("exists")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        fs::write(file.unfinished(), "whole").expect("writes");
        assert!(!path.exists());
        file.publish().expect("publishes");
        assert_eq!(fs::read_to_string(&path).expect("exists"), "whole");
        assert_eq!(names(folder.path()), ["backup"]);
    }

    #[test]
    fn a_file_that_is_not_finished_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = NewFile::create(&folder.path().join("backup")).expect("creates");
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn no_file_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup");
        let early = NewFile::create(&path).expect("creates");
        fs::write(&path, "another").expect("writes");
        assert!(matches!(early.publish(), Err(BackupError::Exists(_))));
        assert!(matches!(
            NewFile::create(&path),
            Err(BackupError::Exists(_))
        ));
        assert_eq!(fs::read_to_string(&path).expect("exists"), "another");
        assert_eq!(names(folder.path()), ["backup"]);
        let nameless = NewFile::create(Path::new("/"));
        assert!(matches!(nameless, Err(BackupError::NoName(_))));
    }

    /// As on a file system without links.
    #[test]
    fn a_rename_overwrites_nothing_either() {
        let folder = tempfile::tempdir().expect("a folder");
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        fs::write(&from, "new").expect("writes");
        fs::write(&to, "old").expect("writes");
        let refused = rename_new(&from, &to).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).expect("exists"), "old");
        fs::remove_file(&to).expect("removes");
        rename_new(&from, &to).expect("renames");
        assert_eq!(names(folder.path()), ["to"]);
    }
}
