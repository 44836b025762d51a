//! The outbox: mail that was handed over is kept, delivered and accounted for.
//!
//! `accept` takes mail in (`crate::mail` checks it and makes its bytes), `writer` puts on disk what
//! many do at once, `worker` delivers it over the connections of a relay, `acts` and `queries` are
//! for people, `meter` counts, `retention` forgets what was kept long enough.

mod accept;
mod acts;
mod meter;
mod queries;
mod retention;
mod worker;
mod writer;

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::store::Store;
use crate::{Clock, Postern};

pub use accept::Submissions;
pub use meter::{LATENCY_BOUNDS, Meter, MeterReading};
pub use queries::MetricsSnapshot;
pub use retention::Retention;
pub use worker::Delivery;
use worker::Worker;
pub(crate) use writer::Writer;

/// A worker that told nothing of itself for so long is gone, in milliseconds.
const HEARTBEAT_TIMEOUT: i64 = 20_000;

/// Other nodes are told of mail no more often than this.
const NOTIFY_INTERVAL: Duration = Duration::from_millis(100);

/// What the parts of the outbox share within a process.
pub(crate) struct Outbox {
    pub writer: Writer,
    pub meter: Meter,
    /// Everything is held from the start, whatever the switch says.
    pub hold_mail: bool,
    /// There may be mail to deliver, or other settings to deliver it with.
    pub wake: Notify,
    /// Other nodes are to be told.
    notify: Arc<Notify>,
    /// Counts what this process wrote.
    changes: watch::Sender<u64>,
    /// Keys of requests under way, with whose they are.
    running: Mutex<HashSet<(String, String)>>,
    ids: Mutex<ulid::Generator>,
    sender: Mutex<accept::Remembered>,
    /// The revision of the settings that this process saved last.
    saved: watch::Receiver<i64>,
    worker: Mutex<Weak<Worker>>,
}

impl Outbox {
    pub fn new(store: Store, clock: Clock, saved: watch::Receiver<i64>, hold_mail: bool) -> Self {
        let changes = watch::Sender::new(0);
        let notify = Arc::new(Notify::new());
        if !store.is_local() {
            tokio::spawn(notify_other_nodes(store.clone(), notify.clone()));
        }
        Self {
            writer: Writer::start(store, clock, hold_mail, changes.clone()),
            changes,
            notify,
            meter: Meter::default(),
            hold_mail,
            wake: Notify::new(),
            running: Mutex::default(),
            ids: Mutex::new(ulid::Generator::new()),
            sender: Mutex::default(),
            saved,
            worker: Mutex::default(),
        }
    }

    /// An id for a message accepted at that moment, behind all that were made before.
    fn id(&self, now: Timestamp) -> String {
        let since = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let mut ids = self.ids.lock();
        let id = ids.generate_from_datetime(SystemTime::UNIX_EPOCH + since);
        // It fails after 2^80 within a millisecond.
        id.unwrap_or_else(|_| ulid::Ulid::new()).to_string()
    }

    /// Mail that is handed over may be this worker's at once.
    fn works(&self, worker: &Arc<Worker>) {
        let mut known = self.worker.lock();
        *known = Arc::downgrade(worker);
    }

    /// Who delivers in this process, if anybody does.
    fn worker(&self) -> Option<Arc<Worker>> {
        let known = self.worker.lock();
        known.upgrade()
    }

    /// There may be mail to deliver, here or at another node.
    fn wake(&self) {
        self.wake.notify_one();
        self.notify.notify_one();
    }

    /// Mail that waited was changed by a person.
    fn touched(&self) {
        self.changes.send_modify(|count| *count += 1);
        self.wake();
    }

    /// The settings were saved, or the hold was switched: nothing remembered of them counts.
    pub fn changed(&self) {
        *self.sender.lock() = None;
        self.touched();
    }
}

/// Rings when it is asked to, but not for each mail: NOTIFY makes commits wait for each other.
async fn notify_other_nodes(store: Store, notify: Arc<Notify>) {
    loop {
        notify.notified().await;
        // Where it cannot be told, others find it when they look.
        drop(store.notify().await);
        tokio::time::sleep(NOTIFY_INTERVAL).await;
    }
}

impl Postern {
    /// Changes whenever this process has written something of the outbox. Other processes on the
    /// same database write too.
    pub fn outbox_changes(&self) -> watch::Receiver<u64> {
        self.outbox().changes.subscribe()
    }

    /// What this process took in and delivered.
    pub fn meter(&self) -> &Meter {
        &self.outbox().meter
    }
}

/// A key of a request under way, until this is dropped.
struct Running {
    outbox: Arc<Outbox>,
    key: (String, String),
}

impl Running {
    /// None while another request with the same key is under way.
    fn begin(outbox: &Arc<Outbox>, key: (String, String)) -> Option<Self> {
        let mut running = outbox.running.lock();
        running.insert(key.clone()).then(|| Self {
            outbox: outbox.clone(),
            key,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.outbox.running.lock().remove(&self.key);
    }
}
