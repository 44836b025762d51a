//! The relays of a pool: their settings, and what their replies and failures change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::cause::CauseClass;
use domain::outbox::{BackoffView, RelayState};
use domain::{Failure, Fault, Stage, Timestamp};
use tokio::time::Instant;

use super::Pool;
use super::state::PooledRelay;
use crate::delivery::relay::pipelining::PipeliningPermit;
use crate::delivery::relay::quota::{RelayQuota, described, limits_messages};
use crate::delivery::relay::route::{Route, Routes};
use crate::delivery::task::connection::quit;
use crate::outbox::ControlState;
use crate::store::Scope;
use crate::store::relays::health::RelayRevision;
use crate::store::relays::pipelining_trials::PipeliningTrial;
use crate::store::relays::reports::RelayReports;
use crate::store::relays::usage::Usage;

impl Pool {
    /// The version of the routes; `None` before they are read.
    pub fn version(&self) -> Option<i64> {
        self.state().version
    }

    /// The routes in use.
    pub fn routes(&self) -> Vec<Arc<Route>> {
        let state = self.state();
        let relays = state.relays.iter();
        relays.map(|relay| relay.route.clone()).collect()
    }

    /// The number of the relays of the organisation.
    pub fn of_organisation(&self) -> usize {
        self.state().of_organisation().len()
    }

    /// Replaces the routes. Of a relay whose route is not the same, all that is known is forgotten but its
    /// connections.
    pub fn set_routes(&self, routes: Routes) {
        let replaced = {
            let mut state = self.state();
            state.version = Some(routes.version);
            let now = state.now();
            state.fallback = routes.fallback;
            state.titles = routes.titles;
            let before = std::mem::take(&mut state.relays);
            let mut before: HashMap<*const Route, PooledRelay> = before
                .into_iter()
                .map(|relay| (Arc::as_ptr(&relay.route), relay))
                .collect();
            let limited = routes
                .relays
                .iter()
                .filter(|route| limits_messages(&route.limits));
            let limited: Vec<Scope> = limited.map(|route| route.scope).collect();
            state.quotas.retain(|scope, _| limited.contains(scope));
            for scope in limited {
                let quota = state.quotas.entry(scope);
                let quota = quota.or_insert_with(|| RelayQuota::new(scope));
                quota.load(&routes.usage, now);
            }
            state.own.clear();
            for route in routes.relays {
                if route.scope.is_own() {
                    let position = state.relays.len();
                    state.own.insert(route.scope, position);
                }
                let kept = before.remove(&Arc::as_ptr(&route));
                let relay = kept.unwrap_or_else(|| PooledRelay::new(route, self.max_connections));
                state.relays.push(relay);
            }
            let monotonic = state.monotonic();
            let state = &mut *state;
            for relay in before.values() {
                let connections = relay.circuit.active();
                state.replaced.add(relay.route.clone(), connections);
            }
            for relay in &mut state.relays {
                let connections = state.replaced.count(&relay.route);
                relay.circuit.set_replaced(connections, monotonic);
            }
            before.into_values()
        };
        for relay in replaced {
            quit(relay.idle_connections);
        }
        self.status_changed.notify_one();
    }

    /// Applies a control state. They can arrive out of order.
    pub fn observe(&self, control: ControlState) {
        let mut state = self.state();
        let might_begin = state.may_begin();
        state.newest = state.newest.max(control.version);
        if state.read_at <= control.read_at {
            state.read_at = control.read_at;
            state.paused = control.paused;
        }
        if might_begin && !state.may_begin() {
            self.none_may_begin.notify_waiters();
        }
    }

    /// Whether a route is one of those in use.
    pub fn is_current(&self, route: &Arc<Route>) -> bool {
        self.state().relay(route).is_some()
    }

    /// Whether a relay is backing off, or its settings were replaced.
    pub fn is_backing_off(&self, route: &Arc<Route>) -> bool {
        let state = self.state();
        let relay = state.relay(route);
        relay.is_none_or(|relay| relay.circuit.backing_off_since().is_some())
    }

    /// The relays that get no messages, and those whose last attempt failed, by the time of day.
    pub fn backoff_views(&self, now: Timestamp, monotonic: Instant) -> Vec<BackoffView> {
        let state = self.state();
        let relays = state.relays.iter().enumerate();
        relays
            .filter_map(|(index, relay)| {
                let circuit = relay.circuit.view(now, monotonic);
                let view = circuit.or_else(|| {
                    let wait = state.quota_wait(index)?;
                    Some(limit_view(&relay.route, now, wait))
                })?;
                let scope = relay.route.scope;
                Some(BackoffView {
                    id: (!scope.is_own()).then(|| scope.relay_id()),
                    account: scope.account(),
                    ..view
                })
            })
            .collect()
    }

    /// Whether messages through a relay are limited.
    pub fn has_quotas(&self) -> bool {
        !self.state().quotas.is_empty()
    }

    /// The messages through limited relays that are not in the database yet.
    pub fn take_unsaved_usage(&self) -> Vec<Usage> {
        let mut state = self.state();
        let quotas = state.quotas.values_mut();
        quotas.flat_map(RelayQuota::take_unsaved).collect()
    }

    /// Takes back usage that could not be written.
    pub fn restore_usage(&self, usage: Vec<Usage>) {
        let mut state = self.state();
        for used in usage {
            if let Some(quota) = state.quotas.get_mut(&used.scope) {
                quota.restore(used);
            }
        }
    }

    /// Applies the stored usage of relays, also by other nodes.
    pub fn load_usage(&self, usage: &[Usage], now: Timestamp) {
        for quota in self.state().quotas.values_mut() {
            quota.load(usage, now);
        }
    }

    /// A relay refused a message for a relay-wide cause of this class. Returns whether it refuses any
    /// message: then it is to back off, and the refusal says nothing about this one.
    pub fn refused(&self, route: &Arc<Route>, class: CauseClass, id: &str) -> bool {
        let mut state = self.state();
        let relay = state.relay_mut(route);
        relay.is_some_and(|relay| relay.refusals.refused(class, id))
    }

    /// A relay accepted a message, and has answered this number of messages on its connection.
    pub fn accepted(&self, route: &Arc<Route>, answered: usize) {
        if let Some(relay) = self.state().relay_mut(route) {
            relay.per_connection.answered(answered);
            relay.pipelining.accepted();
            relay.refusals.accepted();
            relay.observed.accepted();
        }
    }

    /// A relay closed a connection after this number of answered messages, before a reply to the next one.
    pub fn connection_closed(&self, route: &Arc<Route>, answered: usize, now: Timestamp) {
        if let Some(relay) = self.state().relay_mut(route) {
            relay.per_connection.closed(answered, now);
        }
    }

    /// How many messages a connection to a relay may carry; `None` where the relay has shown no limit.
    pub fn messages_per_connection(&self, route: &Arc<Route>, now: Timestamp) -> Option<usize> {
        let state = self.state();
        state.relay(route)?.per_connection.limit(now)
    }

    /// What the checks of relays have to know, for the time `now`.
    pub fn take_reports(&self, now: Timestamp) -> RelayReports {
        let mut reports = RelayReports::default();
        for relay in &mut self.state().relays {
            let revision = RelayRevision {
                scope: relay.route.scope,
                revision: relay.route.revision,
            };
            if relay.observed.take_accepted(now) {
                reports.accepting.push(revision);
            }
            if relay.observed.take_failed() {
                reports.failing.push(revision);
            }
        }
        reports.accepting.sort_unstable_by_key(|relay| relay.scope);
        reports.failing.sort_unstable_by_key(|relay| relay.scope);
        reports
    }

    /// A relay failed, whatever the message. `half_open`: this was its half-open attempt.
    pub fn failed(&self, route: &Arc<Route>, failure: Failure, half_open: bool, now: Instant) {
        self.fail(route, |relay| {
            let (circuit, jitter) = (&mut relay.circuit, rand::random());
            match relay.refusals.is_condition() {
                true => circuit.back_off(failure, half_open, now, jitter),
                false => circuit.on_failure(failure, half_open, now, jitter),
            }
        });
    }

    /// A relay let the time for its reply to a message pass, and was silent on that connection for so
    /// long. `half_open`: this was its half-open attempt. Returns whether a backoff began.
    pub fn timed_out(
        &self,
        route: &Arc<Route>,
        failure: Failure,
        half_open: bool,
        silent: Duration,
        now: Instant,
    ) -> bool {
        self.fail(route, |relay| {
            let (circuit, jitter) = (&mut relay.circuit, rand::random());
            circuit.on_unanswered(failure, half_open, silent, now, jitter)
        })
    }

    /// Applies a failure, which returns whether a backoff began, as this does.
    fn fail(&self, route: &Arc<Route>, failure: impl FnOnce(&mut PooledRelay) -> bool) -> bool {
        let mut state = self.state();
        let Some(relay) = state.relay_mut(route) else {
            return false;
        };
        let was_healthy = relay.circuit.backing_off_since().is_none();
        let began = failure(relay);
        if began {
            self.status_changed.notify_one();
        }
        if began && was_healthy {
            relay.observed.failed();
            self.backoff_began.notify_one();
        }
        began
    }

    /// Records a reply to a transaction and ends the relay's backoff. `deferred`: it may ask for fewer
    /// connections.
    pub fn replied(&self, route: &Arc<Route>, deferred: bool, now: Instant) {
        let mut state = self.state();
        let Some(relay) = state.relay_mut(route) else {
            return;
        };
        if relay.circuit.on_reply(!deferred, now) {
            self.status_changed.notify_one();
            self.capacity_freed.notify_one();
        }
    }

    /// Whether a connection to a relay with this greeting may pipeline the next message.
    pub fn pipelining_permit(
        &self,
        route: &Arc<Route>,
        greeting: &str,
        now: Timestamp,
    ) -> PipeliningPermit {
        let mut state = self.state();
        match state.relay_mut(route) {
            Some(relay) => relay.pipelining.permit(greeting, now),
            None => PipeliningPermit::Denied,
        }
    }

    /// A pipelined transaction succeeded. Returns the outcome of a trial, to store it.
    pub fn pipelining_worked(
        &self,
        route: &Arc<Route>,
        greeting: &str,
        now: Timestamp,
    ) -> Option<PipeliningTrial> {
        let mut state = self.state();
        state.relay_mut(route)?.pipelining.succeeded(greeting, now)
    }

    /// A session broke on pipelined commands, or was closed there for another reason. Returns what
    /// is to be stored.
    pub fn broke_on_pipelining(
        &self,
        route: &Arc<Route>,
        greeting: &str,
        now: Timestamp,
    ) -> Option<PipeliningTrial> {
        let mut state = self.state();
        state.relay_mut(route)?.pipelining.broke(greeting, now)
    }

    /// A session ended with several messages in doubt: the relay gets one at a time until one is
    /// accepted.
    pub fn pipelining_interrupted(&self, route: &Arc<Route>) {
        if let Some(relay) = self.state().relay_mut(route) {
            relay.pipelining.interrupted();
            relay.circuit.restart_limit();
        }
    }

    /// Whether a relay gets one message at a time, after [`Pool::pipelining_interrupted`].
    pub fn is_interrupted(&self, route: &Arc<Route>) -> bool {
        let state = self.state();
        let relay = state.relay(route);
        relay.is_some_and(|relay| relay.pipelining.is_interrupted())
    }

    /// Whether messages may go in chunks to a relay with this greeting.
    pub fn chunking_permit(
        &self,
        route: &Arc<Route>,
        greeting: &str,
        now: Timestamp,
    ) -> PipeliningPermit {
        let mut state = self.state();
        match state.relay_mut(route) {
            Some(relay) => relay.pipelining.chunking(greeting, now),
            None => PipeliningPermit::Denied,
        }
    }

    /// Notes whether a relay with this greeting knows BDAT.
    pub fn chunking_tried(&self, route: &Arc<Route>, greeting: &str, works: bool) {
        if let Some(relay) = self.state().relay_mut(route) {
            relay.pipelining.chunking_tried(greeting, works);
        }
    }

    /// A connection ended, which may have been the one of a trial.
    pub fn pipelining_abandoned(&self, route: &Arc<Route>, greeting: &str) {
        if let Some(relay) = self.state().relay_mut(route) {
            relay.pipelining.abandoned(greeting);
        }
    }
}

/// A relay that is at its limit of messages for the time `wait`.
fn limit_view(route: &Route, now: Timestamp, wait: Duration) -> BackoffView {
    let detail = format!(
        "{} gets at most {}; it takes mail again when its limit allows",
        route.name,
        described(&route.limits)
    );
    BackoffView {
        relay: route.name.clone(),
        id: None,
        name: None,
        account: None,
        state: RelayState::AtLimit,
        failure: Failure::new(Stage::Mail, Fault::OwnLimit, detail),
        cause: None,
        since: now,
        next: now + wait,
    }
}
