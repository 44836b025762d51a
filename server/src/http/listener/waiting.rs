//! Connections that wait for a request: the oldest is closed where another client needs its slot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a connection may wait for a request although others need its slot. A new client sends its
/// first request within that time.
const LEAST: Duration = Duration::from_millis(500);

/// The connections without a complete request head, by the time since which they wait.
#[derive(Default)]
pub struct Waiting {
    list: Mutex<List>,
    changed: Notify,
}

#[derive(Default)]
struct List {
    connections: BTreeMap<Turn, Arc<Notify>>,
    next: u64,
}

/// The order in which connections are closed. The number tells apart those of the same moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    since: Instant,
    number: u64,
}

/// What one connection is doing.
pub struct Activity {
    waiting: Arc<Waiting>,
    close: Arc<Notify>,
    phase: Mutex<Phase>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// It waits for a request head.
    Head {
        turn: Turn,
        /// When the first octet of the head arrived.
        begun: Option<Instant>,
    },
    /// A request is in progress.
    Request,
}

impl Waiting {
    /// Closes the connection that has waited longest, as soon as one has waited for [`LEAST`].
    pub async fn close_oldest(&self) {
        loop {
            let changed = self.changed.notified();
            let since = {
                let mut list = self.list.lock();
                match list.connections.first_entry() {
                    Some(oldest) if oldest.key().since.elapsed() >= LEAST => {
                        oldest.remove().notify_one();
                        return;
                    }
                    Some(oldest) => Some(oldest.key().since),
                    None => None,
                }
            };
            match since {
                Some(since) => tokio::select! {
                    () = sleep_until(since + LEAST) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    fn add(&self, since: Instant, close: &Arc<Notify>) -> Turn {
        let mut list = self.list.lock();
        let number = list.next;
        list.next += 1;
        let turn = Turn { since, number };
        list.connections.insert(turn, close.clone());
        drop(list);
        self.changed.notify_one();
        turn
    }

    fn remove(&self, turn: Turn) {
        self.list.lock().connections.remove(&turn);
    }
}

impl Activity {
    /// A new connection, which waits for its first request.
    pub fn new(waiting: Arc<Waiting>) -> Arc<Self> {
        let close = Arc::new(Notify::new());
        let turn = waiting.add(Instant::now(), &close);
        let phase = Mutex::new(Phase::Head { turn, begun: None });
        Arc::new(Self {
            waiting,
            close,
            phase,
        })
    }

    /// A request head is complete.
    pub fn request(&self) {
        self.enter(Phase::Request);
    }

    /// A response has ended; the next request may come.
    pub fn respond(&self) {
        let turn = self.waiting.add(Instant::now(), &self.close);
        self.enter(Phase::Head { turn, begun: None });
    }

    /// No further request is served. The connection is closed at once where its slot is needed.
    pub fn finish(&self) {
        let now = Instant::now();
        let since = now.checked_sub(LEAST).unwrap_or(now);
        let turn = self.waiting.add(since, &self.close);
        self.enter(Phase::Head { turn, begun: None });
    }

    fn enter(&self, phase: Phase) {
        let before = std::mem::replace(&mut *self.phase.lock(), phase);
        if let Phase::Head { turn, .. } = before {
            self.waiting.remove(turn);
        }
    }

    /// Octets arrived.
    pub fn received(&self) {
        if let Phase::Head { begun, .. } = &mut *self.phase.lock() {
            begun.get_or_insert_with(Instant::now);
        }
    }

    /// Octets were sent: the client still takes a response, and is not late with its next request.
    pub fn sent(&self) {
        if let Phase::Head { begun, .. } = &mut *self.phase.lock()
            && begun.is_some()
        {
            *begun = Some(Instant::now());
        }
    }

    /// Since when a part of a request head is there; `None` without one.
    pub fn head_begun(&self) -> Option<Instant> {
        match *self.phase.lock() {
            Phase::Head { begun, .. } => begun,
            Phase::Request => None,
        }
    }

    /// Waits until the slot of this connection is needed.
    pub async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        self.enter(Phase::Request);
    }
}
