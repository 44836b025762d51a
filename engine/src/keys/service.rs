//! Keys as administrators see them, and their acts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::crypto::keys::{
    BrowserKeyView, KeysView, SealedCount, SealingKeyState, SealingKeyView, counted,
};
use domain::timestamp::in_words;
use domain::{Kind, Refusal, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::pass::ResealPass;
use crate::audit::{Action, Audit};
use crate::clock::CLOCK_SKEW;
use crate::rate_limit::RateLimit;
use crate::store::keys::folders::{self, KeyFolder};
use crate::store::keys::sealed_columns::{self, PrefixCount, SEALED_COLUMNS};
use crate::store::keys::{self, SealingKey, sealed_values};
use crate::store::relays::routing;
use crate::store::{Connection, Store, StoreError, commit};
use crate::vault::{BrowserKeys, GeneratedKey, KEY_PREFIX, KeyFile, Vault, kid_of};
use crate::{Actor, Clock};

/// How long after a key began to seal the one before can be retired: until then other processes may seal
/// with that one.
const SETTLING: Duration = Duration::from_secs(15);

/// What the service uses.
pub(crate) struct KeyServices {
    pub store: Store,
    pub clock: Clock,
    pub audit: Audit,
    pub vault: Arc<Vault>,
    pub browser: Arc<BrowserKeys>,
}

/// The keys service: the keys of stored secrets, and the pairs of browsers. Cheap to clone.
#[derive(Clone)]
pub struct SealingKeys {
    pub(super) store: Store,
    pub(super) clock: Clock,
    audit: Audit,
    pub(super) vault: Arc<Vault>,
    pub(super) browser: Arc<BrowserKeys>,
    /// Limits the keys that each actor makes to 6 a minute.
    rotations: Arc<RateLimit>,
    pub(super) pass: Arc<tokio::sync::Mutex<ResealPass>>,
    /// The key files that this node reported last, and when.
    pub(super) reported: Arc<Mutex<Option<(KeyFolder, Instant)>>>,
    /// When the log reminded last.
    pub(super) reminded: Arc<Mutex<Option<Instant>>>,
    /// Wakes the background task.
    pub(super) wake: Arc<Notify>,
}

impl SealingKeys {
    pub(crate) fn new(services: KeyServices) -> Self {
        Self {
            store: services.store,
            clock: services.clock,
            audit: services.audit,
            vault: services.vault,
            browser: services.browser,
            rotations: Arc::new(RateLimit::a_minute(6)),
            pass: Arc::default(),
            reported: Arc::default(),
            reminded: Arc::default(),
            wake: Arc::default(),
        }
    }

    /// All keys with what they seal, for administrators.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for any other actor; if the database fails.
    pub async fn list(&self, actor: &Actor) -> Result<KeysView, Refusal> {
        self.audit
            .administer(actor, Action::ReadKeys, self.read())
            .await
    }

    /// Makes a key that seals from now on, and returns all keys. Where other nodes are on the database, it
    /// seals once each has its file. What other keys sealed is sealed anew in the background.
    ///
    /// # Errors
    /// [`Kind::Conflict`] while a key waits for nodes to have its file; [`Kind::TooMany`] beyond 6 a minute;
    /// [`Kind::Unavailable`] if the file cannot be written; [`Kind::Forbidden`] unless the actor is an
    /// administrator.
    pub async fn rotate(&self, actor: &Actor) -> Result<KeysView, Refusal> {
        let rotated = async {
            self.limit(actor)?;
            let mut work = self.store.begin_on_sealing_keys().await?;
            let known = keys::sealing(&mut work).await?;
            if let Some(waiting) = known.iter().find(|key| key.is_waiting()) {
                let text = format!(
                    "The key {} waits until every node has its file. Copy the file, or retire this key.",
                    waiting.kid
                );
                return Err(Refusal::new(Kind::Conflict, text));
            }
            let GeneratedKey { kid, fingerprint } = self.make_key()?;
            // The newest key seals, also where the clock was set back.
            let now = self.clock.now();
            let made_at = known.first().map_or(now, |newest| {
                now.max(newest.created_at + Duration::from_millis(1))
            });
            keys::add_sealing(&mut work, &kid, &fingerprint, made_at).await?;
            self.report_folder(&mut work, now).await?;
            self.activate_where_everywhere(&mut work, &kid, now).await?;
            self.audit
                .record(&mut work, actor, Action::RotateKeys, kid)
                .await?;
            commit(work).await?;
            self.follow().await?;
            self.wake.notify_one();
            self.read().await
        };
        self.audit
            .administer(actor, Action::RotateKeys, rotated)
            .await
    }

    /// Makes a pair for browsers that is published from now on, and returns all keys. Passwords that were
    /// sealed for the one before are accepted for another hour.
    ///
    /// # Errors
    /// [`Kind::TooMany`] beyond 6 keys a minute; [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn rotate_browser_key(&self, actor: &Actor) -> Result<KeysView, Refusal> {
        let rotated = async {
            self.limit(actor)?;
            let made = self.browser.make().await?;
            let mut work = self.store.begin().await?;
            self.browser.write(&mut work, &made).await?;
            self.audit
                .record(&mut work, actor, Action::RotateKeys, "browser key")
                .await?;
            commit(work).await?;
            self.browser.publish(made).await?;
            self.read().await
        };
        self.audit
            .administer(actor, Action::RotateKeys, rotated)
            .await
    }

    /// Retires a key that seals nothing any more, and returns the others. Every node deletes its file.
    ///
    /// # Errors
    /// [`Kind::NotFound`] under `id`; [`Kind::Conflict`] for the key that seals, within 15 s of another one
    /// sealing, and while a value refers to it; [`Kind::Forbidden`] unless the actor is an administrator.
    pub async fn retire(&self, actor: &Actor, id: &str) -> Result<KeysView, Refusal> {
        let retired = async {
            self.follow().await?;
            let mut work = self.store.begin_on_sealing_keys().await?;
            // A save that keeps a password writes the value back that it read. It ends first.
            routing::lock(&mut work, self.store.for_update()).await?;
            let known = keys::sealing(&mut work).await?;
            let mut present = known.iter().filter(|key| key.retired_at.is_none());
            let key = present.find(|key| key.kid == id).ok_or_else(|| {
                let text =
                    "There is no such key; it may have been retired. Look at the list of keys.";
                Refusal::of(Kind::NotFound, "id", text)
            })?;
            let now = self.clock.now();
            self.must_be_unused(&mut work, &known, key, now).await?;
            keys::retire(&mut work, &key.kid, now).await?;
            self.audit
                .record(&mut work, actor, Action::RetireKey, key.kid.as_str())
                .await?;
            commit(work).await?;
            self.follow().await?;
            self.wake.notify_one();
            self.read().await
        };
        self.audit
            .administer(actor, Action::RetireKey, retired)
            .await
    }

    /// Refuses to retire a key that seals, or that a value refers to.
    async fn must_be_unused(
        &self,
        work: &mut Connection,
        known: &[SealingKey],
        key: &SealingKey,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let refused = |text: String| Err(Refusal::new(Kind::Conflict, text));
        let newest = known.iter().find(|key| key.is_active());
        let is_newest = newest.is_some_and(|newest| newest.kid == key.kid);
        let sealing = self.vault.sealing();
        let folders = folders::seen(work, now).await?;
        // Nodes that have the newest key seal with it.
        let is_held = self.vault.key_file(key) == KeyFile::Held
            || folders.iter().any(|folder| folder.has(&key.kid));
        if sealing == key.kid || (is_newest && is_held) {
            return refused("This key seals new values. Rotate the keys first.".to_owned());
        }
        let successor = known.iter().find(|key| key.kid == sealing);
        let since = successor.and_then(|key| key.activated_at);
        if let Some(since) = since.filter(|_| key.is_active()) {
            if now.saturating_since(since) < SETTLING {
                return refused(format!(
                    "Another key seals only since a few seconds, and a process may not know of it yet. \
                     Try again in {}.",
                    in_words(SETTLING)
                ));
            }
            // A node that reported since has followed the keys before.
            let own = self.vault.key_folder();
            let silent = folders::silent_since(work, since, now).await?;
            if let Some(other) = silent.iter().find(|folder| !folder.is_at(&own)) {
                return refused(format!(
                    "The process of {other} may not know of the new key yet. Try again in a minute."
                ));
            }
        }
        let values = counts(work).await?.remove(&key.kid).unwrap_or_default();
        if values.is_empty() {
            return Ok(());
        }
        let what = counted(&values);
        match self.vault.key_file(key) {
            KeyFile::Held => refused(format!(
                "This key still seals {what}. They are sealed anew in the background; try again later."
            )),
            KeyFile::Missing | KeyFile::Wrong => refused(format!(
                "This key is lost, and it sealed {what}. Restore its file, or enter them again first."
            )),
        }
    }

    /// All keys with what they seal.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn read(&self) -> Result<KeysView, Refusal> {
        let now = self.clock.now();
        let mut connection = self.store.reporting().await?;
        let known = keys::sealing(&mut connection).await?;
        let values = counts(&mut connection).await?;
        let uses = sealed_values::count(&mut connection).await?;
        let without_file = match known.iter().find(|key| key.is_waiting()) {
            Some(waiting) => without_file(&mut connection, &waiting.kid, now).await?,
            None => Vec::new(),
        };
        drop(connection);
        let sealing = self.views(&known, values);
        let pairs = self.browser.list().await?.into_iter().enumerate();
        let browser = pairs.map(|(at, pair)| BrowserKeyView {
            uses: uses.get(&pair.kid).copied().unwrap_or_default(),
            id: pair.kid,
            created_at: pair.created_at,
            is_published: at == 0,
            accepted_until: pair.accepted_until,
        });
        Ok(KeysView {
            sealing,
            browser: browser.collect(),
            without_file,
            now,
        })
    }

    /// The keys of stored secrets with what they seal, newest first, on the connection for metrics.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn sealing_views(&self) -> Result<Vec<SealingKeyView>, StoreError> {
        let mut connection = self.store.metrics().await?;
        let known = keys::sealing(&mut connection).await?;
        let values = counts(&mut connection).await?;
        drop(connection);
        Ok(self.views(&known, values))
    }

    /// The keys that are not retired, and those that values refer to nevertheless.
    fn views(
        &self,
        known: &[SealingKey],
        mut values: BTreeMap<String, Vec<SealedCount>>,
    ) -> Vec<SealingKeyView> {
        let present = known.iter().filter(|key| key.retired_at.is_none());
        let mut sealing: Vec<SealingKeyView> = present
            .map(|key| SealingKeyView {
                id: key.kid.clone(),
                created_at: key.created_at,
                state: self.state(key),
                is_in_memory_only: self.vault.is_in_memory_only(key),
                values: values.remove(&key.kid).unwrap_or_default(),
            })
            .collect();
        // Values may refer to keys that an administrator gave up.
        sealing.extend(values.into_iter().map(|(id, values)| SealingKeyView {
            created_at: made_at(&id),
            state: SealingKeyState::Lost,
            is_in_memory_only: false,
            id,
            values,
        }));
        sealing
    }

    /// The state of a key that is not retired, in this process.
    fn state(&self, key: &SealingKey) -> SealingKeyState {
        match self.vault.key_file(key) {
            _ if key.is_waiting() => SealingKeyState::Waiting,
            KeyFile::Held if self.vault.sealing() == key.kid => SealingKeyState::Active,
            KeyFile::Held => SealingKeyState::Old,
            KeyFile::Missing => SealingKeyState::Lost,
            KeyFile::Wrong => SealingKeyState::Damaged,
        }
    }

    fn limit(&self, actor: &Actor) -> Result<(), Refusal> {
        let text = "At most six keys a minute are made.";
        self.rotations
            .take(actor.name(), self.clock.monotonic(), text)
    }

    fn make_key(&self) -> Result<GeneratedKey, Refusal> {
        self.vault.make_key().map_err(|error| {
            tracing::error!(%error, "a key cannot be made");
            let text = "The file of the new key cannot be written in the folder keys/ of the data folder; \
                        the log says why.";
            Refusal::new(Kind::Unavailable, text)
        })
    }

    /// Reports the key files of this node. A database of this machine has one folder.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn report_folder(
        &self,
        work: &mut Connection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self.store.is_local() {
            true => Ok(()),
            false => folders::write(work, &self.vault.key_folder(), now).await,
        }
    }

    /// Has a key seal if every node has its file.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn activate_where_everywhere(
        &self,
        work: &mut Connection,
        kid: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.store.is_local() || without_file(work, kid, now).await?.is_empty() {
            keys::activate(work, kid, now).await?;
        }
        Ok(())
    }

    /// Follows the keys in the database, and returns them.
    ///
    /// # Errors
    /// Where the database fails.
    pub(super) async fn follow(&self) -> Result<Vec<SealingKey>, StoreError> {
        let mut connection = self.store.read().await?;
        let known = keys::sealing(&mut connection).await?;
        let mut retired = known.iter().filter(|key| key.retired_at.is_some());
        // A node that was away while a key was retired may have sealed values with it since.
        let referred = match retired.any(|key| self.vault.has_key(&key.kid)) {
            true => counts(&mut connection).await?.into_keys().collect(),
            false => BTreeSet::new(),
        };
        drop(connection);
        if self.vault.refresh(&known, &referred) {
            // What opens again is read again: passwords of relays, and keys that sign.
            let mut work = self.store.begin().await?;
            routing::raise(&mut work).await?;
            commit(work).await?;
        }
        self.correct_activation(&known).await?;
        Ok(known)
    }

    /// Sets the activation of keys to now where it lies ahead of the clock, which was set back: the keys before
    /// could not be retired until then.
    async fn correct_activation(&self, known: &[SealingKey]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let latest = now + CLOCK_SKEW;
        let is_ahead = |key: &SealingKey| key.activated_at.is_some_and(|at| at > latest);
        if !known.iter().any(is_ahead) {
            return Ok(());
        }
        let mut work = self.store.begin_on_sealing_keys().await?;
        keys::correct_activation(&mut work, now, latest).await?;
        commit(work).await
    }
}

/// How many values each key seals, by kind.
async fn counts(
    connection: &mut Connection,
) -> Result<BTreeMap<String, Vec<SealedCount>>, StoreError> {
    let mut values: BTreeMap<String, Vec<SealedCount>> = BTreeMap::new();
    for column in &SEALED_COLUMNS {
        let counted = sealed_columns::count(connection, column, KEY_PREFIX).await?;
        for PrefixCount { prefix, number } in counted {
            if let Some(kid) = kid_of(&prefix) {
                let kind = column.kind;
                values
                    .entry(kid)
                    .or_default()
                    .push(SealedCount { kind, number });
            }
        }
    }
    Ok(values)
}

/// The nodes that have no file of a key, by host and folder.
async fn without_file(
    connection: &mut Connection,
    kid: &str,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let folders = folders::seen(connection, now).await?;
    let without = folders.into_iter().filter(|folder| !folder.has(kid));
    Ok(without.map(|folder| folder.to_string()).collect())
}

/// When a key was made, by its id.
fn made_at(kid: &str) -> Timestamp {
    let id = ulid::Ulid::from_string(kid).ok();
    let made = id.and_then(|id| i64::try_from(id.timestamp_ms()).ok());
    Timestamp(made.unwrap_or_default())
}
