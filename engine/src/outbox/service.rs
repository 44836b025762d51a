//! The outbox service itself: its parts, its notifications and its ids.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use super::accept::disk_space::DiskSpace;
use super::accept::flow_ids::FlowIds;
use super::accept::known_accounts::KnownAccounts;
use super::accept::reservation::LocalWorker;
use super::actions::bulk::BulkActions;
use super::actions::last_limits::LastLimits;
use super::group_commit::{GroupCommit, write_audit};
use super::hold::Hold;
use super::meter::Meter;
use super::open_tracking::OpenLoads;
use super::queries::turns::Searches;
use super::relays::settings::LastRelaySettings;
#[cfg(feature = "otel")]
use super::spans::MailSpans;
use crate::Clock;
use crate::audit::{Audit, QueuedEntry};
use crate::domains::LastDkimSigners;
use crate::mail::{DefaultSender, DkimSigners, SenderSet};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::accounts::sending_limits::QuotasById;

/// The minimum time between two notifications of other nodes.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(100);

/// What acceptance needs of the settings.
#[derive(Clone)]
pub(super) struct CachedSettings {
    pub read_at: Instant,
    /// The version of the routing that this process had written by then.
    pub written: i64,
    pub accepting: Arc<AcceptanceSettings>,
}

/// The settings that acceptance follows.
pub(super) struct AcceptanceSettings {
    /// The version of the routing before they were read.
    pub version: i64,
    /// The default sender; `None` before the first save.
    pub sender: Option<Arc<DefaultSender>>,
    /// The From domains of rules, whose mail waits in queues of its own.
    pub from_domains: HashSet<String>,
    /// The accounts with a relay of their own, by id, and their default senders.
    pub own: HashMap<String, Arc<DefaultSender>>,
    /// What accounts may send from beside their own addresses, by their ids.
    pub senders: HashMap<String, Arc<SenderSet>>,
    /// The limits of accounts.
    pub limits: QuotasById,
    /// Whether messages may track opens.
    pub open_tracking: bool,
    /// The DKIM keys that sign.
    pub dkim: Arc<DkimSigners>,
}

/// An idempotency key within its account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    pub account: String,
    pub key: String,
}

/// What the service uses.
pub(crate) struct OutboxServices {
    pub store: Store,
    pub clock: Clock,
    pub audit: Audit,
    /// Rows of the audit log that the group commit writes.
    pub refusals: mpsc::Receiver<QueuedEntry>,
    pub settings: Settings,
    pub dkim_signers: Arc<LastDkimSigners>,
    /// Pauses delivery from the start.
    pub hold: Option<Hold>,
    /// Of an SQLite database.
    pub disk_space: Option<DiskSpace>,
    /// Notified when events of webhooks are queued.
    pub events_queued: Arc<Notify>,
}

/// The outbox service.
pub struct Outbox {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) audit: Audit,
    pub(super) settings: Settings,
    pub(super) dkim_signers: Arc<LastDkimSigners>,
    pub(super) group_commit: GroupCommit,
    /// Of an SQLite database.
    pub(super) disk_space: Option<DiskSpace>,
    pub(super) meter: Meter,
    pub(super) searches: Searches,
    pub(super) bulk_actions: BulkActions,
    pub(super) last_limits: LastLimits,
    pub(super) relay_settings: LastRelaySettings,
    /// Delivery is paused from the start, whatever the database says.
    pub(super) hold: Option<Hold>,
    /// Wakes delivery in this process.
    wake: Notify,
    /// Wakes delivery on other nodes.
    notify: Arc<Notify>,
    /// Counts the changes that this process made.
    changes: watch::Sender<u64>,
    /// Idempotency keys of requests under way.
    pub(super) keys_in_flight: Mutex<HashSet<AccountKey>>,
    ids: Mutex<ulid::Generator>,
    pub(super) flow_ids: FlowIds,
    pub(super) known_accounts: KnownAccounts,
    pub(super) cached_settings: Mutex<Option<CachedSettings>>,
    /// The version of the routing that this process wrote last.
    pub(super) saved: watch::Receiver<i64>,
    worker: Mutex<Option<Weak<dyn LocalWorker>>>,
    /// The public URL of Postern, without a slash at its end.
    pub(super) public_url: Arc<str>,
    open_loads: OpenLoads,
    #[cfg(feature = "otel")]
    pub(super) spans: MailSpans,
}

impl Outbox {
    /// Starts the service.
    pub(crate) fn start(services: OutboxServices, public_url: &str) -> Arc<Self> {
        let OutboxServices {
            store,
            clock,
            audit,
            refusals,
            settings,
            dkim_signers,
            hold,
            disk_space,
            events_queued,
        } = services;
        let changes = watch::Sender::new(0);
        let notify = Arc::new(Notify::new());
        if !store.is_local() {
            tokio::spawn(notify_other_nodes(store.clone(), notify.clone()));
        }
        let group_commit = GroupCommit::start(
            store.clone(),
            clock.clone(),
            dkim_signers.clone(),
            hold.is_some(),
            changes.clone(),
            events_queued,
        );
        tokio::spawn(write_audit(group_commit.clone(), refusals));
        let open_loads = OpenLoads::start(store.clone());
        let outbox = Arc::new(Self {
            saved: settings.changes(),
            store,
            clock,
            audit,
            settings,
            dkim_signers,
            group_commit,
            disk_space,
            meter: Meter::default(),
            searches: Searches::default(),
            bulk_actions: BulkActions::default(),
            last_limits: LastLimits::default(),
            relay_settings: LastRelaySettings::default(),
            hold,
            wake: Notify::new(),
            notify,
            changes,
            keys_in_flight: Mutex::default(),
            ids: Mutex::new(ulid::Generator::new()),
            flow_ids: FlowIds::default(),
            known_accounts: KnownAccounts::default(),
            cached_settings: Mutex::default(),
            worker: Mutex::default(),
            public_url: public_url.trim_end_matches('/').into(),
            open_loads,
            #[cfg(feature = "otel")]
            spans: MailSpans::default(),
        });
        let saves = outbox.settings.changes();
        tokio::spawn(follow_settings(saves, Arc::downgrade(&outbox)));
        outbox
    }

    /// Changes whenever this process wrote to the outbox. Other processes on the same database write
    /// too.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The counters of this process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The spans of messages, for traces.
    #[cfg(feature = "otel")]
    pub fn spans(&self) -> &MailSpans {
        &self.spans
    }

    pub(crate) fn group_commit(&self) -> &GroupCommit {
        &self.group_commit
    }

    /// Whether delivery is paused from the start.
    pub(crate) fn hold_mail(&self) -> bool {
        self.hold.is_some()
    }

    /// Ends the hold of this process, at its end.
    pub(crate) async fn end_hold(&self) {
        if let Some(hold) = &self.hold {
            hold.end().await;
        }
    }

    /// Counts a load of the image with this id; it is written within about a second. Ids that are of no
    /// message take as long, and are not written.
    pub fn opened(&self, id: &str) {
        self.open_loads.add(id, self.clock.now());
    }

    /// Writes counted loads of images, at the end of this process.
    pub(crate) async fn write_opens(&self) {
        self.open_loads.flush(&self.store).await;
    }

    /// Waits until there may be messages to deliver, or other settings to deliver them with.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// From now on accepted messages may be leased to this worker at once.
    pub(crate) fn set_local_worker(&self, worker: Weak<dyn LocalWorker>) {
        *self.worker.lock() = Some(worker);
    }

    /// The worker in this process, if there is one.
    pub(super) fn local_worker(&self) -> Option<Arc<dyn LocalWorker>> {
        self.worker.lock().as_ref()?.upgrade()
    }

    /// A ULID with this time, greater than all before it.
    pub(super) fn new_id(&self, now: Timestamp) -> String {
        let since = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let mut ids = self.ids.lock();
        let id = ids.generate_from_datetime(SystemTime::UNIX_EPOCH + since);
        // It fails after 2^80 ids within a millisecond.
        id.unwrap_or_else(|_| ulid::Ulid::new()).to_string()
    }

    /// There may be messages to deliver, here or on another node.
    pub(super) fn wake_delivery(&self) {
        self.wake.notify_one();
        self.notify.notify_one();
    }

    /// Rows, the settings or the pause changed outside the group commit.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
        self.wake_delivery();
    }
}

/// Wakes delivery on other nodes, but not for each message: NOTIFY serialises commits.
async fn notify_other_nodes(store: Store, notify: Arc<Notify>) {
    loop {
        notify.notified().await;
        // After a failure other nodes find the messages when they poll.
        drop(store.notify().await);
        tokio::time::sleep(NOTIFY_INTERVAL).await;
    }
}

/// Wakes delivery after every save of the settings, for as long as the outbox exists.
async fn follow_settings(mut saves: watch::Receiver<i64>, outbox: Weak<Outbox>) {
    while saves.changed().await.is_ok() {
        match outbox.upgrade() {
            Some(outbox) => outbox.changed(),
            None => break,
        }
    }
}
