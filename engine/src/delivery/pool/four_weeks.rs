//! Four weeks of retries on a simulated clock: mails with different troubles, and two outages.
//!
//! Everything that decides is the code of delivery; only the clock, the relays and the jitter are not.
//! `four_weeks.txt` is the result.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use domain::outbox::{RecipientState, WantedReports};
use domain::{Failure, Fault, Reply, Stage, Timestamp};
use tokio::time::Instant;

use super::state::{Choice, PooledRelay, State};
use crate::Clock;
use crate::delivery::disposition::interruptions::Interruptions;
use crate::delivery::disposition::{
    Attempt, AttemptResult, Unanswered, by_replies, of_broken_session,
};
use crate::delivery::relay::circuit::Availability;
use crate::delivery::relay::route::Route;
use crate::delivery::task::queued_message::QueuedMessage;
use crate::store::recipients::{ClaimedRecipient, RecipientKey};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// When the first relay is down, and when both are, in seconds.
const FIRST_DOWN: Range<u64> = 2 * DAY..4 * DAY;
const BOTH_DOWN: Range<u64> = 5 * DAY..26 * DAY;

/// What relays do with a mail.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    /// This reply until so many seconds after the acceptance.
    Reply(u16, &'static str, u64),
    /// The session ends at RCPT.
    EndsSession,
    /// The session ends after the end of data.
    LosesReply,
}

struct Mail {
    name: String,
    accepted: u64,
    trouble: Trouble,
    state: RecipientState,
    attempts: i64,
    /// The relay of the last result.
    relay: String,
    /// When it is due, in seconds; `None` in a final state.
    due: Option<u64>,
    unanswered: i64,
}

impl Mail {
    fn new(name: &str, accepted: u64, trouble: Trouble) -> Self {
        Self {
            name: name.to_owned(),
            accepted,
            trouble,
            state: RecipientState::Queued,
            attempts: 0,
            relay: String::new(),
            due: Some(accepted),
            unanswered: 0,
        }
    }

    /// Its line in the table.
    fn line(&self) -> String {
        let (name, state, attempts) = (&self.name, self.state.as_str(), self.attempts);
        let mut line = format!("  {name:<16} {state:<9} {attempts:>4}  {}", self.relay);
        if let Some(due) = self.due {
            let _ = write!(line, "  next {}", time(due));
        }
        line
    }
}

fn time(seconds: u64) -> String {
    let (day, hour, minute) = (seconds / DAY, seconds / HOUR % 24, seconds / 60 % 60);
    format!("day {day} {hour:02}:{minute:02}")
}

/// The mails, and a plain one each twelve hours.
fn mails() -> Vec<Mail> {
    let greylisted = Trouble::Reply(450, "4.2.0 greylisted", 40 * 60);
    let temporary = Trouble::Reply(451, "4.3.0 try again later", 30 * HOUR);
    let refused = Trouble::Reply(550, "5.1.1 no such user", u64::MAX);
    let full = Trouble::Reply(452, "4.2.2 mailbox full", u64::MAX);
    let mut mails = vec![
        Mail::new("greylisted", 0, greylisted),
        Mail::new("temporary", 0, temporary),
        Mail::new("refused", 0, refused),
        Mail::new("loses the reply", 0, Trouble::LosesReply),
        Mail::new("mailbox full", DAY, full),
        Mail::new("ends sessions", DAY + 12 * HOUR, Trouble::EndsSession),
        Mail::new("in one outage", 2 * DAY + 12 * HOUR, Trouble::None),
        Mail::new("in both outages", 6 * DAY, Trouble::None),
    ];
    let plain = (0..56).map(|half| Mail::new("plain", half * 12 * HOUR + 60, Trouble::None));
    mails.extend(plain);
    mails
}

struct Simulation {
    mails: Vec<Mail>,
    state: State,
    interruptions: Interruptions,
    begun: Instant,
    /// In seconds.
    now: u64,
}

impl Simulation {
    fn new() -> Self {
        let mut state = State::new(Clock::default());
        for name in ["smtp-a", "smtp-b"] {
            let route = Arc::new(Route::of_name(name));
            state.relays.push(PooledRelay::new(route, 4));
        }
        Self {
            mails: mails(),
            state,
            interruptions: Interruptions::default(),
            begun: Instant::now(),
            now: 0,
        }
    }

    fn monotonic(&self) -> Instant {
        self.begun + Duration::from_secs(self.now)
    }

    fn day(&self) -> Timestamp {
        Timestamp(0) + Duration::from_secs(self.now)
    }

    /// The next time at which a mail is due or a relay may be tried again.
    fn next(&self) -> u64 {
        let due = self.mails.iter().filter_map(|mail| mail.due);
        let due = due.filter(|due| *due > self.now);
        let relays = self.state.relays.iter();
        let backoffs =
            relays.filter_map(|relay| match relay.circuit.availability(self.monotonic()) {
                Availability::BackingOff(remaining) => Some(self.now + remaining.as_secs()),
                _ => None,
            });
        due.chain(backoffs).min().unwrap_or(u64::MAX)
    }

    /// Attempts what is due and can be attempted.
    fn serve(&mut self) {
        let now = self.monotonic();
        let mails = self.mails.iter().enumerate();
        let due = mails.filter(|(_, mail)| mail.due.is_some_and(|due| due <= self.now));
        let mut due: Vec<(usize, &Mail)> = due.collect();
        due.sort_by_key(|(_, mail)| mail.due);
        let due: Vec<usize> = due.into_iter().map(|(index, _)| index).collect();
        for index in due {
            let message = queued(index, &self.mails[index]);
            self.state.queue(&"global".into()).push_back(message);
            while let Some((message, relay)) = self.state.pop_for_new_task(Duration::MAX, now) {
                let half_open = self.state.relays[relay].circuit.begin(now);
                self.attempt(message, relay, half_open);
                self.state.relays[relay].circuit.end(half_open);
            }
            if !matches!(self.state.choose("global", now), Choice::Relay(_)) {
                break;
            }
        }
        self.state.drain_stuck_queues(now);
    }

    fn attempt(&mut self, message: QueuedMessage, relay: usize, half_open: bool) {
        let index: usize = message.id.parse().expect("a number");
        let down = BOTH_DOWN.contains(&self.now) || relay == 0 && FIRST_DOWN.contains(&self.now);
        let now = self.begun + Duration::from_secs(self.now);
        let circuit = &mut self.state.relays[relay].circuit;
        if down {
            let refused = Failure::new(Stage::Tcp, Fault::ConnectionRefused, "refused");
            circuit.on_failure(refused, half_open, now, 0);
            self.state.queue(&"global".into()).push_front(message);
            return;
        }
        let route = self.state.relays[relay].route.clone();
        let attempt = Attempt {
            relay: &route.name,
            scope: route.scope,
            offers_dsn: false,
            choice: message.choice.clone(),
            settings: &route.relay.settings,
            now: self.day(),
            took: Duration::ZERO,
            jitter: 0,
            suppression_lifetime: Duration::ZERO,
            unanswered_before: HashMap::from([(0, self.mails[index].unanswered)]),
        };
        let mail = &mut self.mails[index];
        let circuit = &mut self.state.relays[relay].circuit;
        let closed = |stage| Failure::new(stage, Fault::Closed, "the relay closed the connection");
        let result = match mail.trouble {
            Trouble::EndsSession => {
                let unanswered = match self.interruptions.interrupted(route.scope, &message.id) {
                    true => Unanswered::EndedSession,
                    false => {
                        circuit.on_failure(closed(Stage::Rcpt), half_open, now, 0);
                        Unanswered::Untouched
                    }
                };
                of_broken_session(&message, &closed(Stage::Rcpt), unanswered, &attempt)
            }
            Trouble::LosesReply => {
                circuit.on_reply(false, now);
                let unanswered = Unanswered::MayHaveArrived;
                of_broken_session(&message, &closed(Stage::Data), unanswered, &attempt)
            }
            Trouble::Reply(code, text, until) if self.now - mail.accepted < until => {
                let reply = Reply::new(code, [text.as_bytes()].into_iter());
                let replies = [Err(Failure::rejected(Stage::Rcpt, reply))];
                let result = by_replies(&message, &replies, &attempt);
                circuit.on_reply(!result.deferred, now);
                result
            }
            Trouble::None | Trouble::Reply(..) => {
                let replies = [Ok(Reply::new(250, [&b"2.0.0 queued"[..]].into_iter()))];
                circuit.on_reply(true, now);
                self.interruptions.accepted(route.scope, &message.id);
                by_replies(&message, &replies, &attempt)
            }
        };
        mail.settle(&result);
        mail.relay.clone_from(&route.name);
    }

    /// The table: every six hours, the mails that changed.
    fn table(&mut self) -> String {
        let mut table = String::new();
        let mut shown: HashMap<String, String> = HashMap::new();
        for row in 1..=28 * 4 {
            let end = row * 6 * HOUR;
            while self.now < end {
                self.serve();
                self.now = self.next().min(end);
            }
            let mut changed = String::new();
            let single = self.mails.iter().filter(|mail| mail.name != "plain");
            let single = single.filter(|mail| mail.accepted < end);
            let lines = single.map(|mail| (mail.name.clone(), mail.line()));
            for (name, line) in lines.chain([("plain".to_owned(), self.plain(end))]) {
                if shown.get(&name) != Some(&line) {
                    let _ = writeln!(changed, "{line}");
                    shown.insert(name, line);
                }
            }
            if !changed.is_empty() {
                let _ = write!(table, "{}\n{changed}", time(end));
            }
        }
        table
    }

    /// The line of the plain mails that were accepted before a time.
    fn plain(&self, end: u64) -> String {
        let plain = || self.mails.iter().filter(|mail| mail.name == "plain");
        let plain = || plain().filter(|mail| mail.accepted < end);
        let by = |relay: &str| {
            let delivered = plain().filter(|mail| mail.state == RecipientState::Delivered);
            delivered.filter(|mail| mail.relay == relay).count()
        };
        let waiting = plain().filter(|mail| mail.due.is_some());
        assert!(plain().all(|mail| mail.attempts <= 1));
        let (a, b, waiting) = (by("smtp-a"), by("smtp-b"), waiting.count());
        format!("  plain            delivered {a} by smtp-a, {b} by smtp-b; waiting {waiting}")
    }
}

impl Mail {
    /// Takes over the result of an attempt.
    fn settle(&mut self, result: &AttemptResult) {
        let [row] = result.settled.as_slice() else {
            panic!("one recipient: {result:?}");
        };
        self.state = row.state;
        self.attempts = row.attempts;
        self.due = row
            .due
            .map(|due| u64::try_from(due.0 / 1000).expect("later"));
        let unanswered = result.events.iter().filter(|entry| entry.first_unanswered);
        self.unanswered += i64::try_from(unanswered.count()).expect("few");
    }
}

fn queued(index: usize, mail: &Mail) -> QueuedMessage {
    let recipient = ClaimedRecipient {
        key: RecipientKey {
            message_id: index.to_string(),
            position: 0,
        },
        address: "desk@example.net".to_owned(),
        attempts: mail.attempts,
        suppressed: None,
        submitter: None,
        reports: WantedReports::default(),
        webhook: None,
        was_tried: false,
        pinned_to: None,
    };
    let mut message = QueuedMessage::of(vec![recipient]);
    message.id = index.to_string();
    message
}

#[test]
fn four_weeks_of_retries_end_as_recorded() {
    let table = Simulation::new().table();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/delivery/pool/four_weeks.txt"
    );
    let recorded = std::fs::read_to_string(path).expect("the table");
    assert_eq!(table, recorded, "four_weeks.txt differs:\n{table}");
}
