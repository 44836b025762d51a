//! The vault: seals and unseals secrets at rest. No code outside this module handles a key.

mod browser;
mod check;
mod copies;
mod error;
mod files;
mod key_prefix;
mod node;
mod transfer;

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use domain::crypto::jwe::{self, Algorithm, ContentKey, Header, Token};
use domain::{SecretString, Timestamp};
use parking_lot::RwLock;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub use browser::{BROWSER_KEY_BITS, BrowserKeys};
pub use check::check as check_keys;
pub use copies::KeyCopies;
pub use error::VaultError;
pub(crate) use key_prefix::{KEY_PREFIX, kid_of};
pub(crate) use node::KeyNode;
pub use transfer::{ExportKey, ImportKey};

use key_prefix::key_prefix;

use crate::store::keys::{self, SealingKey, folders};
use crate::store::{Store, commit};

/// A sealed value cannot be decrypted: its key is lost, or it was altered or moved to another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsealError;

/// Whether the vault has a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// It has it.
    Held,
    /// There is no file.
    Missing,
    /// The file holds another key, or none that can be used.
    Wrong,
}

/// A key that was made, by the names that the database has of it.
pub(crate) struct GeneratedKey {
    pub kid: String,
    pub fingerprint: String,
}

/// The keys for secrets at rest. Values are JWE in compact serialisation (RFC 7516), bound to their
/// row by scope and label in the header.
pub struct Vault {
    node: KeyNode,
    ring: RwLock<KeyRing>,
}

/// The keys that were read.
struct KeyRing {
    keys: HashMap<String, ContentKey>,
    /// The id of the key that seals; the others only unseal.
    sealing: String,
    /// How many keys in use are lost or damaged.
    lacking: usize,
    /// The keys that are held and whose files are gone.
    without_file: BTreeSet<String>,
}

impl Vault {
    /// Reads the keys in the folder of `node`, and generates one if none of them is in use. Keys that the
    /// database uses and that are lost or damaged are logged: what they sealed does not open.
    ///
    /// A node is refused whose folder lacks the key that other nodes seal with, as it would seal with one
    /// that they do not have. With `accept_lost_keys` it starts nevertheless.
    ///
    /// # Errors
    /// [`VaultError::Lost`] if the key of the other nodes is missing, [`VaultError::Damaged`] if its file
    /// holds another; [`VaultError::File`], [`VaultError::Exposed`] and [`VaultError::Link`] as for reading
    /// key files; [`VaultError::Store`] if the database fails.
    pub async fn open(
        node: KeyNode,
        store: &Store,
        now: Timestamp,
        accept_lost_keys: bool,
    ) -> Result<Self, VaultError> {
        let folder = node.folder.as_path();
        // If several nodes start on a new database at once, one generates the key. The others find
        // it in the folder if they share that as well.
        let mut work = store.begin_on_sealing_keys().await?;
        files::remove_unfinished(folder)?;
        let mut keys = files::read(folder)?;
        let known = keys::sealing(&mut work).await?;
        let mut newest = None;
        let mut sealing = None;
        let mut lacking = 0;
        for key in known.iter().filter(|key| key.retired_at.is_none()) {
            let fault = match keys.get(&key.kid).map(fingerprint) {
                None => Some(VaultError::Lost {
                    folder: folder.to_owned(),
                    kid: key.kid.clone(),
                }),
                Some(found) if key.fingerprint.as_ref().is_some_and(|it| *it != found) => {
                    keys.remove(&key.kid);
                    Some(VaultError::Damaged(files::path(folder, &key.kid)))
                }
                Some(found) => {
                    if key.fingerprint.is_none() {
                        keys::set_fingerprint(&mut work, &key.kid, &found).await?;
                    }
                    None
                }
            };
            if !key.is_active() {
                continue;
            }
            match fault {
                None if sealing.is_none() => sealing = Some(key.kid.clone()),
                None => {}
                Some(fault) => {
                    lacking += 1;
                    tracing::error!(
                        kid = key.kid,
                        "the file of this key is lost or damaged; restore it, or enter again what it sealed"
                    );
                    if newest.is_none() && sealing.is_none() {
                        newest = Some((key.kid.clone(), fault));
                    }
                }
            }
        }
        if let Some((kid, fault)) = newest
            && !accept_lost_keys
            && !store.is_local()
        {
            let own = node.with([]);
            let folders = folders::seen(&mut work, now).await?;
            if folders
                .iter()
                .any(|other| !other.is_at(&own) && other.has(&kid))
            {
                return Err(fault);
            }
        }
        let sealing = match sealing {
            Some(kid) => kid,
            None => {
                let (kid, key) = files::create(folder)?;
                keys::add_sealing(&mut work, &kid, &fingerprint(&key), now).await?;
                keys::activate(&mut work, &kid, now).await?;
                keys.insert(kid.clone(), key);
                kid
            }
        };
        // A database of this machine has one folder.
        if !store.is_local() {
            folders::write(&mut work, &node.with(keys.keys().cloned()), now).await?;
        }
        commit(work).await?;
        let ring = KeyRing {
            keys,
            sealing,
            lacking,
            without_file: BTreeSet::new(),
        };
        Ok(Self {
            node,
            ring: RwLock::new(ring),
        })
    }

    /// The folder of this node with the keys that are held.
    pub(crate) fn key_folder(&self) -> folders::KeyFolder {
        self.node.with(self.ring.read().keys.keys().cloned())
    }

    /// The id of the key that seals.
    pub(crate) fn sealing(&self) -> String {
        self.ring.read().sealing.clone()
    }

    /// Generates a key and writes its file. It seals nothing yet.
    ///
    /// # Errors
    /// [`VaultError::File`] if the file cannot be written.
    pub(crate) fn make_key(&self) -> Result<GeneratedKey, VaultError> {
        let (kid, key) = files::create(&self.node.folder)?;
        let fingerprint = fingerprint(&key);
        self.ring.write().keys.insert(kid.clone(), key);
        Ok(GeneratedKey { kid, fingerprint })
    }

    /// Whether this node has a key.
    pub(crate) fn key_file(&self, known: &SealingKey) -> KeyFile {
        if self.ring.read().keys.contains_key(&known.kid) {
            return KeyFile::Held;
        }
        match files::read_one(&self.node.folder, &known.kid) {
            Ok(None) => KeyFile::Missing,
            Ok(Some(key)) if is_it(known, &key) => KeyFile::Held,
            _ => KeyFile::Wrong,
        }
    }

    /// Whether this process has a key that is not in the folder any more, or whose file cannot be used: it is lost
    /// when the process ends.
    pub(crate) fn is_in_memory_only(&self, known: &SealingKey) -> bool {
        let file = files::read_one(&self.node.folder, &known.kid);
        let is_there = matches!(file, Ok(Some(key)) if is_it(known, &key));
        self.has_key(&known.kid) && !is_there
    }

    /// Logs the keys that are held and whose files are gone, once until their files are back.
    fn report_without_file(&self, known: &[SealingKey]) {
        let present = known.iter().filter(|key| key.retired_at.is_none());
        let gone = present.filter(|key| self.is_in_memory_only(key));
        let gone: BTreeSet<String> = gone.map(|key| key.kid.clone()).collect();
        let before = std::mem::replace(&mut self.ring.write().without_file, gone.clone());
        for kid in gone.difference(&before) {
            tracing::error!(
                kid,
                "the file of this key is gone or damaged, and this process has the key in memory only: restore \
                 the file before the process ends, or rotate the keys"
            );
        }
    }

    /// Follows the database: reads key files that are new or restored, deletes those of retired keys, and
    /// seals with the newest active key from now on. `known` are all keys, newest first. Returns whether a
    /// key that was lost or damaged is back.
    ///
    /// A retired key stays while it seals here, as this node has no newer one, and while it is in `referred`:
    /// values refer to it nevertheless.
    pub(crate) fn refresh(&self, known: &[SealingKey], referred: &BTreeSet<String>) -> bool {
        let folder = &self.node.folder;
        for key in known {
            let is_held = self.has_key(&key.kid);
            let is_used = self.sealing() == key.kid || referred.contains(&key.kid);
            if key.retired_at.is_some() && !is_used {
                let removed = files::remove(folder, &key.kid);
                if is_held {
                    self.ring.write().keys.remove(&key.kid);
                    // Once, though it is tried again.
                    if let Err(error) = removed {
                        tracing::error!(%error, "the file of a retired key cannot be deleted");
                    }
                }
            } else if !is_held
                && let Ok(Some(read)) = files::read_one(folder, &key.kid)
                && is_it(key, &read)
            {
                tracing::info!(kid = key.kid, "the file of a key was read");
                self.ring.write().keys.insert(key.kid.clone(), read);
            }
        }
        self.report_without_file(known);
        let mut ring = self.ring.write();
        let active = || known.iter().filter(|key| key.is_active());
        if let Some(newest) = active().find(|key| ring.keys.contains_key(&key.kid)) {
            ring.sealing.clone_from(&newest.kid);
        }
        let absent = active().filter(|key| !ring.keys.contains_key(&key.kid));
        let lacking = absent.count();
        std::mem::replace(&mut ring.lacking, lacking) > lacking
    }

    /// The first characters of the values of every key that only unseals.
    pub(crate) fn other_prefixes(&self) -> Vec<String> {
        let ring = self.ring.read();
        let others = ring.keys.keys().filter(|kid| **kid != ring.sealing);
        // Other files in the folder than those that Postern made seal nothing.
        let prefixes = others.map(|kid| key_prefix(kid));
        prefixes
            .filter(|prefix| prefix.len() == KEY_PREFIX)
            .collect()
    }

    /// Seals a value anew, for the row that it belongs to; `None` if it does not open.
    pub(crate) fn reseal(&self, sealed: &str) -> Option<String> {
        let Header { scope, label, .. } = sealed.parse::<Token>().ok()?.header;
        let (scope, label) = (scope?, label?);
        let value = self.unseal_bytes(&scope, &label, sealed).ok()?;
        Some(self.seal(&scope, &label, &value))
    }

    /// Whether this process has the key with this id.
    pub fn has_key(&self, kid: &str) -> bool {
        self.ring.read().keys.contains_key(kid)
    }

    /// Seals a value for the row `scope`, `label`.
    pub fn seal(&self, scope: &str, label: &str, value: &[u8]) -> String {
        let ring = self.ring.read();
        let header = Header::direct(&ring.sealing, scope, label);
        jwe::seal(&header, &[], &ring.keys[&ring.sealing], value, &mut OsRng)
            .expect("AES-GCM seals anything under 64 GiB")
    }

    /// Unseals a value that was sealed for the row `scope`, `label`.
    ///
    /// # Errors
    /// [`UnsealError`] if the value belongs to another row, was altered, or its key is lost.
    pub fn unseal(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<SecretString, UnsealError> {
        let bytes = self.unseal_bytes(scope, label, sealed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| UnsealError)?;
        Ok(SecretString::new(text))
    }

    fn unseal_bytes(
        &self,
        scope: &str,
        label: &str,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let token: Token = sealed.parse().map_err(|_| UnsealError)?;
        let header = &token.header;
        let belongs = header.alg == Algorithm::Direct
            && header.scope.as_deref() == Some(scope)
            && header.label.as_deref() == Some(label)
            && token.encrypted_key.is_empty();
        if !belongs {
            return Err(UnsealError);
        }
        let kid = header.kid.clone();
        if let Some(key) = self.ring.read().keys.get(&kid) {
            return token.open(key).map_err(|_| UnsealError);
        }
        // Another node may have made the key, or a person restored its file.
        let found = files::read_one(&self.node.folder, &kid);
        let key = found.ok().flatten().ok_or(UnsealError)?;
        let opened = token.open(&key).map_err(|_| UnsealError)?;
        self.ring.write().keys.insert(kid, key);
        Ok(opened)
    }
}

/// Whether a key that was read is the one that the database knows.
fn is_it(known: &SealingKey, key: &ContentKey) -> bool {
    let expected = known.fingerprint.as_ref();
    expected.is_none_or(|expected| *expected == fingerprint(key))
}

/// A part of the SHA-256 of a key. It reveals nothing about 256 random bits.
fn fingerprint(key: &ContentKey) -> String {
    BASE64URL.encode(&Sha256::digest(key.as_ref())[..12])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    async fn opened(folder: &Path) -> Vault {
        let store = Store::open(folder, None).await.expect("a database");
        let node = KeyNode::new("gate", folder.join("keys"));
        let vault = Vault::open(node, &store, Timestamp(0), false).await;
        vault.expect("a vault")
    }

    #[tokio::test]
    async fn a_value_opens_for_its_own_row_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = opened(folder.path()).await;
        let sealed = vault.seal("scope", "label", b"secret");
        let unsealed = vault.unseal("scope", "label", &sealed);
        assert_eq!(unsealed.expect("its own").expose(), "secret");
        assert!(vault.unseal("scope", "other", &sealed).is_err());
        assert!(vault.unseal("other", "label", &sealed).is_err());

        // RFC 7518 section 4.5: with `dir` the encrypted key is empty.
        let with_key = sealed.replacen("..", ".AAAA.", 1);
        assert_ne!(with_key, sealed);
        assert!(vault.unseal("scope", "label", &with_key).is_err());

        let other = tempfile::tempdir().expect("a folder");
        let stranger = opened(other.path()).await;
        assert!(stranger.unseal("scope", "label", &sealed).is_err());
    }

    #[tokio::test]
    async fn each_lost_key_that_is_back_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = opened(folder.path()).await;
        let lost: Vec<(String, ContentKey)> = ["one", "two"]
            .map(|name| files::create(&folder.path().join(name)).expect("a key"))
            .into();
        let known: Vec<SealingKey> = lost
            .iter()
            .map(|(kid, key)| SealingKey {
                kid: kid.clone(),
                created_at: Timestamp(0),
                fingerprint: Some(fingerprint(key)),
                activated_at: Some(Timestamp(0)),
                retired_at: None,
            })
            .collect();
        let refresh = || vault.refresh(&known, &BTreeSet::new());
        assert!(!refresh(), "both are lost");
        for (kid, key) in &lost {
            files::write(&folder.path().join("keys"), kid, key).expect("written");
            assert!(refresh(), "it is back");
            assert!(!refresh(), "nothing changed since");
        }
    }

    #[tokio::test]
    async fn key_files_left_half_written_are_removed_at_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let sealed = opened(folder.path())
            .await
            .seal("scope", "label", b"secret");
        let keys = folder.path().join("keys");
        let left = keys.join("01JD.unfinished");
        std::fs::write(&left, "half a k").expect("written");

        let vault = opened(folder.path()).await;
        assert!(!left.exists());
        assert!(vault.unseal("scope", "label", &sealed).is_ok());
        assert_eq!(std::fs::read_dir(&keys).expect("a folder").count(), 1);
    }
}
