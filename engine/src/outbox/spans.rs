//! Spans of mail for traces: its acceptance, the wait for its first attempt, and each attempt.

use std::sync::OnceLock;
use std::time::Duration;

use domain::Timestamp;
use domain::outbox::RecipientState;
use tokio::time::Instant;
use ulid::Ulid;

use super::group_commit::request::NewMessage;
use crate::Clock;
use crate::store::recipients::SettledRecipient;
use crate::store::search;

/// A step of a message on its way. It names no recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSpan {
    /// The id of the message.
    pub message: String,
    /// The 128 bits of that id, which is a ULID: every process knows the trace of a message by them, so that
    /// nothing is stored for it.
    pub trace: u128,
    /// When the step began.
    pub start: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What was done.
    pub step: MailStep,
}

/// What is done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailStep {
    /// It was validated, composed and written to disk.
    Accepted {
        /// `fields` of JSON, as over HTTP, or an `envelope` with the whole message, as over SMTP.
        submission: &'static str,
        /// The number of its recipients.
        recipients: usize,
        /// Its size.
        octets: usize,
    },
    /// It waited for its first attempt.
    Queued,
    /// A transaction with a relay.
    Attempted(MailAttempt),
}

/// The result of a transaction with a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAttempt {
    /// Host and port.
    pub relay: String,
    /// The number of attempts, with this one.
    pub number: i64,
    /// The recipients that the relay accepted.
    pub delivered: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that are tried again, or wait for a person.
    pub deferred: usize,
    /// The code of the reply to the first recipient; `None` where the session ended without one.
    pub reply_code: Option<u16>,
}

/// What spans are given to.
type Sink = Box<dyn Fn(MailSpan) + Send + Sync>;

/// Makes spans once there is something to give them to.
#[derive(Default)]
pub struct MailSpans(OnceLock<Sink>);

/// A request whose messages are being accepted.
pub(super) struct Acceptance {
    submission: &'static str,
    start: Timestamp,
    began: Instant,
    spans: Vec<MailSpan>,
}

impl MailSpans {
    /// Gives each span to `sink` from now on. It must not block. Only the first one counts.
    pub fn give_to(&self, sink: impl Fn(MailSpan) + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(sink));
    }

    /// The beginning of an acceptance; `None` where nothing takes spans. `submission` is as in
    /// [`MailStep::Accepted`].
    pub(super) fn begin(&self, submission: &'static str, clock: &Clock) -> Option<Acceptance> {
        self.0.get()?;
        Some(Acceptance {
            submission,
            start: clock.now(),
            began: clock.monotonic(),
            spans: Vec::new(),
        })
    }

    /// Gives the spans of messages that are on disk.
    pub(super) fn accepted(&self, acceptance: Option<Acceptance>, clock: &Clock) {
        let (Some(sink), Some(acceptance)) = (self.0.get(), acceptance) else {
            return;
        };
        let took = clock
            .monotonic()
            .saturating_duration_since(acceptance.began);
        for span in acceptance.spans {
            sink(MailSpan { took, ..span });
        }
    }

    /// Gives the spans of an attempt, whose results are all of one message.
    pub(crate) fn attempted(&self, settled: &[SettledRecipient], now: Timestamp) {
        let Some(sink) = self.0.get() else {
            return;
        };
        // What is settled without a relay was not attempted.
        let Some(first) = settled.iter().find(|row| row.scope.is_some()) else {
            return;
        };
        let Some(trace) = trace(&first.key.message_id) else {
            return;
        };
        let count = |states: &[RecipientState]| {
            let rows = settled.iter();
            rows.filter(|row| states.contains(&row.state)).count()
        };
        let delivered = count(&[RecipientState::Delivered]);
        let failed = count(&[RecipientState::Failed]);
        let code = first
            .reply
            .get(..3)
            .and_then(|code| code.parse::<u16>().ok());
        let span = MailSpan {
            message: first.key.message_id.clone(),
            trace,
            start: first.settled.unwrap_or(now) - first.took,
            took: first.took,
            step: MailStep::Attempted(MailAttempt {
                relay: first.relay.clone(),
                number: first.attempts,
                delivered,
                failed,
                deferred: settled.len() - delivered - failed,
                reply_code: code.filter(|code| (200..600).contains(code)),
            }),
        };
        if first.attempts == 1 {
            let accepted = search::accepted(&first.key.message_id);
            sink(MailSpan {
                start: accepted,
                took: span.start.saturating_since(accepted),
                step: MailStep::Queued,
                ..span.clone()
            });
        }
        sink(span);
    }
}

impl Acceptance {
    /// Remembers the messages that are to be written.
    pub fn of(&mut self, messages: &[NewMessage]) {
        let spans = messages.iter().filter_map(|new| {
            Some(MailSpan {
                message: new.message.id.clone(),
                trace: trace(&new.message.id)?,
                start: self.start,
                took: Duration::ZERO,
                step: MailStep::Accepted {
                    submission: self.submission,
                    recipients: new.recipients.len(),
                    octets: new.bytes.len(),
                },
            })
        });
        self.spans = spans.collect();
    }
}

fn trace(message: &str) -> Option<u128> {
    Ulid::from_string(message).ok().map(|id| id.0)
}
