//! What a worker has at hand: mail it took, connections that are open, and how the relay is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::outbox::{BackoffView, Jitter};
use domain::{Failure, Fault, Stage, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::concurrency_limit::ConcurrencyLimit;
use super::connection::{Connection, part};
use super::leases::Leases;
use super::mail::Mail;
use super::relay_backoff::RelayBackoff;
use super::route::Route;
use crate::outbox::writer::Current;

/// A relay that had a word about a mail so short a time ago takes mail.
const WORKS: Duration = Duration::from_secs(10);

/// A relay that has mail and has said nothing for so long is told as silent.
const SILENT: Duration = Duration::from_secs(30);

/// So many times in a row are no accident.
const BREAKS: usize = 2;

/// How long a relay that broke on commands behind a body is spared them.
const UNGROUPED: Duration = Duration::from_secs(3600);

/// Shared by all that a worker does.
pub struct Pool {
    state: Mutex<State>,
    /// There is room for mail.
    pub room: Notify,
    /// What is told of the relay changed.
    pub news: Notify,
    /// Nothing is under way any more.
    pub quiet: Notify,
    pub leases: Leases,
    most: usize,
    /// How long a lease runs.
    lease: Duration,
}

struct State {
    /// Taken, and waiting for a connection.
    queue: VecDeque<Mail>,
    /// Runs under way by the settings that count, and all.
    active: usize,
    under_way: usize,
    resting: Vec<Connection>,
    limit: ConcurrencyLimit,
    route: Option<Arc<Route>>,
    backoff: Option<RelayBackoff>,
    /// A run tries for all whether the relay is well again.
    half_open: bool,
    /// When the relay last had a word about a mail.
    last_reply: Option<Instant>,
    /// Since when the relay has mail and has said nothing of any.
    silent_since: Option<Instant>,
    /// How often in a row the relay would not have a mail.
    failures: usize,
    /// The newest settings, and whether everything is held, as was seen last.
    newest: i64,
    held: bool,
    seen: Instant,
    ungrouped: Option<Instant>,
    /// How often in a row the relay broke on commands behind a body.
    breaks: usize,
    stopping: bool,
}

/// What a worker may take now.
#[derive(Debug, PartialEq)]
pub enum Demand {
    /// So many mails.
    Messages(usize),
    /// Nothing for so long.
    After(Duration),
    /// Nothing until something ends.
    None,
}

/// What a run begins with.
pub struct TaskStart {
    pub mail: Mail,
    pub route: Arc<Route>,
    pub connection: Option<Connection>,
    pub grouping: bool,
    /// It tries for all whether the relay is well again.
    pub half_open: bool,
}

impl Pool {
    pub fn new(most: usize, lease: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                active: 0,
                under_way: 0,
                resting: Vec::new(),
                limit: ConcurrencyLimit::new(most),
                route: None,
                backoff: None,
                half_open: false,
                last_reply: None,
                silent_since: None,
                failures: 0,
                newest: 0,
                held: false,
                seen: Instant::now(),
                ungrouped: None,
                breaks: 0,
                stopping: false,
            }),
            room: Notify::new(),
            news: Notify::new(),
            quiet: Notify::new(),
            leases: Leases::default(),
            most,
            lease,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The mails that wait here at most: a commit brings many, and each connection looks ahead by
    /// one.
    fn queue_capacity(&self) -> usize {
        (self.most * 8).clamp(64, 512)
    }

    pub fn demand(&self, moment: Instant) -> Demand {
        let state = self.state();
        if !state.may_begin() || state.is_silent() {
            return Demand::None;
        }
        if let Some(left) = state.remaining(moment) {
            return Demand::After(left);
        }
        match &state.backoff {
            // One tries for all.
            Some(_) if !state.half_open && state.queue.is_empty() => Demand::Messages(1),
            Some(_) => Demand::None,
            None if state.queue.len() * 2 <= self.queue_capacity() => {
                Demand::Messages(self.queue_capacity() - state.queue.len())
            }
            None => Demand::None,
        }
    }

    /// The revision that mail is sent with; none where there is nothing to send with.
    pub fn revision(&self) -> Option<i64> {
        self.state().revision()
    }

    /// Other settings, or none: what was known of the relay before does not count.
    pub fn set_route(&self, route: Option<Arc<Route>>) {
        let resting = {
            let mut state = self.state();
            state.route = route;
            state.backoff = None;
            state.half_open = false;
            state.last_reply = None;
            state.failures = 0;
            // Those that still use what counted before are no burden to this relay.
            state.active = 0;
            state.ungrouped = None;
            state.limit = ConcurrencyLimit::new(self.most);
            std::mem::take(&mut state.resting)
        };
        part(resting);
        self.news.notify_one();
    }

    /// What every commit saw of the settings and the hold. One may come late that saw less.
    pub fn observe(&self, current: Current) {
        let mut state = self.state();
        state.newest = state.newest.max(current.revision);
        if state.seen <= current.read {
            state.seen = current.read;
            state.held = current.held;
        }
    }

    /// Whether a mail may begin by what was seen last.
    pub fn may_begin(&self) -> bool {
        self.state().may_begin()
    }

    pub fn is_backing_off(&self) -> bool {
        self.state().backoff.is_some()
    }

    /// Whether mail that lies here would better lie where others can take it, or people act on it.
    pub fn is_stuck(&self, moment: Instant) -> bool {
        let state = self.state();
        let waits = state.remaining(moment).is_some() || state.half_open && state.backoff.is_some();
        state.held || state.route.is_none() || waits || state.is_silent()
    }

    /// Nothing waits, and nobody will try: what was wrong with the relay is not known any more.
    pub fn clear_expired_backoff(&self, moment: Instant) {
        let mut state = self.state();
        let over = state.backoff.is_some() && state.remaining(moment).is_none();
        if over && !state.half_open && state.queue.is_empty() {
            state.backoff = None;
            self.news.notify_one();
        }
    }

    /// What the console is told where the time of day is `now`.
    pub fn backoff_view(&self, (now, moment): (Timestamp, Instant)) -> Option<BackoffView> {
        let state = self.state();
        if let Some(backoff) = &state.backoff {
            return Some(backoff.view((now, moment)));
        }
        let route = state.route.as_ref().filter(|_| state.is_silent())?;
        let silent = state.silent_since.map_or(SILENT, |since| since.elapsed());
        let detail = format!(
            "{} has mail and does not answer; it may take ten minutes for it",
            route.name
        );
        Some(BackoffView {
            relay: route.name.clone(),
            failure: Failure::new(Stage::Data, Fault::TimedOut, detail),
            since: now - silent,
            next: now,
        })
    }

    /// The relay would not have a mail, whichever it were. While it takes others it may just be one
    /// connection too many; otherwise nothing goes until its time has come. `half_open` is whether this
    /// run was to find that out.
    pub fn failed(
        &self,
        route: &Route,
        failure: Failure,
        half_open: bool,
        chance: (Instant, Jitter),
    ) {
        let mut state = self.state();
        if !state.is_of(route) {
            return;
        }
        state.failures += 1;
        let works = state.last_reply.is_some_and(|at| at.elapsed() < WORKS);
        if works && state.backoff.is_none() && (state.active > 1 || state.failures == 1) {
            let fewer = state.active.saturating_sub(1);
            state.limit.cap(fewer);
            return;
        }
        if state.backoff.is_some() && !half_open {
            // It began before that was known.
            return;
        }
        let before = state.backoff.as_ref();
        state.backoff = Some(RelayBackoff::new(&route.name, failure, before, chance));
        state.limit.restart();
        self.news.notify_one();
    }

    /// The relay had a word about a mail: it is well. `taken` is whether it took it.
    pub fn worked(&self, route: &Route, taken: bool) {
        let mut state = self.state();
        if !state.is_of(route) {
            return;
        }
        state.last_reply = Some(Instant::now());
        state.silent_since = state.last_reply;
        state.failures = 0;
        if taken {
            state.limit.increase();
        } else {
            state.limit.decrease();
        }
        if state.backoff.take().is_some() {
            self.news.notify_one();
            self.room.notify_one();
        }
    }

    /// The relay broke on commands that stood behind a body, or just closed there. Where it never
    /// takes them it is spared them.
    pub fn broke_on_grouping(&self) {
        let mut state = self.state();
        state.breaks += 1;
        if state.breaks >= BREAKS {
            state.breaks = 0;
            state.ungrouped = Some(Instant::now() + UNGROUPED);
            tracing::info!(
                "the relay breaks on commands behind a body; they wait their turn for an hour"
            );
        }
    }

    /// It took commands that stood behind a body.
    pub fn grouping_worked(&self) {
        self.state().breaks = 0;
    }

    /// How many mails that are being handed over may come here: those that can begin soon. The other
    /// half of the local queue is for what is taken from the database.
    pub fn spare_capacity(&self) -> usize {
        let state = self.state();
        let soon = state.may_begin() && state.backoff.is_none() && !state.is_silent();
        match soon {
            true => (self.queue_capacity() / 2).saturating_sub(state.queue.len()),
            false => 0,
        }
    }

    /// Puts mail on the local queue.
    pub fn enqueue(&self, mails: Vec<Mail>) {
        self.state().queue.extend(mails);
    }

    /// Puts mail back in front: it was not tried.
    pub fn requeue(&self, mail: Mail) {
        self.state().queue.push_front(mail);
    }

    /// What lies on the local queue, off it; where the relay is not well or the worker stops.
    pub fn drain_queue(&self) -> Vec<Mail> {
        self.state().queue.drain(..).collect()
    }

    /// What another run would begin with, where the relay may have another connection.
    pub fn start(&self, moment: Instant) -> Option<TaskStart> {
        let mut state = self.state();
        let may = match &state.backoff {
            Some(backoff) => backoff.remaining(moment).is_none() && !state.half_open,
            None => state.active < state.limit.current(),
        };
        if !may || !state.may_begin() {
            return None;
        }
        let route = state.route.clone()?;
        let mail = state.take(self.lease)?;
        if state.active == 0 {
            state.silent_since = Some(Instant::now());
        }
        state.active += 1;
        state.under_way += 1;
        let half_open = state.backoff.is_some();
        state.half_open |= half_open;
        let grouping = state.ungrouped.is_none_or(|until| until <= Instant::now());
        let connection = state.resting.pop();
        Some(TaskStart {
            mail,
            route,
            connection,
            grouping,
            half_open,
        })
    }

    /// The next mail for a run under way.
    pub fn next(&self, route: &Route) -> Option<Mail> {
        let mut state = self.state();
        if !state.may_begin()
            || !state.is_of(route)
            || state.active > state.limit.current()
            || state.backoff.is_some()
        {
            return None;
        }
        let mail = state.take(self.lease);
        if state.queue.len() * 2 <= self.queue_capacity() {
            self.room.notify_one();
        }
        mail
    }

    /// Keeps a connection for the next run.
    pub fn rest(&self, route: &Route, mut connection: Connection) {
        let mut state = self.state();
        if state.is_of(route) && state.may_begin() && connection.may_go_on() {
            connection.rest();
            state.resting.push(connection);
        } else {
            drop(state);
            part(vec![connection]);
        }
    }

    /// Says goodbye on connections that rested long enough.
    pub fn sweep(&self) {
        let idle: Vec<Connection> = {
            let mut state = self.state();
            let over = |connection: &mut Connection| connection.rested_long();
            state.resting.extract_if(.., over).collect()
        };
        part(idle);
    }

    /// A run is over that sent by the settings of `revision`.
    pub fn ended(&self, revision: i64, half_open: bool) {
        let mut state = self.state();
        state.under_way -= 1;
        if state.revision() == Some(revision) {
            state.active = state.active.saturating_sub(1);
            state.half_open &= !half_open;
        }
        if state.under_way == 0 {
            self.quiet.notify_one();
        }
        self.room.notify_one();
    }

    pub fn is_quiet(&self) -> bool {
        self.state().under_way == 0
    }

    /// Nothing begins any more.
    pub fn stop(&self) {
        let resting = {
            let mut state = self.state();
            state.stopping = true;
            std::mem::take(&mut state.resting)
        };
        part(resting);
    }
}

impl State {
    fn revision(&self) -> Option<i64> {
        self.route.as_ref().map(|route| route.revision)
    }

    /// Whether a mail may begin: by the newest settings, and not while everything is held.
    fn may_begin(&self) -> bool {
        self.revision() == Some(self.newest) && !self.held && !self.stopping
    }

    /// How long nothing begins because the relay is not well.
    fn remaining(&self, moment: Instant) -> Option<Duration> {
        self.backoff.as_ref()?.remaining(moment)
    }

    fn is_of(&self, route: &Route) -> bool {
        self.revision() == Some(route.revision)
    }

    /// Whether the relay has mail and does not answer.
    fn is_silent(&self) -> bool {
        let waits = self.silent_since.filter(|_| self.active > 0);
        waits.is_some_and(|since| since.elapsed() >= SILENT)
    }

    /// The next mail that is still this worker's: a process that stood still may have lost some.
    fn take(&mut self, lease: Duration) -> Option<Mail> {
        while let Some(mail) = self.queue.pop_front() {
            if mail.is_ours(lease) {
                return Some(mail);
            }
        }
        None
    }
}
