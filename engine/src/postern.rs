//! The one service behind every door.

use std::path::PathBuf;
use std::sync::Arc;

use domain::jwe::Jwk;
use domain::{Refusal, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use rsa::RsaPrivateKey;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::Clock;
use crate::accounts::{Hasher, KnownTokens, Throttle, Window};
use crate::outbox::Outbox;
use crate::smtp::{AddressPolicy, Dialer, DialerError};
use crate::store::{Store, StoreError};
use crate::vault::{BrowserKeys, Vault, VaultError};

/// What Postern is opened with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The data folder: the SQLite file and `keys/`. It must exist.
    pub data: PathBuf,
    /// `postgres://…`; none for SQLite in the data folder.
    pub database: Option<String>,
    /// Starts although a key is lost that values are sealed with.
    pub accept_lost_keys: bool,
    /// Which addresses relays may have.
    pub relays: AddressPolicy,
    /// Where people reach the console, as a test mail names it.
    pub public_url: String,
    /// Mail is kept and not sent until it is released, whatever the switch in the console says.
    pub hold_mail: bool,
    pub clock: Clock,
    /// A pair for browsers to begin with, instead of making one: tests share one.
    pub browser_key: Option<RsaPrivateKey>,
}

/// Why Postern does not open: a person at the command line reads it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database cannot be opened: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Dialer(#[from] DialerError),
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// The service that every door calls: server functions, REST, the command line. Cheap to clone.
#[derive(Clone)]
pub struct Postern(Arc<Inner>);

struct Inner {
    clock: Clock,
    store: Store,
    vault: Vault,
    browser_keys: BrowserKeys,
    dialer: Dialer,
    hasher: Hasher,
    throttle: Throttle,
    tokens: KnownTokens,
    tests: Window,
    diagnoses: Window,
    diagnosis_places: Arc<Semaphore>,
    outbox: Arc<Outbox>,
    setup: Mutex<Option<String>>,
    public_url: String,
}

impl Postern {
    /// Opens the database and the keys, and brings the tables up to date.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let store = Store::open(&config.data, config.database.as_deref()).await?;
        let now = config.clock.now();
        let folder = config.data.join("keys");
        let vault = Vault::open(&folder, &store, now, config.accept_lost_keys).await?;
        let outbox = Outbox::new(store.clone(), config.clock.clone(), config.hold_mail);
        let postern = Self(Arc::new(Inner {
            clock: config.clock,
            store,
            outbox: Arc::new(outbox),
            vault,
            browser_keys: BrowserKeys::default(),
            dialer: Dialer::new(config.relays)?,
            hasher: Hasher::default(),
            throttle: Throttle::default(),
            tokens: KnownTokens::default(),
            tests: Window::a_minute(6),
            diagnoses: Window::a_minute(12),
            diagnosis_places: Arc::new(Semaphore::new(4)),
            setup: Mutex::default(),
            public_url: config.public_url,
        }));
        if let Some(key) = config.browser_key {
            postern
                .0
                .browser_keys
                .add(postern.store(), postern.vault(), now, key)
                .await?;
        }
        Ok(postern)
    }

    /// The public key that browsers seal passwords for.
    pub async fn browser_key(&self) -> Result<Jwk, Refusal> {
        self.0
            .browser_keys
            .public(self.store(), self.vault(), self.now())
            .await
    }

    /// Waits for what is under way in the database, and closes it.
    pub async fn close(&self) {
        self.0.store.close().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// A moment to measure waits with, whatever the time of day is put to.
    pub(crate) fn monotonic(&self) -> Instant {
        self.0.clock.monotonic()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn browser_keys(&self) -> &BrowserKeys {
        &self.0.browser_keys
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.0.dialer
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn known_tokens(&self) -> &KnownTokens {
        &self.0.tokens
    }

    pub(crate) fn test_window(&self) -> &Window {
        &self.0.tests
    }

    /// Diagnoses and probes of one person.
    pub(crate) fn diagnosis_window(&self) -> &Window {
        &self.0.diagnoses
    }

    /// Diagnoses and probes at the same time, of everybody.
    pub(crate) fn diagnosis_places(&self) -> &Arc<Semaphore> {
        &self.0.diagnosis_places
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.0.outbox
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// The digest of the one-time setup token, while there is one.
    pub(crate) fn setup(&self) -> MutexGuard<'_, Option<String>> {
        self.0.setup.lock()
    }
}
