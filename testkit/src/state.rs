//! The state that the sessions of a relay share.

#[cfg(feature = "tls")]
use crate::pki::ServerTls;
use crate::record::{Record, Transaction};
use parking_lot::{Condvar, Mutex};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::sync::watch;

pub(crate) type Callback = dyn Fn(&Transaction<'_>) + Send + Sync;

/// What all sessions of a relay share.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// Receives each mail instead of the record.
    pub(crate) callback: Option<Box<Callback>>,
    pub(crate) stopped: AtomicBool,
    pub(crate) open: AtomicUsize,
    /// Connections that have not sent QUIT, and the most at once so far.
    pub(crate) busy: AtomicUsize,
    pub(crate) most_busy: AtomicUsize,
    /// Wakes sessions that are stalled.
    pub(crate) resumed: Condvar,
    /// Counts changes of the state.
    pub(crate) changes: watch::Sender<u64>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) record: Record,
    /// `GREETING`, each line, and `END Subject: …` for the end of a mail.
    pub(crate) events: Vec<String>,
    /// Replies by the beginning of an event; the first one that matches counts.
    pub(crate) rules: Vec<(String, String)>,
    pub(crate) max_connections: Option<usize>,
    /// Every so-many-th connection is closed without a greeting.
    pub(crate) closes_every: Option<usize>,
    /// In the place of that of the script.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<ServerTls>,
    /// Of one mail.
    pub(crate) max_recipients: Option<usize>,
    pub(crate) discards_pipelined: bool,
    pub(crate) ends_on_pipelined: bool,
    /// The replies to an event that begins so and to all behind it are lost, once.
    pub(crate) lost_replies: Option<String>,
    /// A connection is reset within the body of a mail to a recipient that begins so.
    pub(crate) reset_within: Option<String>,
    pub(crate) stalled: bool,
    pub(crate) ended_sessions: usize,
}

impl Shared {
    /// A shared state that passes mails to `callback`, or records them.
    pub(crate) fn new(callback: Option<Box<Callback>>) -> Self {
        Self {
            state: Mutex::default(),
            callback,
            stopped: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            most_busy: AtomicUsize::new(0),
            resumed: Condvar::new(),
            changes: watch::Sender::new(0),
        }
    }

    /// Records an event and returns the reply of a rule.
    pub(crate) fn event(&self, event: &str) -> Option<String> {
        if self.callback.is_some() {
            return None;
        }
        let reply = {
            let mut state = self.state.lock();
            state.events.push(event.to_owned());
            let rule = state
                .rules
                .iter()
                .find(|(begin, _)| event.starts_with(begin.as_str()));
            rule.map(|(_, reply)| reply.clone())
        };
        self.notify();
        reply
    }

    /// Changes the record, unless mails go to a callback.
    pub(crate) fn record(&self, change: impl FnOnce(&mut Record)) {
        if self.callback.is_none() {
            change(&mut self.state.lock().record);
        }
    }

    /// Whether a mail with so many recipients may have another one.
    pub(crate) fn allows_recipient(&self, recipients: usize) -> bool {
        let limit = || self.state.lock().max_recipients;
        self.callback.is_some() || limit().is_none_or(|most| recipients < most)
    }

    pub(crate) fn ends_on_pipelined(&self) -> bool {
        self.callback.is_none() && self.state.lock().ends_on_pipelined
    }

    pub(crate) fn discards_pipelined(&self) -> bool {
        self.callback.is_none() && self.state.lock().discards_pipelined
    }

    /// Whether the replies to this event and to all behind it on its connection are lost.
    pub(crate) fn loses_replies_at(&self, event: &str) -> bool {
        let lost = |begin: &mut String| event.starts_with(begin.as_str());
        self.callback.is_none() && self.state.lock().lost_replies.take_if(lost).is_some()
    }

    /// Whether the connection is reset within the body of a mail to these recipients.
    pub(crate) fn resets_within(&self, recipients: &[String]) -> bool {
        let resets = |begin: &String| recipients.iter().any(|to| to.starts_with(begin.as_str()));
        self.callback.is_none() && self.state.lock().reset_within.as_ref().is_some_and(resets)
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.callback.is_none() && self.state.lock().stalled
    }

    /// Blocks while the relay is stalled.
    pub(crate) fn wait_while_stalled(&self) {
        if self.callback.is_none() {
            let mut state = self.state.lock();
            self.resumed.wait_while(&mut state, |state| state.stalled);
        }
    }

    pub(crate) fn notify(&self) {
        self.resumed.notify_all();
        self.changes.send_modify(|count| *count += 1);
    }
}

/// A connection that has not sent QUIT.
pub(crate) struct BusyConnection(Arc<Shared>);

impl BusyConnection {
    pub(crate) fn begin(shared: &Arc<Shared>) -> Self {
        let busy = shared.busy.fetch_add(1, Ordering::AcqRel) + 1;
        shared.most_busy.fetch_max(busy, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for BusyConnection {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

impl State {
    pub(crate) fn count(&self, event: &str) -> usize {
        self.events
            .iter()
            .filter(|known| known.starts_with(event))
            .count()
    }
}
