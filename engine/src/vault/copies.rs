//! Copies of all key files in one file, which is kept apart from the backup that they open.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use domain::crypto::jwe::ContentKey;
use zeroize::Zeroizing;

use super::{VaultError, files, is_it};
use crate::store::keys::SealingKey;

/// The beginning of the first line, before the number of keys.
const HEAD: &str = "postern keys 1: ";

/// The octets of a line with a key, at most: its id, and 256 bits in base64url.
const LINE: usize = 128;

/// Copies of keys.
#[derive(Default)]
pub struct KeyCopies(HashMap<String, ContentKey>);

impl fmt::Debug for KeyCopies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl KeyCopies {
    /// Copies all keys in a folder of key files.
    ///
    /// # Errors
    /// [`VaultError`] where a key file cannot be read, or others can read it.
    pub(crate) fn of_folder(folder: &Path) -> Result<Self, VaultError> {
        Ok(Self(files::read(folder)?))
    }

    /// Reads a file that [`KeyCopies::save`] wrote.
    ///
    /// # Errors
    /// [`VaultError::File`] where it cannot be read, [`VaultError::Exposed`] where group or others have
    /// any access to it, and [`VaultError::NotCopies`] where it is not whole.
    pub fn of_file(path: &Path) -> Result<Self, VaultError> {
        let failed = |error| VaultError::File(path.to_owned(), error);
        let mut file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(VaultError::Exposed(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(failed)?;
        parse(&text).ok_or_else(|| VaultError::NotCopies(path.to_owned()))
    }

    /// Writes them into a file that exists.
    ///
    /// # Errors
    /// [`VaultError::File`] where it cannot be written.
    pub(crate) fn save(&self, path: &Path) -> Result<(), VaultError> {
        let failed = |error| VaultError::File(path.to_owned(), error);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(failed)?;
        file.write_all(self.text().as_bytes()).map_err(failed)
    }

    /// The number of keys.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds those of another copy.
    pub(crate) fn add(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether a key is among them.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    /// Whether all keys of another copy are among them.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let mut others = other.0.iter();
        others.all(|(kid, key)| self.0.get(kid).is_some_and(|own| own[..] == key[..]))
    }

    /// The ids of the keys that are not retired, and are not among these or are others.
    pub(crate) fn lacks(&self, in_use: &[SealingKey]) -> Vec<String> {
        let has = |known: &SealingKey| {
            let found = self.0.get(&known.kid);
            found.is_some_and(|found| is_it(known, found))
        };
        let in_use = in_use.iter().filter(|known| known.retired_at.is_none());
        let lacking = in_use.filter(|known| !has(known));
        lacking.map(|known| known.kid.clone()).collect()
    }

    /// Writes a key file for each that is not in the folder.
    ///
    /// # Errors
    /// [`VaultError::Differs`] where a file of this name holds another key, before any is written; those
    /// of reading and writing key files.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<(), VaultError> {
        files::remove_unfinished(folder)?;
        let present = files::read(folder)?;
        for (kid, key) in &self.0 {
            if present.get(kid).is_some_and(|other| other[..] != key[..]) {
                return Err(VaultError::Differs(files::path(folder, kid)));
            }
        }
        let absent = self.0.iter().filter(|(kid, _)| !present.contains_key(*kid));
        for (kid, key) in absent {
            files::write(folder, kid, key)?;
        }
        Ok(())
    }

    /// The text of a file: the number of keys, and a line for each.
    fn text(&self) -> Zeroizing<String> {
        // With its capacity, so that it does not move in memory and leave keys behind.
        let mut text = Zeroizing::new(String::with_capacity(LINE * (self.0.len() + 1)));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{HEAD}{}", self.0.len());
        let mut kids: Vec<&String> = self.0.keys().collect();
        kids.sort();
        for kid in kids {
            let key = Zeroizing::new(BASE64URL.encode(&self.0[kid][..]));
            let _ = writeln!(text, "{kid} {}", *key);
        }
        text
    }
}

/// The keys in the text of a file; `None` where it is not whole.
fn parse(text: &str) -> Option<KeyCopies> {
    let mut lines = text.lines();
    let number: usize = lines.next()?.strip_prefix(HEAD)?.parse().ok()?;
    let mut keys = HashMap::new();
    for line in lines {
        let (kid, key) = line.split_once(' ')?;
        // It becomes the name of a file.
        let is_name = !kid.is_empty() && kid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let octets = Zeroizing::new(BASE64URL.decode(key).ok()?);
        let mut key = ContentKey::default();
        if !is_name || octets.len() != key.len() {
            return None;
        }
        key.copy_from_slice(&octets);
        keys.insert(kid.to_owned(), key);
    }
    (keys.len() == number).then_some(KeyCopies(keys))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::super::fingerprint;
    use super::*;

    /// A folder with two key files, and the copies of them.
    fn copied() -> (tempfile::TempDir, KeyCopies) {
        let folder = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            files::create(folder.path()).expect("a key");
        }
        let copies = KeyCopies::of_folder(folder.path()).expect("readable");
        (folder, copies)
    }

    fn in_use(copies: &KeyCopies) -> Vec<SealingKey> {
        let key = |(kid, key): (&String, &ContentKey)| SealingKey {
            kid: kid.clone(),
            created_at: Timestamp(0),
            fingerprint: Some(fingerprint(key)),
            activated_at: Some(Timestamp(0)),
            retired_at: None,
        };
        copies.0.iter().map(key).collect()
    }

    #[test]
    fn copies_are_written_to_another_folder_once() {
        let (folder, copies) = copied();
        let file = folder.path().join("copies");
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
        copies.save(&file).expect("written");
        let read = KeyCopies::of_file(&file).expect("whole");
        assert_eq!((read.len(), read.lacks(&in_use(&copies))), (2, Vec::new()));

        let other = folder.path().join("other");
        // As a process leaves it that is killed while it writes this key.
        let left = other.join(format!("{}.unfinished", in_use(&copies)[0].kid));
        fs::create_dir(&other).expect("a folder");
        fs::write(&left, "half a k").expect("written");
        for _ in 0..2 {
            read.write_to(&other).expect("the same keys again");
            assert!(!left.exists());
        }
        let found = KeyCopies::of_folder(&other).expect("readable");
        assert!(found.lacks(&in_use(&copies)).is_empty());

        let kid = in_use(&copies).remove(0).kid;
        let (_, stranger) = files::create(folder.path()).expect("a key");
        fs::remove_file(files::path(&other, &kid)).expect("removed");
        files::write(&other, &kid, &stranger).expect("another key");
        let refused = read.write_to(&other);
        assert!(matches!(refused, Err(VaultError::Differs(_))));
        let found = KeyCopies::of_folder(&other).expect("readable");
        assert_eq!(found.lacks(&in_use(&copies)), [kid]);
    }

    #[test]
    fn a_file_that_is_not_whole_is_refused() {
        let (_folder, copies) = copied();
        let whole = copies.text();
        assert!(parse(&whole).is_some());
        for end in 0..whole.len() - 1 {
            assert!(parse(&whole[..end]).is_none(), "{end} octets");
        }
        let key = BASE64URL.encode([7; 32]);
        for text in [
            String::new(),
            format!("{HEAD}1\n../../etc/passwd {key}\n"),
            format!("{HEAD}1\n {key}\n"),
            format!("{HEAD}1\nA c2hvcnQ\n"),
            format!("{HEAD}2\nA {key}\n"),
        ] {
            assert!(parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let (folder, copies) = copied();
        let file = folder.path().join("copies");
        fs::write(&file, "").expect("a file");
        copies.save(&file).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("permissions");
        let refused = KeyCopies::of_file(&file);
        assert!(matches!(refused, Err(VaultError::Exposed(_))));
    }
}
