//! Key files: `<kid>.key` with 256 bits in base64url, readable by their owner only.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::crypto::jwe::ContentKey;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::error::VaultError;

/// Suffix of a key file, after the id of the key.
const SUFFIX: &str = ".key";
/// Suffix of a file that is being written. A crash may leave one behind.
const UNFINISHED: &str = ".unfinished";

/// Removes unfinished files that a crash left behind. The caller makes sure that no other process
/// creates keys at the same time.
///
/// # Errors
/// [`VaultError::File`] if the folder cannot be read or a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> Result<(), VaultError> {
    for path in paths(folder)? {
        if stem(&path, UNFINISHED).is_some() {
            fs::remove_file(&path).map_err(|error| VaultError::File(path, error))?;
        }
    }
    Ok(())
}

/// The files in the folder; none if the folder does not exist.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let failed = |error| VaultError::File(folder.to_owned(), error);
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.is_symlink() => return Err(VaultError::Link(folder.to_owned())),
        Ok(_) => {}
    }
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed));
    paths.collect()
}

/// The file of a key.
pub fn path(folder: &Path, kid: &str) -> PathBuf {
    folder.join(format!("{kid}{SUFFIX}"))
}

/// The name of a file without this suffix; `None` if it does not have it.
fn stem<'a>(path: &'a Path, suffix: &str) -> Option<&'a str> {
    path.file_name()?.to_str()?.strip_suffix(suffix)
}

/// Reads all keys in the folder, by their ids. A folder that does not exist has none. A file that does not
/// hold a key is logged and left out.
///
/// # Errors
/// [`VaultError::File`] if a file cannot be read, [`VaultError::Link`] if it or the folder is a link, and
/// [`VaultError::Exposed`] if group or others have any access to it.
pub fn read(folder: &Path) -> Result<HashMap<String, ContentKey>, VaultError> {
    let mut keys = HashMap::new();
    for path in paths(folder)? {
        let Some(kid) = stem(&path, SUFFIX) else {
            continue;
        };
        match read_key(&path) {
            Ok(key) => {
                keys.insert(kid.to_owned(), key);
            }
            Err(VaultError::NotAKey(path)) => {
                tracing::error!(file = %path.display(), "this is not a key file; restore it from a backup");
            }
            // Another process retires the key, and deletes its file after it was listed.
            Err(VaultError::File(_, error)) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

/// Reads the key with an id; `None` where there is no such file.
///
/// # Errors
/// As [`read`], and [`VaultError::NotAKey`] if the file does not hold a key.
pub fn read_one(folder: &Path, kid: &str) -> Result<Option<ContentKey>, VaultError> {
    // Ids come with values from outside as well, and are no paths.
    if kid.is_empty() || !kid.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let failed = |error| VaultError::File(folder.to_owned(), error);
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.is_symlink() => return Err(VaultError::Link(folder.to_owned())),
        Ok(_) => {}
    }
    match read_key(&path(folder, kid)) {
        Ok(key) => Ok(Some(key)),
        Err(VaultError::File(_, error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes the file of a key, if there is one.
///
/// # Errors
/// [`VaultError::File`] if it cannot be deleted.
pub fn remove(folder: &Path, kid: &str) -> Result<(), VaultError> {
    let path = path(folder, kid);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(VaultError::File(path, error)),
        _ => Ok(()),
    }
}

/// Reads a key file after checking its permissions.
fn read_key(path: &Path) -> Result<ContentKey, VaultError> {
    let failed = |error| VaultError::File(path.to_owned(), error);
    let mut options = OpenOptions::new();
    // Opening a FIFO does not wait for its other end.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    options.read(true).custom_flags(flags.bits());
    let mut file = options
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == Errno::ELOOP as i32 => VaultError::Link(path.to_owned()),
            _ => failed(error),
        })?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(VaultError::NotAKey(path.to_owned()));
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let bytes = BASE64URL.decode(text.trim()).map(Zeroizing::new);
    let mut key = ContentKey::default();
    match bytes {
        Ok(bytes) if bytes.len() == key.len() => key.copy_from_slice(&bytes),
        _ => return Err(VaultError::NotAKey(path.to_owned())),
    }
    Ok(key)
}

/// Generates a key and returns it with its id, once it is synced to disk.
///
/// # Errors
/// [`VaultError::File`] if the folder or the file cannot be written.
pub fn create(folder: &Path) -> Result<(String, ContentKey), VaultError> {
    let kid = ulid::Ulid::new().to_string();
    let mut key = ContentKey::default();
    OsRng.fill_bytes(key.as_mut());
    write(folder, &kid, &key)?;
    Ok((kid, key))
}

/// Writes the file of a key, and syncs it to disk. The file appears under its name once it is complete.
///
/// # Errors
/// [`VaultError::File`] if the folder or the file cannot be written.
pub fn write(folder: &Path, kid: &str, key: &ContentKey) -> Result<(), VaultError> {
    let path = path(folder, kid);
    let unfinished = folder.join(format!("{kid}{UNFINISHED}"));
    let failed = |error| VaultError::File(path.clone(), error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    let text = Zeroizing::new(BASE64URL.encode(key.as_ref()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(failed)?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    }

    #[test]
    fn a_key_is_read_back_from_a_private_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("keys");
        assert!(read(&folder).expect("no folder, no keys").is_empty());

        let (kid, key) = create(&folder).expect("a key");
        let path = folder.join(format!("{kid}{SUFFIX}"));
        let mode = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
        assert!(key.iter().any(|byte| *byte != 0));
        fs::write(folder.join("readme.txt"), "no key").expect("written");
        let keys = read(&folder).expect("keys");
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[&kid].as_ref(), key.as_ref());

        for mode in [0o640, 0o604, 0o610, 0o601, 0o620] {
            set_mode(&path, mode);
            let refused = read(&folder).err();
            assert!(
                matches!(refused, Some(VaultError::Exposed(_))),
                "{mode:o}: {refused:?}"
            );
        }
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [keys, other] = ["keys", "other"].map(|name| folder.path().join(name));
        let (kid, _) = create(&other).expect("a key");
        let file = format!("{kid}{SUFFIX}");
        fs::create_dir(&keys).expect("a folder");
        symlink(other.join(&file), keys.join(&file)).expect("a link");
        let refused = read(&keys).err();
        assert!(matches!(refused, Some(VaultError::Link(_))), "{refused:?}");
        fs::remove_file(keys.join(&file)).expect("removed");
        fs::remove_dir(&keys).expect("removed");
        symlink(&other, &keys).expect("a link");
        let refused = read(&keys).err();
        assert!(matches!(refused, Some(VaultError::Link(_))), "{refused:?}");
    }

    #[test]
    fn a_file_without_256_bits_is_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("01JD.key");
        for text in [String::new(), "no!".to_owned(), BASE64URL.encode([7; 31])] {
            fs::write(&path, &text).expect("written");
            set_mode(&path, 0o600);
            let refused = read_one(folder.path(), "01JD").err();
            assert!(matches!(refused, Some(VaultError::NotAKey(_))), "{text:?}");
            assert!(read(folder.path()).expect("no keys").is_empty(), "{text:?}");
        }
        fs::remove_file(&path).expect("removed");
        mkfifo(&path, Mode::S_IRWXU).expect("a FIFO");
        let refused = read_one(folder.path(), "01JD").err();
        assert!(matches!(refused, Some(VaultError::NotAKey(_))), "a FIFO");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, BASE64URL.encode([7; 32]) + "\n").expect("written");
        set_mode(&path, 0o600);
        assert_eq!(read(folder.path()).expect("a key").len(), 1);
        remove(folder.path(), "01JD").expect("removed");
        remove(folder.path(), "01JD").expect("nothing to remove");
        assert!(read(folder.path()).expect("no keys").is_empty());
    }

    #[test]
    fn an_id_is_no_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let (kid, _) = create(folder.path()).expect("a key");
        let below = folder.path().join("below");
        fs::create_dir(&below).expect("a folder");
        assert!(read_one(folder.path(), &kid).expect("a key").is_some());
        for other in [format!("../{kid}"), String::new(), "01JD".to_owned()] {
            let found = read_one(&below, &other).expect("no such file");
            assert!(found.is_none(), "{other:?}");
        }
    }
}
