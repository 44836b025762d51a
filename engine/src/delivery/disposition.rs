//! From the replies of the relay to the result of an attempt, per recipient.

use std::time::Duration;

use domain::outbox::{
    DeliveryEvent, Disposition, EventKind, Jitter, MAXIMAL_QUEUE_LIFETIME, RecipientState,
    Suppression, disposition, is_suppressible, message_backoff,
};
use domain::{Failure, Reply, Timestamp};

use super::queued_message::QueuedMessage;
use crate::store::delivery_events::NewEvent;
use crate::store::milliseconds;
use crate::store::recipients::{ClaimedRecipient, SettledRecipient};

/// The result of an attempt, for all recipients of the message.
#[derive(Debug, Default)]
pub(super) struct AttemptResult {
    pub settled: Vec<SettledRecipient>,
    pub events: Vec<NewEvent>,
    pub suppressions: Vec<Suppression>,
    /// The relay accepted the message for at least one recipient.
    pub accepted: bool,
    /// At least one recipient is deferred.
    pub deferred: bool,
    /// A failure of the relay, which it would report for any message.
    pub relay_failure: Option<Failure>,
}

/// When an attempt was made, and with which relay.
pub(super) struct Attempt<'a> {
    pub relay: &'a str,
    pub now: Timestamp,
    pub took: Duration,
    pub jitter: Jitter,
}

/// A failed attempt for one recipient.
struct FailedAttempt<'a> {
    recipient: &'a ClaimedRecipient,
    failure: &'a Failure,
    may_have_arrived: bool,
}

/// The result of a transaction by the reply for each recipient.
pub(super) fn by_replies(
    message: &QueuedMessage,
    replies: &[Result<Reply, Failure>],
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult::default();
    for (recipient, reply) in message.recipients.iter().zip(replies) {
        match reply {
            Ok(reply) => {
                result.accepted = true;
                result.settled.push(attempt.settled(
                    recipient,
                    RecipientState::Delivered,
                    None,
                    reply.to_line(),
                ));
            }
            Err(failure) => attempt.failed(
                &mut result,
                FailedAttempt {
                    recipient,
                    failure,
                    may_have_arrived: false,
                },
            ),
        }
    }
    result
}

/// The result of a session that broke during the transaction. Where the message may have arrived, it
/// is a failed attempt. Otherwise nothing was replied about it, and it is queued behind what is due.
pub(super) fn of_broken_session(
    message: &QueuedMessage,
    failure: &Failure,
    may_have_arrived: bool,
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult::default();
    for recipient in &message.recipients {
        if may_have_arrived {
            attempt.failed(
                &mut result,
                FailedAttempt {
                    recipient,
                    failure,
                    may_have_arrived,
                },
            );
        } else {
            let reply = failure.reply_or_detail();
            result.settled.push(attempt.requeued(recipient, reply));
        }
    }
    result
}

impl Attempt<'_> {
    fn failed(&self, result: &mut AttemptResult, failed: FailedAttempt<'_>) {
        let (recipient, failure) = (failed.recipient, failed.failure);
        let reply = failure.reply_or_detail();
        let expired =
            recipient.attempts > 0 && recipient.trying_since <= self.now - MAXIMAL_QUEUE_LIFETIME;
        let (state, reply) = match disposition(failure) {
            Disposition::BackOffRelay => {
                result.relay_failure = Some(failure.clone());
                result.settled.push(self.requeued(recipient, reply));
                return;
            }
            Disposition::Fail => (RecipientState::Failed, reply),
            Disposition::Defer if expired => (
                RecipientState::Failed,
                format!("Not delivered within five days. The last reply: {reply}"),
            ),
            Disposition::Defer => (RecipientState::Deferred, reply),
        };
        if is_suppressible(failure) {
            result.suppressions.push(Suppression {
                address: recipient.address.clone(),
                reply: reply.clone(),
                listed: self.now,
                id: recipient.key.message_id.clone(),
            });
        }
        let deferred = state == RecipientState::Deferred;
        result.deferred |= deferred;
        let due = deferred.then(|| self.now + message_backoff(recipient.attempts + 1, self.jitter));
        result.events.push(NewEvent {
            key: recipient.key.clone(),
            event: DeliveryEvent {
                at: self.now,
                kind: match state {
                    RecipientState::Failed => EventKind::Failed,
                    _ => EventKind::Deferred,
                },
                by: self.relay.to_owned(),
                reply: reply.clone(),
                took: Some(milliseconds(self.took)),
                may_have_arrived: failed.may_have_arrived,
            },
        });
        let settled = self.settled(recipient, state, due, reply);
        result.settled.push(settled);
    }

    /// The recipient without an attempt counted, queued behind what is due. Only the reply is new.
    fn requeued(&self, recipient: &ClaimedRecipient, reply: String) -> SettledRecipient {
        let state = match recipient.attempts {
            0 => RecipientState::Queued,
            _ => RecipientState::Deferred,
        };
        SettledRecipient {
            due: Some(self.now),
            attempts: recipient.attempts,
            trying_since: recipient.trying_since,
            settled: None,
            ..self.settled(recipient, state, None, reply)
        }
    }

    fn settled(
        &self,
        recipient: &ClaimedRecipient,
        state: RecipientState,
        due: Option<Timestamp>,
        reply: String,
    ) -> SettledRecipient {
        SettledRecipient {
            key: recipient.key.clone(),
            state,
            due,
            attempts: recipient.attempts + 1,
            trying_since: match recipient.attempts {
                0 => self.now,
                _ => recipient.trying_since,
            },
            settled: due.is_none().then_some(self.now),
            relay: self.relay.to_owned(),
            reply,
            took: self.took,
        }
    }
}
