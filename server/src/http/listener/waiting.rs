//! Connections that wait for a request: the oldest is closed where another client needs its slot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

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

/// How many requests a client may cancel before their answers, less those that were answered since. One
/// that opens and cancels many has work done for nothing (CVE-2023-44487).
pub const MOST_CANCELLED: u32 = 100;

/// What one connection is doing.
pub struct Activity {
    waiting: Arc<Waiting>,
    close: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// When octets came or went last, or a response began.
    moved: Instant,
    /// The requests without a response.
    handled: usize,
    cancelled: u32,
}

#[derive(Clone, Copy)]
enum Phase {
    /// It waits for a request head.
    Head {
        turn: Turn,
        /// When the first octet of the head arrived.
        begun: Option<Instant>,
    },
    /// So many requests are in progress: over HTTP/1.1 one.
    Requests(usize),
}

/// A request, until its response has ended or it is dropped.
pub struct RequestInProgress {
    activity: Arc<Activity>,
    has_response: bool,
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
        let (close, now) = (Arc::new(Notify::new()), Instant::now());
        let turn = waiting.add(now, &close);
        let state = State {
            phase: Phase::Head { turn, begun: None },
            moved: now,
            handled: 0,
            cancelled: 0,
        };
        Arc::new(Self {
            waiting,
            close,
            state: Mutex::new(state),
        })
    }

    /// A request head is complete.
    pub fn begin_request(self: &Arc<Self>) -> RequestInProgress {
        let mut state = self.state.lock();
        state.handled += 1;
        match &mut state.phase {
            Phase::Requests(number) => *number += 1,
            Phase::Head { turn, .. } => {
                let turn = *turn;
                state.phase = Phase::Requests(1);
                self.waiting.remove(turn);
            }
        }
        drop(state);
        RequestInProgress {
            activity: self.clone(),
            has_response: false,
        }
    }

    /// No further request is served. The connection is closed at once where its slot is needed.
    pub fn finish(&self) {
        let now = Instant::now();
        let since = now.checked_sub(LEAST).unwrap_or(now);
        let mut state = self.state.lock();
        if let Phase::Head { turn, .. } = state.phase {
            self.waiting.remove(turn);
        }
        state.phase = self.wait_since(since);
    }

    fn wait_since(&self, since: Instant) -> Phase {
        let turn = self.waiting.add(since, &self.close);
        Phase::Head { turn, begun: None }
    }

    /// Octets arrived.
    pub fn received(&self) {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.moved = now;
        if let Phase::Head { begun, .. } = &mut state.phase {
            begun.get_or_insert(now);
        }
    }

    /// Octets were sent: the client still takes a response, and is not late with its next request.
    pub fn sent(&self) {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.moved = now;
        if let Phase::Head { begun, .. } = &mut state.phase
            && begun.is_some()
        {
            *begun = Some(now);
        }
    }

    /// Since when a part of a request head is there; `None` without one.
    pub fn head_begun(&self) -> Option<Instant> {
        match self.state.lock().phase {
            Phase::Head { begun, .. } => begun,
            Phase::Requests(_) => None,
        }
    }

    /// Whether a request is in progress.
    pub fn has_requests(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Requests(_))
    }

    /// Since when no octet came or went; `None` while a request has no response.
    fn quiet_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.handled == 0).then_some(state.moved)
    }

    /// Waits until no octet has come or gone for so long, while every request has a response.
    pub async fn quiet(&self, limit: Duration) {
        loop {
            match self.quiet_since().map(|since| since + limit) {
                Some(end) if end <= Instant::now() => return,
                Some(end) => sleep_until(end).await,
                None => sleep(limit).await,
            }
        }
    }

    /// Whether the client has cancelled too many requests.
    pub fn is_abused(&self) -> bool {
        self.state.lock().cancelled >= MOST_CANCELLED
    }

    /// Waits until the slot of this connection is needed, or its client has cancelled too many requests.
    pub async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        if let Phase::Head { turn, .. } = self.state.get_mut().phase {
            self.waiting.remove(turn);
        }
    }
}

impl RequestInProgress {
    /// The head of its response is there.
    pub fn respond(&mut self) {
        let mut state = self.activity.state.lock();
        state.handled -= 1;
        state.moved = Instant::now();
        state.cancelled = state.cancelled.saturating_sub(1);
        self.has_response = true;
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let activity = &self.activity;
        let mut state = activity.state.lock();
        if !self.has_response {
            state.handled -= 1;
            state.cancelled += 1;
            if state.cancelled == MOST_CANCELLED {
                activity.close.notify_one();
            }
        }
        match &mut state.phase {
            Phase::Requests(number) if *number > 1 => *number -= 1,
            Phase::Requests(_) => state.phase = activity.wait_since(Instant::now()),
            Phase::Head { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_once_all_its_requests_have_ended() {
        let waiting = Arc::<Waiting>::default();
        let activity = Activity::new(waiting.clone());
        let listed = || waiting.list.lock().connections.len();
        let (mut first, second) = (activity.begin_request(), activity.begin_request());
        assert_eq!(listed(), 0);
        first.respond();
        drop(first);
        assert_eq!(listed(), 0, "the second is in progress");
        drop(second);
        assert_eq!(listed(), 1);
        activity.finish();
        assert_eq!(listed(), 1);
        drop(activity);
        assert_eq!(listed(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_quiet_where_nothing_moves_and_no_response_is_made() {
        const LIMIT: Duration = Duration::from_secs(75);
        let activity = Activity::new(Arc::default());
        let begun = Instant::now();
        activity.quiet(LIMIT).await;
        assert_eq!(begun.elapsed(), LIMIT);
        let mut request = activity.begin_request();
        let watched = activity.clone();
        let quiet = tokio::spawn(async move { watched.quiet(LIMIT).await });
        tokio::time::advance(2 * LIMIT).await;
        assert!(!quiet.is_finished());
        request.respond();
        let begun = Instant::now();
        quiet.await.expect("it ends");
        assert!(begun.elapsed() >= LIMIT, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_client_that_cancels_its_requests_is_cut_off() {
        let activity = Activity::new(Arc::default());
        for _ in 1..MOST_CANCELLED {
            drop(activity.begin_request());
        }
        // One that is answered makes up for one that is not.
        activity.begin_request().respond();
        drop(activity.begin_request());
        assert!(!activity.is_abused());
        drop(activity.begin_request());
        assert!(activity.is_abused());
        activity.closed().await;
    }
}
