//! The engine, opened: the struct of services that every interface calls.

use std::path::PathBuf;
use std::sync::Arc;

use domain::Refusal;
use domain::settings::smtp_environment::ReadEnvironment;
use rsa::RsaPrivateKey;
use tokio::sync::Notify;

use crate::Clock;
use crate::account_mail::AccountMail;
use crate::accounts::{Accounts, HashCost, RelyingParty};
use crate::audit::Audit;
use crate::delivery::{Delivery, DeliveryServices, LastTurn};
use crate::diagnosis::{Diagnosis, DiagnosisServices};
use crate::domains::{DomainServices, Domains, LastDkimSigners};
use crate::figures::FigureReader;
use crate::health::{Health, HealthServices};
use crate::home::{Home, HomeServices};
use crate::interfaces::Interfaces;
use crate::keys::{KeyServices, SealingKeys};
use crate::limits::Limits;
use crate::notifications::{NotificationServices, Notifications};
use crate::outbox::{DiskSpace, Hold, LiveFeed, Outbox, OutboxServices};
use crate::policy::Policy;
use crate::readiness::Readiness;
use crate::senders::Senders;
use crate::settings::{Relays, Settings};
use crate::smtp::{AddressPolicy, Dialer, DialerError, PublicAddresses};
use crate::store::database::transport;
use crate::store::{Store, StoreError};
use crate::vault::{BrowserKeys, KeyNode, Vault, VaultError};

/// What Postern is opened with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The data folder: the SQLite file and `keys/`. It must exist.
    pub data: PathBuf,
    /// `postgres://…`; `None` for SQLite in the data folder.
    pub database: Option<String>,
    /// Allows a database on another machine without verified TLS.
    pub database_insecure: bool,
    /// Starts although other nodes on the database seal with a key that this one does not have.
    pub accept_lost_keys: bool,
    /// Which addresses relays may have.
    pub relays: AddressPolicy,
    /// Which addresses the relays of accounts may have, beside that.
    pub account_relays: PublicAddresses,
    /// Where people reach the console, as a test mail names it.
    pub public_url: String,
    /// The name of this machine.
    pub host: String,
    /// Pauses delivery in all processes on the database from the start until [`Postern::close`].
    pub hold_mail: bool,
    /// The settings that variables of the process give the first relay. `None` leaves those that another process
    /// recorded in force.
    pub environment: Option<ReadEnvironment>,
    /// The octets that stay free on the disk of an SQLite database: with less, no mail is accepted.
    pub queue_minfree: u64,
    /// The clock of all services; tests set it.
    pub clock: Clock,
    /// A key pair for browsers to begin with, instead of a generated one: tests share one.
    pub browser_key: Option<RsaPrivateKey>,
    /// What hashes of new passwords cost; tests of other things lower it.
    pub hash_cost: HashCost,
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

impl OpenError {
    /// Whether PostgreSQL cannot be reached or takes no connection yet, so that it can be tried again.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Store(error) | Self::Vault(VaultError::Store(error)) => error.is_away(),
            _ => false,
        }
    }
}

/// The services that every interface calls: HTTP, sockets, SMTP, the command line. Cheap to clone.
#[derive(Clone)]
pub struct Postern(Arc<Services>);

struct Services {
    store: Store,
    audit: Audit,
    keys: Arc<BrowserKeys>,
    sealing_keys: SealingKeys,
    settings: Settings,
    relays: Relays,
    policy: Policy,
    limits: Limits,
    figures: FigureReader,
    accounts: Accounts,
    account_mail: AccountMail,
    senders: Senders,
    domains: Domains,
    diagnosis: Diagnosis,
    health: Health,
    outbox: Arc<Outbox>,
    feed: LiveFeed,
    delivery: Delivery,
    notifications: Notifications,
    home: Home,
    interfaces: Interfaces,
    readiness: Readiness,
}

impl Postern {
    /// Opens the database and the key files, brings the tables up to date, and makes the services.
    ///
    /// # Errors
    /// [`OpenError`] where the database, the keys or the resolver cannot be used.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        let clock = config.clock;
        let address = config.database.as_deref();
        if let Some(address) = address
            && !config.database_insecure
        {
            transport::check(address)?;
        }
        let store = Store::open(&config.data, address).await?;
        let node = KeyNode::new(config.host.as_str(), config.data.join("keys"));
        let vault = Vault::open(node, &store, clock.now(), config.accept_lost_keys).await?;
        let vault = Arc::new(vault);
        let keys = BrowserKeys::new(store.clone(), clock.clone(), vault.clone());
        let keys = Arc::new(keys);
        if let Some(key) = config.browser_key {
            keys.add(key).await?;
        }
        let dialer = Dialer::new(config.relays)?;
        let account_dialer = dialer.limited_to(config.account_relays);
        let (audit, refusals) = Audit::start(store.clone(), clock.clone(), &config.host);
        let sealing_keys = SealingKeys::new(KeyServices {
            store: store.clone(),
            clock: clock.clone(),
            audit: audit.clone(),
            vault: vault.clone(),
            browser: keys.clone(),
        });
        let accounts = Accounts::new(
            store.clone(),
            clock.clone(),
            audit.clone(),
            vault.clone(),
            RelyingParty::of(&config.public_url),
            config.hash_cost,
        );
        let settings = Settings::new(
            store.clone(),
            clock.clone(),
            vault.clone(),
            keys.clone(),
            audit.clone(),
        );
        let mut hold_mail = config.hold_mail;
        if let Some(environment) = &config.environment {
            settings.record_environment(environment).await?;
            hold_mail |= environment.settings.holds_mail;
        }
        let relays = Relays::new(store.clone(), audit.clone(), settings.clone());
        let policy = Policy::new(store.clone(), audit.clone(), settings.clone());
        let limits = Limits::new(
            store.clone(),
            clock.clone(),
            accounts.clone(),
            audit.clone(),
            settings.clone(),
        );
        let figures = FigureReader::new(store.clone(), clock.clone());
        let dkim_signers = Arc::new(LastDkimSigners::new(vault.clone()));
        let domains = Domains::new(DomainServices {
            store: store.clone(),
            clock: clock.clone(),
            audit: audit.clone(),
            vault: vault.clone(),
            settings: settings.clone(),
            dns: Arc::new(dialer.clone()),
        });
        let diagnosis = Diagnosis::new(
            DiagnosisServices {
                store: store.clone(),
                clock: clock.clone(),
                accounts: accounts.clone(),
                audit: audit.clone(),
                settings: settings.clone(),
                domains: domains.clone(),
                dkim_signers: dkim_signers.clone(),
                dialer: dialer.clone(),
                account_dialer: account_dialer.clone(),
            },
            &config.public_url,
        );
        let reported = Arc::<Notify>::default();
        let health = Health::new(HealthServices {
            store: store.clone(),
            clock: clock.clone(),
            audit: audit.clone(),
            settings: settings.clone(),
            relays: relays.clone(),
            dialer: dialer.clone(),
            account_dialer: account_dialer.clone(),
            reported: reported.clone(),
        });
        let hold = match hold_mail {
            true => Some(Hold::begin(store.clone(), clock.clone(), config.host.clone()).await?),
            false => None,
        };
        let disk_space = store
            .is_local()
            .then(|| DiskSpace::new(config.data, config.queue_minfree));
        let outbox = Outbox::start(
            OutboxServices {
                store: store.clone(),
                clock: clock.clone(),
                audit: audit.clone(),
                refusals,
                settings: settings.clone(),
                dkim_signers,
                hold,
                disk_space,
                events_queued: reported.clone(),
            },
            &config.public_url,
        );
        let account_mail = AccountMail::new(accounts.clone(), outbox.clone(), &config.public_url);
        let senders = Senders::new(
            store.clone(),
            clock.clone(),
            audit.clone(),
            settings.clone(),
            accounts.clone(),
            outbox.clone(),
            &config.public_url,
        );
        let feed = LiveFeed::new(accounts.clone(), outbox.clone(), clock.clone());
        let last_turn = Arc::<LastTurn>::default();
        let readiness = Readiness::new(
            store.clone(),
            clock.clone(),
            vault.clone(),
            last_turn.clone(),
        );
        let notifications = Notifications::new(
            NotificationServices {
                store: store.clone(),
                clock: clock.clone(),
                audit: audit.clone(),
                vault,
                health: health.clone(),
                outbox: outbox.clone(),
                dialer: dialer.clone(),
                account_dialer: account_dialer.clone(),
                added: reported,
            },
            &config.public_url,
        );
        let home = Home::new(HomeServices {
            clock: clock.clone(),
            accounts: accounts.clone(),
            settings: settings.clone(),
            relays: relays.clone(),
            outbox: outbox.clone(),
            health: health.clone(),
            keys: sealing_keys.clone(),
        });
        let interfaces = Interfaces::new(clock.clone(), audit.clone());
        let delivery = Delivery::new(DeliveryServices {
            store: store.clone(),
            clock,
            relays: relays.clone(),
            dialer,
            account_dialer,
            outbox: outbox.clone(),
            host: config.host.into(),
            last_turn,
        });
        Ok(Self(Arc::new(Services {
            store,
            audit,
            keys,
            sealing_keys,
            settings,
            relays,
            policy,
            limits,
            figures,
            accounts,
            account_mail,
            senders,
            domains,
            diagnosis,
            health,
            outbox,
            feed,
            delivery,
            notifications,
            home,
            interfaces,
            readiness,
        })))
    }

    /// Settings of the first relay, and by their ids those of others; revisions, trusted certificates.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The list of relays: their order, From domains and limits.
    pub fn relays(&self) -> &Relays {
        &self.0.relays
    }

    /// What accounts may do, and what is required of them.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Limits of what accounts and API tokens send.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What was accepted, delivered, deferred and failed, by hour and day.
    pub fn figures(&self) -> &FigureReader {
        &self.0.figures
    }

    /// Sign-in, passwords, sessions and API tokens, and their administration.
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Invitations and password resets.
    pub fn account_mail(&self) -> &AccountMail {
        &self.0.account_mail
    }

    /// The addresses and domains that accounts may send from.
    pub fn senders(&self) -> &Senders {
        &self.0.senders
    }

    /// From domains: their checks over DNS, and the keys of DKIM.
    pub fn domains(&self) -> &Domains {
        &self.0.domains
    }

    /// Test mails, diagnoses and probes.
    pub fn diagnosis(&self) -> &Diagnosis {
        &self.0.diagnosis
    }

    /// The health of relays, and their checks.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// The keys that browsers seal passwords for.
    pub fn keys(&self) -> &BrowserKeys {
        &self.0.keys
    }

    /// The keys of stored secrets and of browsers: their list, rotation and retirement.
    pub fn sealing_keys(&self) -> &SealingKeys {
        &self.0.sealing_keys
    }

    /// Acceptance of messages, queries on them, and acts of administrators.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.0.outbox
    }

    /// Feeds of the outbox, for live views.
    pub fn feed(&self) -> &LiveFeed {
        &self.0.feed
    }

    /// Delivery of messages to the relay.
    pub fn delivery(&self) -> &Delivery {
        &self.0.delivery
    }

    /// Webhooks, and mail about changes of the health of relays.
    pub fn notifications(&self) -> &Notifications {
        &self.0.notifications
    }

    /// Whether mail can leave, what failed recently, and what is to be done first.
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// The open interfaces of this process, and the last use of each.
    pub fn interfaces(&self) -> &Interfaces {
        &self.0.interfaces
    }

    /// Whether this process can accept and deliver mail now.
    pub fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    /// Ends the hold of [`Config::hold_mail`], records counted refusals and opens, waits for running statements, and closes the database.
    pub async fn close(&self) {
        self.0.outbox.end_act().await;
        self.0.outbox.end_hold().await;
        self.0.outbox.write_opens().await;
        self.0.audit.flush().await;
        self.0.store.close().await;
    }
}
