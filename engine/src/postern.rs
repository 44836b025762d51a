//! The engine, opened: the struct of services that every interface calls.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use domain::{Refusal, Timestamp};
use rsa::RsaPrivateKey;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Clock;
use crate::accounts::Accounts;
use crate::audit::Audit;
use crate::diagnosis::Diagnosis;
use crate::outbox::Outbox;
use crate::settings::Settings;
use crate::smtp::{AddressPolicy, Dialer, DialerError};
use crate::store::{Store, StoreError};
use crate::vault::{BrowserKeys, Vault, VaultError};

/// What Postern is opened with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The data folder: the SQLite file and `keys/`. It must exist.
    pub data: PathBuf,
    /// `postgres://…`; `None` for SQLite in the data folder.
    pub database: Option<String>,
    /// Starts although a key is lost that values are sealed with.
    pub accept_lost_keys: bool,
    /// Which addresses relays may have.
    pub relays: AddressPolicy,
    /// Where people reach the console, as a test mail names it.
    pub public_url: String,
    /// Holds all mail until it is released, whether or not delivery is paused in the console.
    pub hold_mail: bool,
    /// The clock of all services; tests set it.
    pub clock: Clock,
    /// A key pair for browsers to begin with, instead of a generated one: tests share one.
    pub browser_key: Option<RsaPrivateKey>,
}

/// Why Postern cannot be opened, for the person at the command line.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database is not there, is locked, or belongs to a newer version.
    #[error("the database cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// The key files cannot be used.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The resolver cannot be set up.
    #[error(transparent)]
    Dialer(#[from] DialerError),
    /// [`Config::browser_key`] cannot be stored.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// The services that every interface calls: HTTP, sockets, SMTP, the command line. Cheap to clone.
#[derive(Clone)]
pub struct Postern(Arc<Services>);

struct Services {
    clock: Clock,
    store: Store,
    dialer: Dialer,
    audit: Audit,
    keys: Arc<BrowserKeys>,
    settings: Settings,
    accounts: Accounts,
    diagnosis: Diagnosis,
    outbox: Arc<Outbox>,
}

impl Postern {
    /// Opens the database and the key files, brings the tables up to date, and makes the services.
    ///
    /// # Errors
    /// [`OpenError`] where the database, the keys or the resolver cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let clock = config.clock;
        let store = Store::open(&config.data, config.database.as_deref()).await?;
        let folder = config.data.join("keys");
        let vault = Vault::open(&folder, &store, clock.now(), config.accept_lost_keys).await?;
        let vault = Arc::new(vault);
        let keys = BrowserKeys::new(store.clone(), clock.clone(), vault.clone());
        let keys = Arc::new(keys);
        if let Some(key) = config.browser_key {
            keys.add(key).await?;
        }
        let dialer = Dialer::new(config.relays)?;
        let audit = Audit::new(store.clone(), clock.clone());
        let settings = Settings::new(
            store.clone(),
            clock.clone(),
            vault,
            keys.clone(),
            audit.clone(),
        );
        let diagnosis = Diagnosis::new(
            store.clone(),
            clock.clone(),
            audit.clone(),
            settings.clone(),
            dialer.clone(),
            &config.public_url,
        );
        let accounts = Accounts::new(store.clone(), clock.clone(), audit.clone());
        let outbox = Outbox::new(
            store.clone(),
            clock.clone(),
            settings.changes(),
            config.hold_mail,
        );
        let outbox = Arc::new(outbox);
        tokio::spawn(follow(settings.changes(), Arc::downgrade(&outbox)));
        Ok(Self(Arc::new(Services {
            clock,
            store,
            dialer,
            audit,
            keys,
            settings,
            accounts,
            diagnosis,
            outbox,
        })))
    }

    /// Settings of the relay, their revisions, trusted certificates.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sign-in, passwords, sessions and API tokens.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Test mails, diagnoses and probes.
    pub fn diagnosis(&self) -> &Diagnosis {
        &self.0.diagnosis
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// The keys that browsers seal passwords for.
    pub fn keys(&self) -> &BrowserKeys {
        &self.0.keys
    }

    /// Waits for running statements, and closes the database.
    pub async fn close(&self) {
        self.0.store.close().await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn monotonic(&self) -> Instant {
        self.0.clock.monotonic()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.0.dialer
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.0.outbox
    }
}

/// Notifies the outbox of every save of the settings, for as long as it exists.
async fn follow(mut saves: watch::Receiver<i64>, outbox: Weak<Outbox>) {
    while saves.changed().await.is_ok() {
        match outbox.upgrade() {
            Some(outbox) => outbox.changed(),
            None => break,
        }
    }
}
