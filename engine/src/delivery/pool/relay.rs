//! The state of the relay: its replies, its failures and what they change.

use std::sync::Arc;
use std::time::Duration;

use domain::outbox::BackoffView;
use domain::{Failure, Fault, Stage, Timestamp};
use tokio::time::Instant;

use super::Pool;
use super::state::SILENCE;
use crate::delivery::concurrency_limit::ConcurrencyLimit;
use crate::delivery::connection::quit;
use crate::delivery::pipelining::{PipeliningPermit, PipeliningTrials};
use crate::delivery::relay_backoff::RelayBackoff;
use crate::delivery::route::Route;
use crate::outbox::ControlState;
use crate::store::pipelining_trials::PipeliningTrial;

/// A relay that replied to a transaction so short a time ago is healthy.
const HEALTHY: Duration = Duration::from_secs(10);

impl Pool {
    /// The revision of the route; `None` where there are no settings to deliver with.
    pub fn revision(&self) -> Option<i64> {
        self.state().revision()
    }

    /// Replaces the route. All that is known about the relay is forgotten.
    pub fn set_route(&self, route: Option<Arc<Route>>) {
        let idle = {
            let mut state = self.state();
            let tried = route.as_ref().map(|route| route.pipelining.clone());
            state.pipelining = PipeliningTrials::of(tried.unwrap_or_default());
            state.route = route;
            state.backoff = None;
            state.half_open = false;
            state.last_reply = None;
            state.failures = 0;
            // Tasks on the earlier route are no load on this relay.
            state.active = 0;
            state.limit = ConcurrencyLimit::new(self.max_connections);
            std::mem::take(&mut state.idle_connections)
        };
        quit(idle);
        self.status_changed.notify_one();
    }

    /// Applies a control state. They can arrive out of order.
    pub fn observe(&self, control: ControlState) {
        let mut state = self.state();
        state.newest = state.newest.max(control.revision);
        if state.read_at <= control.read_at {
            state.read_at = control.read_at;
            state.paused = control.paused;
        }
    }

    pub fn is_backing_off(&self) -> bool {
        self.state().backoff.is_some()
    }

    /// Ends a backoff that is over while there is no message for the half-open attempt.
    pub fn clear_expired_backoff(&self, now: Instant) {
        let mut state = self.state();
        let over = state.backoff.is_some() && state.backoff_remaining(now).is_none();
        if over && !state.half_open && state.queue.is_empty() {
            state.backoff = None;
            self.status_changed.notify_one();
        }
    }

    /// Why the relay is not delivered to, by the time of day; `None` while it is healthy.
    pub fn backoff_view(&self, now: Timestamp, monotonic: Instant) -> Option<BackoffView> {
        let state = self.state();
        if let Some(backoff) = &state.backoff {
            return Some(backoff.view(now, monotonic));
        }
        let route = state.route.as_ref().filter(|_| state.is_silent())?;
        let silent = state
            .awaiting_since
            .map_or(SILENCE, |since| since.elapsed());
        let detail = format!(
            "{} has not replied to a message; RFC 5321 allows it ten minutes",
            route.name
        );
        Some(BackoffView {
            relay: route.name.clone(),
            failure: Failure::new(Stage::Data, Fault::TimedOut, detail),
            cause: None,
            since: now - silent,
            next: now,
        })
    }

    /// The relay failed, whatever the message. While it replies to others it may just refuse one
    /// connection too many; otherwise it backs off. `half_open`: this was the half-open attempt.
    pub fn failed(&self, route: &Route, failure: Failure, half_open: bool, now: Instant) {
        let mut state = self.state();
        if !state.is_on(route) {
            return;
        }
        state.failures += 1;
        let healthy = state
            .last_reply
            .is_some_and(|reply| reply.elapsed() < HEALTHY);
        if healthy && state.backoff.is_none() && (state.active > 1 || state.failures == 1) {
            let fewer = state.active.saturating_sub(1);
            state.limit.cap(fewer);
            return;
        }
        if state.backoff.is_some() && !half_open {
            // This attempt began before the backoff.
            return;
        }
        let earlier = state.backoff.as_ref();
        let backoff = RelayBackoff::after(earlier, &route.name, failure, now, rand::random());
        state.backoff = Some(backoff);
        state.limit.restart();
        self.status_changed.notify_one();
    }

    /// Records a reply to a transaction and ends the relay's backoff. `accepted`: the message was.
    pub fn replied(&self, route: &Route, accepted: bool) {
        let mut state = self.state();
        if !state.is_on(route) {
            return;
        }
        state.last_reply = Some(Instant::now());
        state.awaiting_since = state.last_reply;
        state.failures = 0;
        if accepted {
            state.limit.increase();
        } else {
            state.limit.decrease();
        }
        if state.backoff.take().is_some() {
            self.status_changed.notify_one();
            self.room.notify_one();
        }
    }

    /// Whether a connection to a relay with this greeting may pipeline the next message.
    pub fn pipelining_permit(&self, greeting: &str, now: Timestamp) -> PipeliningPermit {
        self.state().pipelining.permit(greeting, now)
    }

    /// A pipelined transaction succeeded. Returns the outcome of a trial, to store it.
    pub fn pipelining_worked(&self, greeting: &str, now: Timestamp) -> Option<PipeliningTrial> {
        self.state().pipelining.succeeded(greeting, now)
    }

    /// A session broke on pipelined commands, or was closed there for another reason. Returns what
    /// is to be stored.
    pub fn broke_on_pipelining(&self, greeting: &str, now: Timestamp) -> Option<PipeliningTrial> {
        self.state().pipelining.broke(greeting, now)
    }

    /// A connection ended, which may have been the one of a trial.
    pub fn pipelining_abandoned(&self, greeting: &str) {
        self.state().pipelining.abandoned(greeting);
    }
}
