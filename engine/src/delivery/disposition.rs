//! From what the relay said to what becomes of a mail.

use std::time::Duration;

use domain::outbox::{
    DeliveryEvent, Disposition, EventKind, Jitter, MAXIMAL_QUEUE_LIFETIME, RecipientState,
    Suppression, disposition, is_suppressible, message_backoff,
};
use domain::{Failure, Reply, Timestamp};

use super::mail::Mail;
use crate::store::delivery_events::Entry;
use crate::store::recipients::{Claimed, Settled};

/// What becomes of a mail, for all its recipients.
#[derive(Debug, Default)]
pub struct AttemptResult {
    pub settled: Vec<Settled>,
    pub events: Vec<Entry>,
    pub listed: Vec<Suppression>,
    /// The relay took it for somebody.
    pub taken: bool,
    /// It reply to come back.
    pub complained: bool,
    /// It would have reply the same to any mail.
    pub relay_failure: Option<Failure>,
}

/// An attempt, when it was and with whom.
pub struct Attempt<'a> {
    pub relay: &'a str,
    pub now: Timestamp,
    pub took: Duration,
    pub jitter: Jitter,
}

/// What becomes of a mail by what the relay said of each recipient.
pub fn dispose(
    mail: &Mail,
    fates: &[Result<Reply, Failure>],
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult::default();
    for (row, fate) in mail.recipients.iter().zip(fates) {
        match fate {
            Ok(reply) => {
                result.taken = true;
                result.settled.push(attempt.settled(
                    row,
                    RecipientState::Delivered,
                    None,
                    reply.to_line(),
                ));
            }
            Err(failure) => attempt.failed(&mut result, row, failure, false),
        }
    }
    result
}

/// What becomes of a mail in whose midst the session ended: where it may have arrived, an attempt
/// that failed. Otherwise nothing was reply of it, and it goes behind what else is due.
pub fn interrupted(
    mail: &Mail,
    failure: &Failure,
    may_have_arrived: bool,
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult::default();
    for row in &mail.recipients {
        if may_have_arrived {
            attempt.failed(&mut result, row, failure, true);
        } else {
            let reply = failure.reply_or_detail();
            result.settled.push(attempt.untried(row, reply));
        }
    }
    result
}

impl Attempt<'_> {
    fn failed(
        &self,
        result: &mut AttemptResult,
        row: &Claimed,
        failure: &Failure,
        may_have_arrived: bool,
    ) {
        let reply = failure.reply_or_detail();
        let over = row.attempts > 0 && row.trying_since <= (self.now - MAXIMAL_QUEUE_LIFETIME).0;
        let (state, reply) = match disposition(failure) {
            Disposition::BackOffRelay => {
                result.relay_failure = Some(failure.clone());
                result.settled.push(self.untried(row, reply));
                return;
            }
            Disposition::Fail => (RecipientState::Failed, reply),
            Disposition::Defer if over => (
                RecipientState::Failed,
                format!("Given up after five days. The last time: {reply}"),
            ),
            Disposition::Defer => (RecipientState::Deferred, reply),
        };
        if is_suppressible(failure) {
            result.listed.push(Suppression {
                address: row.address.clone(),
                reply: reply.clone(),
                listed: self.now,
                id: row.message.clone(),
            });
        }
        result.complained |= state == RecipientState::Deferred;
        let due = (state == RecipientState::Deferred)
            .then(|| (self.now + message_backoff(row.attempts + 1, self.jitter)).0);
        result.events.push(Entry {
            message: row.message.clone(),
            position: row.position,
            event: DeliveryEvent {
                at: self.now,
                kind: match state {
                    RecipientState::Failed => EventKind::Failed,
                    _ => EventKind::Deferred,
                },
                by: self.relay.to_owned(),
                reply: reply.clone(),
                took: Some(self.milliseconds()),
                may_have_arrived,
            },
        });
        let settled = self.settled(row, state, due, reply);
        result.settled.push(settled);
    }

    /// As it was, but for what was reply, and behind what else is due.
    fn untried(&self, row: &Claimed, reply: String) -> Settled {
        let state = match row.attempts {
            0 => RecipientState::Queued,
            _ => RecipientState::Deferred,
        };
        Settled {
            due: Some(self.now.0),
            attempts: row.attempts,
            trying_since: row.trying_since,
            settled: None,
            ..self.settled(row, state, None, reply)
        }
    }

    fn settled(
        &self,
        row: &Claimed,
        state: RecipientState,
        due: Option<i64>,
        reply: String,
    ) -> Settled {
        Settled {
            message: row.message.clone(),
            position: row.position,
            state,
            due,
            attempts: row.attempts + 1,
            trying_since: match row.attempts {
                0 => self.now.0,
                _ => row.trying_since,
            },
            settled: due.is_none().then_some(self.now.0),
            relay: self.relay.to_owned(),
            reply,
            took: self.milliseconds(),
        }
    }

    fn milliseconds(&self) -> i64 {
        i64::try_from(self.took.as_millis()).unwrap_or(i64::MAX)
    }
}
