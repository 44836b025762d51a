//! The state of a relay: healthy, backing off, half-open or silent, and what changes it.
//!
//! The transitions are pure: they take the time and do no I/O.

use std::time::Duration;

use domain::outbox::{BackoffView, Jitter, RelayCondition, RelayState};
use domain::{Failure, Fault, Stage, Timestamp};
use tokio::time::Instant;

use super::backoff::RelayBackoff;
use super::concurrency_limit::ConcurrencyLimit;

/// A relay that replied to a transaction within this time is healthy.
const HEALTHY: Duration = Duration::from_secs(10);

/// A relay that has messages and has replied to none for this time is silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether a relay takes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Availability {
    /// It is healthy, and another connection may be opened.
    Open,
    /// It is healthy, at its concurrency limit.
    AtLimit,
    /// Its backoff is over: one connection makes the half-open attempt.
    HalfOpen,
    /// It is backing off for this time.
    BackingOff(Duration),
    /// The half-open attempt is under way.
    Attempting,
    /// It has messages and does not reply.
    Silent,
}

impl Availability {
    /// Whether messages may wait for it.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Open | Self::AtLimit | Self::HalfOpen)
    }
}

/// The state of a relay.
pub(in crate::delivery) struct RelayCircuit {
    /// Host and port.
    relay: String,
    /// `None` while it is healthy.
    backoff: Option<RelayBackoff>,
    /// A connection makes the half-open attempt.
    attempting: bool,
    limit: ConcurrencyLimit,
    /// Connections with a message.
    active: usize,
    /// Connections with a message by settings that were replaced: they count toward the cap.
    replaced: usize,
    /// The last reply to a transaction.
    last_reply: Option<Instant>,
    /// Since when it has messages without a reply to any.
    awaiting_since: Option<Instant>,
    /// Consecutive failures.
    failures: usize,
}

impl RelayCircuit {
    /// A relay that nothing is known of.
    pub fn new(relay: &str, max_connections: usize) -> Self {
        Self {
            relay: relay.to_owned(),
            backoff: None,
            attempting: false,
            limit: ConcurrencyLimit::new(max_connections),
            active: 0,
            replaced: 0,
            last_reply: None,
            awaiting_since: None,
            failures: 0,
        }
    }

    /// Whether it takes messages at `now`.
    pub fn availability(&self, now: Instant) -> Availability {
        match &self.backoff {
            Some(_) if self.attempting => Availability::Attempting,
            Some(backoff) => match backoff.remaining(now) {
                Some(remaining) => Availability::BackingOff(remaining),
                None if self.has_room() => Availability::HalfOpen,
                None => Availability::Silent,
            },
            None if self.silent_since(now).is_some() => Availability::Silent,
            None if self.has_room() && self.active < self.limit.current() => Availability::Open,
            None => Availability::AtLimit,
        }
    }

    /// Whether its cap allows another connection.
    fn has_room(&self) -> bool {
        self.active + self.replaced < self.limit.maximum()
    }

    /// The connections with a message.
    pub fn active(&self) -> usize {
        self.active
    }

    /// Sets the number of connections with a message by settings that were replaced.
    pub fn set_replaced(&mut self, connections: usize, now: Instant) {
        self.replaced = connections;
        if connections > 0 {
            self.awaiting_since.get_or_insert(now);
        }
    }

    /// Since when it has messages and does not reply; `None` while it replies.
    fn silent_since(&self, now: Instant) -> Option<Instant> {
        // Without room, those of replaced settings are all that it could reply to.
        let awaits = self.active > 0 || !self.has_room();
        let since = self.awaiting_since.filter(|_| awaits);
        since.filter(|since| now.saturating_duration_since(*since) >= SILENCE)
    }

    /// Why it takes no messages, by the time of day; `None` while it is healthy.
    pub fn condition(&self, now: Timestamp, monotonic: Instant) -> Option<RelayCondition> {
        let time = |since: Instant| now - monotonic.saturating_duration_since(since);
        if let Some(since) = self.backing_off_since() {
            return Some(RelayCondition::BackingOff { since: time(since) });
        }
        let since = self.silent_since(monotonic).map(time)?;
        Some(RelayCondition::Silent { since })
    }

    /// Whether a connection that ended a message may take another.
    pub fn may_continue(&self) -> bool {
        self.backoff.is_none() && self.active <= self.limit.current()
    }

    /// Since when it is backing off; `None` while it is not.
    pub fn backing_off_since(&self) -> Option<Instant> {
        self.backoff.as_ref().map(RelayBackoff::since)
    }

    /// How many messages may wait in this process: a commit brings many, and each connection looks
    /// ahead. No more than a relay takes within a moment, so that other accounts and classes follow soon.
    pub fn queue_capacity(&self) -> usize {
        (self.limit.current() * 8).clamp(32, 512)
    }

    /// A connection begins with a message. Returns whether it makes the half-open attempt.
    pub fn begin(&mut self, now: Instant) -> bool {
        if self.active == 0 {
            self.awaiting_since = Some(now);
        }
        self.active += 1;
        let half_open = self.backoff.is_some();
        self.attempting |= half_open;
        half_open
    }

    /// A connection has no more messages.
    pub fn end(&mut self, half_open: bool) {
        self.active -= 1;
        self.attempting &= !half_open;
    }

    /// It replied to a transaction, which ends its backoff. `accepted`: it took the message. Returns
    /// whether a backoff ended.
    pub fn on_reply(&mut self, accepted: bool, now: Instant) -> bool {
        self.last_reply = Some(now);
        self.awaiting_since = self.last_reply;
        self.failures = 0;
        if accepted {
            self.limit.increase();
        } else {
            self.limit.decrease();
        }
        self.backoff.take().is_some()
    }

    /// It failed, whatever the message. While it replies to others it may just refuse one connection
    /// too many; otherwise it backs off. `half_open`: this was the half-open attempt. Returns whether
    /// a backoff began.
    pub fn on_failure(
        &mut self,
        failure: Failure,
        half_open: bool,
        now: Instant,
        jitter: Jitter,
    ) -> bool {
        self.failures += 1;
        let healthy = self
            .last_reply
            .is_some_and(|reply| now.saturating_duration_since(reply) < HEALTHY);
        if healthy && self.backoff.is_none() && (self.active > 1 || self.failures == 1) {
            self.limit.cap(self.active.saturating_sub(1));
            return false;
        }
        self.back_off(failure, half_open, now, jitter)
    }

    /// It let the time for its reply to a message pass, and was silent on that connection for the time
    /// `silent`. Where it has replied to no other message meanwhile, it backs off. `half_open`: this
    /// was the half-open attempt. Returns whether a backoff began.
    pub fn on_unanswered(
        &mut self,
        failure: Failure,
        half_open: bool,
        silent: Duration,
        now: Instant,
        jitter: Jitter,
    ) -> bool {
        let since = |reply: Instant| now.saturating_duration_since(reply);
        if self.last_reply.is_some_and(|reply| since(reply) < silent) {
            self.limit.decrease();
            return false;
        }
        self.back_off(failure, half_open, now, jitter)
    }

    /// It refuses any message, although it replies: it backs off. Returns whether a backoff began.
    pub fn back_off(
        &mut self,
        failure: Failure,
        half_open: bool,
        now: Instant,
        jitter: Jitter,
    ) -> bool {
        if self.backoff.is_some() && !half_open {
            // This attempt began before the backoff.
            return false;
        }
        let earlier = self.backoff.as_ref();
        let backoff = RelayBackoff::after(earlier, &self.relay, failure, now, jitter);
        self.backoff = Some(backoff);
        self.limit.restart();
        true
    }

    /// Starts again with one connection.
    pub fn restart_limit(&mut self) {
        self.limit.restart();
    }

    /// What failed, and whether it gets messages, by the time of day; `None` while it is healthy. A
    /// backoff that is over stays until an attempt succeeds.
    pub fn view(&self, now: Timestamp, monotonic: Instant) -> Option<BackoffView> {
        if let Some(backoff) = &self.backoff {
            let state = match self.availability(monotonic) {
                Availability::HalfOpen => RelayState::HalfOpen,
                _ => RelayState::BackingOff,
            };
            return Some(backoff.view(state, now, monotonic));
        }
        let since = self.silent_since(monotonic)?;
        let detail = format!(
            "{} has not replied to a message; RFC 5321 allows it ten minutes",
            self.relay
        );
        Some(BackoffView {
            relay: self.relay.clone(),
            id: None,
            name: None,
            account: None,
            state: RelayState::Silent,
            failure: Failure::new(Stage::Data, Fault::TimedOut, detail),
            cause: None,
            since: now - monotonic.saturating_duration_since(since),
            next: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Availability::{AtLimit, Attempting, BackingOff, HalfOpen, Open, Silent};
    use super::*;

    fn failure() -> Failure {
        Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused")
    }

    struct Relay {
        circuit: RelayCircuit,
        begun: Instant,
    }

    impl Relay {
        fn new() -> Self {
            Self {
                circuit: RelayCircuit::new("relay:25", 2),
                begun: Instant::now(),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.begun + Duration::from_secs(seconds)
        }

        fn availability(&self, seconds: u64) -> Availability {
            self.circuit.availability(self.at(seconds))
        }

        fn begin(&mut self, seconds: u64) -> bool {
            self.circuit.begin(self.at(seconds))
        }

        fn fail(&mut self, seconds: u64, half_open: bool) -> bool {
            let now = self.at(seconds);
            self.circuit.on_failure(failure(), half_open, now, 0)
        }

        fn reply(&mut self, seconds: u64) -> bool {
            self.circuit.on_reply(true, self.at(seconds))
        }
    }

    #[test]
    fn a_relay_is_tried_by_one_connection_after_its_backoff() {
        let mut relay = Relay::new();
        assert_eq!(relay.availability(0), Open);
        assert!(!relay.begin(0) && !relay.begin(0));
        assert_eq!(relay.availability(0), AtLimit);
        assert!(relay.fail(0, false));
        assert!(!relay.fail(0, false), "this attempt began before");
        relay.circuit.end(false);
        relay.circuit.end(false);
        assert_eq!(relay.availability(0), BackingOff(Duration::from_secs(5)));
        assert_eq!(relay.availability(5), HalfOpen);
        assert!(relay.begin(5));
        assert_eq!(relay.availability(5), Attempting);
        assert!(relay.fail(6, true));
        relay.circuit.end(true);
        assert_eq!(relay.availability(6), BackingOff(Duration::from_secs(10)));
        assert!(relay.begin(16));
        assert!(relay.reply(17));
        assert!(relay.circuit.may_continue());
        relay.circuit.end(true);
        assert_eq!(relay.availability(17), Open);
    }

    #[test]
    fn a_connection_refused_beside_others_is_a_limit_and_no_backoff() {
        let mut relay = Relay::new();
        relay.begin(0);
        relay.reply(1);
        relay.begin(1);
        assert!(!relay.fail(2, false), "the other has just delivered");
        assert_eq!(relay.circuit.limit.current(), 1);
        relay.circuit.end(false);
        assert_eq!(relay.availability(2), AtLimit);
        relay.circuit.end(false);
        relay.begin(12);
        assert!(relay.fail(12, false), "the last reply was 11 s ago");
    }

    #[test]
    fn a_relay_that_refuses_any_message_backs_off_although_it_replies() {
        let mut relay = Relay::new();
        relay.begin(0);
        relay.reply(1);
        let refused = |relay: &mut Relay, seconds, half_open| {
            let now = relay.at(seconds);
            relay.circuit.back_off(failure(), half_open, now, 0)
        };
        assert!(refused(&mut relay, 1, false));
        assert!(
            !refused(&mut relay, 1, false),
            "it began before the backoff"
        );
        relay.circuit.end(false);
        assert_eq!(relay.availability(1), BackingOff(Duration::from_secs(5)));
        assert!(relay.begin(6) && refused(&mut relay, 6, true));
        relay.circuit.end(true);
        assert_eq!(relay.availability(6), BackingOff(Duration::from_secs(10)));
    }

    #[test]
    fn a_relay_that_lets_the_time_for_a_reply_pass_backs_off_where_it_replies_to_none() {
        // When it replied last, and when the message was sent whose time has passed.
        for (reply, sent, backs_off) in [
            (None, 0, true),
            (Some(10), 10, true),
            (Some(10), 11, true),
            (Some(610), 11, false),
            (Some(11), 10, false),
        ] {
            let mut relay = Relay::new();
            relay.begin(0);
            if let Some(reply) = reply {
                relay.reply(reply);
            }
            let silent = Duration::from_secs(600);
            let now = relay.at(sent + 600);
            let timed_out = |relay: &mut Relay, half_open| {
                let circuit = &mut relay.circuit;
                circuit.on_unanswered(failure(), half_open, silent, now, 0)
            };
            let case = format!("replied at {reply:?}, sent at {sent}");
            assert_eq!(timed_out(&mut relay, false), backs_off, "{case}");
            assert!(!timed_out(&mut relay, false), "once");
            assert_eq!(timed_out(&mut relay, true), backs_off, "{case}");
        }
    }

    #[test]
    fn a_relay_without_a_reply_for_half_a_minute_is_silent() {
        let mut relay = Relay::new();
        relay.begin(0);
        assert_eq!(relay.availability(29), Open);
        assert_eq!(relay.availability(30), Silent);
        let view = relay.circuit.view(Timestamp(100_000), relay.at(30));
        assert_eq!(view.map(|view| view.since), Some(Timestamp(70_000)));
        let condition = relay.circuit.condition(Timestamp(100_000), relay.at(30));
        let silent = RelayCondition::Silent {
            since: Timestamp(70_000),
        };
        assert_eq!(condition, Some(silent));
        relay.reply(31);
        assert_eq!(relay.availability(31), Open);
        relay.circuit.end(false);
        assert_eq!(relay.availability(99), Open, "it has no messages");
    }

    #[test]
    fn connections_by_replaced_settings_count_toward_the_cap() {
        let mut relay = Relay::new();
        let replaced = |relay: &mut Relay, connections| {
            let now = relay.at(0);
            relay.circuit.set_replaced(connections, now);
        };
        replaced(&mut relay, 1);
        assert_eq!(relay.availability(99), Open, "it has room for one");
        relay.begin(99);
        assert_eq!(relay.availability(99), AtLimit);
        relay.reply(100);
        assert_eq!(relay.availability(100), AtLimit);
        relay.circuit.end(false);
        assert_eq!(relay.availability(100), Open);

        let mut relay = Relay::new();
        replaced(&mut relay, 2);
        assert_eq!(relay.availability(29), AtLimit);
        assert_eq!(relay.availability(30), Silent);
        replaced(&mut relay, 1);
        assert_eq!(relay.availability(30), Open);
        relay.begin(30);
        assert!(relay.fail(30, false));
        relay.circuit.end(false);
        assert_eq!(relay.availability(35), HalfOpen);
        replaced(&mut relay, 2);
        assert_eq!(relay.availability(35), Silent, "it has no room to try");
    }

    #[test]
    fn a_failure_is_shown_until_an_attempt_succeeds() {
        let mut relay = Relay::new();
        let shown = |relay: &Relay, seconds: u64| {
            let now = Timestamp(i64::try_from(seconds).expect("small") * 1000);
            let view = relay.circuit.view(now, relay.at(seconds));
            view.map(|view| (view.state, view.since.0 / 1000))
        };
        assert_eq!(shown(&relay, 0), None);
        relay.begin(0);
        relay.fail(0, false);
        relay.circuit.end(false);
        assert_eq!(shown(&relay, 4), Some((RelayState::BackingOff, 0)));
        assert_eq!(shown(&relay, 5), Some((RelayState::HalfOpen, 0)));
        assert_eq!(shown(&relay, 86_400), Some((RelayState::HalfOpen, 0)));
        assert!(relay.begin(86_400), "the next message tries it again");
        assert_eq!(shown(&relay, 86_401), Some((RelayState::BackingOff, 0)));
        relay.fail(86_401, true);
        relay.circuit.end(true);
        assert_eq!(shown(&relay, 86_402), Some((RelayState::BackingOff, 0)));
        relay.begin(86_500);
        relay.reply(86_500);
        assert_eq!(shown(&relay, 86_500), None);
    }
}
