//! From the replies of the relay to the result of an attempt, per recipient.

pub(super) mod interruptions;
mod record;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::cause::{self, CauseClass, Finding, Observation};
use domain::outbox::{
    DeliveryEvent, Disposition, EventKind, Jitter, MAXIMAL_UNANSWERED, RecipientState, RelayChoice,
    ReportCause, Suppression, disposition, exceeds_recipients_limit, is_delayed, is_expired,
    is_suppressible, message_backoff, relay_wide_refusal,
};
use domain::webhook::WebhookEvent;
use domain::{Failure, Reply, SmtpSettings, Timestamp};

use super::task::queued_message::QueuedMessage;
use crate::store::delivery::events::NewEvent;
use crate::store::recipients::{ClaimedRecipient, SettledRecipient};
use crate::store::{Scope, search};

/// The result of an attempt, for all recipients of the message.
#[derive(Debug, Default)]
pub(super) struct AttemptResult {
    pub settled: Vec<SettledRecipient>,
    pub events: Vec<NewEvent>,
    pub suppressions: Vec<Suppression>,
    /// The positions of the recipients that were too many for the transaction. They have no result.
    pub over_limit: Vec<usize>,
    /// The relay accepted the message for at least one recipient.
    pub accepted: bool,
    /// At least one recipient is deferred.
    pub deferred: bool,
    /// A failure of the relay, which it would report for any message.
    pub relay_failure: Option<Failure>,
    /// The relay accepted the message for no recipient, and refused it for one by a reply that it may
    /// give any message.
    pub relay_wide: Option<RelayWideRefusal>,
}

/// A refusal that a relay may give any message.
#[derive(Clone, Debug)]
pub(super) struct RelayWideRefusal {
    /// What it is about.
    pub class: CauseClass,
    pub failure: Failure,
}

/// When an attempt was made, and with which relay.
pub(super) struct Attempt<'a> {
    pub relay: &'a str,
    pub scope: Scope,
    /// Whether the relay offers DSN, and so reports on delivery itself (RFC 3461).
    pub offers_dsn: bool,
    /// Why that relay.
    pub choice: Option<Arc<RelayChoice>>,
    /// The relay's settings; the cause of a failure may depend on them.
    pub settings: &'a SmtpSettings,
    pub now: Timestamp,
    pub took: Duration,
    pub jitter: Jitter,
    /// How long an address is suppressed.
    pub suppression_lifetime: Duration,
    /// How often the message was the first without a reply before, by the position of its recipient.
    pub unanswered_before: HashMap<i64, i64>,
}

/// What the end of a session means for a message that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nothing was replied about it: it is queued behind what is due, without an attempt.
    Untouched,
    /// It ended sessions again and again while others went through: an attempt.
    EndedSession,
    /// It may have arrived, and is the first that was not answered: an attempt. After
    /// [`MAXIMAL_UNANSWERED`] of them it is held.
    MayHaveArrived,
    /// It may have arrived, and is behind the first: it is deferred, and no attempt is counted.
    MayHaveArrivedBehind,
}

/// A failed attempt for one recipient.
struct FailedAttempt<'a> {
    message: &'a QueuedMessage,
    recipient: &'a ClaimedRecipient,
    failure: &'a Failure,
    /// `None` where the failure is a reply about the recipient.
    unanswered: Option<Unanswered>,
}

/// The result of a transaction by the reply for each recipient.
pub(super) fn by_replies(
    message: &QueuedMessage,
    replies: &[Result<Reply, Failure>],
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult {
        accepted: replies.iter().any(Result::is_ok),
        ..AttemptResult::default()
    };
    for (position, (recipient, reply)) in message.recipients.iter().zip(replies).enumerate() {
        match reply {
            Ok(reply) => {
                let reply = reply.to_line();
                let report = match attempt.offers_dsn {
                    true => None,
                    false => recipient.report(ReportCause::Relayed, &reply, attempt.now),
                };
                let settled = attempt.settled(recipient, RecipientState::Delivered, None, reply);
                result.settled.push(SettledRecipient {
                    report,
                    event: recipient.event(WebhookEvent::MessageDelivered),
                    ..settled
                });
            }
            Err(failure) => {
                let failed = FailedAttempt {
                    message,
                    recipient,
                    failure,
                    unanswered: None,
                };
                match result.accepted && attempt.is_over_limit(&failed) {
                    true => result.over_limit.push(position),
                    false => attempt.failed(&mut result, failed),
                }
            }
        }
    }
    result
}

/// The result of a transaction that the relay refused as it refuses any: no attempt is counted.
pub(super) fn of_refusing_relay(
    message: &QueuedMessage,
    failure: &Failure,
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let untouched = of_broken_session(message, failure, Unanswered::Untouched, attempt);
    AttemptResult {
        relay_failure: Some(failure.clone()),
        ..untouched
    }
}

/// The result of a session that broke during the transaction.
pub(super) fn of_broken_session(
    message: &QueuedMessage,
    failure: &Failure,
    unanswered: Unanswered,
    attempt: &Attempt<'_>,
) -> AttemptResult {
    let mut result = AttemptResult::default();
    for recipient in &message.recipients {
        if unanswered == Unanswered::Untouched {
            let reply = failure.reply_or_detail();
            result.settled.push(attempt.requeued(recipient, reply));
        } else {
            attempt.failed(
                &mut result,
                FailedAttempt {
                    message,
                    recipient,
                    failure,
                    unanswered: Some(unanswered),
                },
            );
        }
    }
    result
}

impl Attempt<'_> {
    fn failed(&self, result: &mut AttemptResult, failed: FailedAttempt<'_>) {
        let (recipient, failure) = (failed.recipient, failed.failure);
        let reply = failure.reply_or_detail();
        let found = self.cause(&failed);
        if !result.accepted && failed.unanswered.is_none() {
            let class = relay_wide_refusal(failure, found.as_ref());
            let refusal = class.map(|class| RelayWideRefusal {
                class,
                failure: failure.clone(),
            });
            result.relay_wide = result.relay_wide.take().or(refusal);
        }
        let disposition = match failed.unanswered {
            None => disposition(failure, found.as_ref()),
            Some(_) => Disposition::Defer,
        };
        let (state, reply) = match disposition {
            Disposition::BackOffRelay => {
                result.relay_failure = Some(failure.clone());
                result.settled.push(self.requeued(recipient, reply));
                return;
            }
            Disposition::Fail => (RecipientState::Failed, reply),
            Disposition::Defer if self.is_held(&failed) => (
                RecipientState::Held,
                format!(
                    "It may have arrived three times: each time the relay got the whole message, and \
                     its reply was lost. Release it to send it again, or cancel it. The last \
                     failure: {reply}"
                ),
            ),
            Disposition::Defer if is_expired(recipient.attempts) => (
                RecipientState::Failed,
                format!("Not delivered within five days. The last reply: {reply}"),
            ),
            Disposition::Defer => (RecipientState::Deferred, reply),
        };
        if is_suppressible(failure, found.as_ref()) {
            result.suppressions.push(Suppression {
                address: recipient.address.clone(),
                relay: self.relay.to_owned(),
                reply: reply.clone(),
                listed: self.now,
                expires: self.now + self.suppression_lifetime,
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
                    RecipientState::Held => EventKind::Unanswered,
                    _ => EventKind::Deferred,
                },
                by: self.relay.to_owned(),
                choice: self.choice.as_deref().cloned(),
                reply: reply.clone(),
                took: Some(self.took),
                may_have_arrived: matches!(
                    failed.unanswered,
                    Some(Unanswered::MayHaveArrived | Unanswered::MayHaveArrivedBehind)
                ),
            },
            first_unanswered: failed.unanswered == Some(Unanswered::MayHaveArrived),
        });
        let mut settled = self.settled(recipient, state, due, reply);
        if failed.unanswered == Some(Unanswered::MayHaveArrivedBehind) {
            settled.attempts = recipient.attempts;
        }
        let cause = self.report_cause(disposition, &settled);
        let report = |cause| recipient.report(cause, &failure.reply_or_detail(), self.now);
        settled.report = cause.and_then(report);
        // One that is held has not failed: a person decides whether another attempt follows.
        settled.event = recipient.event(match state {
            RecipientState::Failed => WebhookEvent::MessageFailed,
            _ => WebhookEvent::MessageDeferred,
        });
        result.settled.push(settled);
    }

    /// Which report on a failed attempt the sender of the message may have asked for; `None` where
    /// nothing is decided, and the message is not delayed.
    fn report_cause(
        &self,
        disposition: Disposition,
        settled: &SettledRecipient,
    ) -> Option<ReportCause> {
        let accepted = search::accepted(&settled.key.message_id);
        match settled.state {
            RecipientState::Failed if disposition == Disposition::Fail => {
                Some(ReportCause::Refused)
            }
            RecipientState::Failed => Some(ReportCause::Expired),
            RecipientState::Deferred if is_delayed(accepted, self.now) => {
                Some(ReportCause::Delayed)
            }
            _ => None,
        }
    }

    /// Whether the message may have arrived too often to be sent again without a person.
    fn is_held(&self, failed: &FailedAttempt<'_>) -> bool {
        let position = failed.recipient.key.position;
        let before = self.unanswered_before.get(&position).copied();
        failed.unanswered == Some(Unanswered::MayHaveArrived)
            && before.unwrap_or_default() + 1 >= MAXIMAL_UNANSWERED
    }

    /// Whether the recipient was one too many for the transaction.
    fn is_over_limit(&self, failed: &FailedAttempt<'_>) -> bool {
        exceeds_recipients_limit(failed.failure, self.cause(failed).as_ref())
    }

    /// The cause of a failure. Only the reply and the addresses count: the encryption and the
    /// capabilities of the session explain failures before a transaction.
    fn cause(&self, failed: &FailedAttempt<'_>) -> Option<Finding> {
        cause::find(&Observation {
            failure: failed.failure,
            settings: self.settings,
            encrypted: true,
            capabilities: &[],
            sender: failed.message.sender(),
            recipient: Some(&failed.recipient.address),
        })
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
            settled: (due.is_none() && state != RecipientState::Held).then_some(self.now),
            relay: self.relay.to_owned(),
            choice: self.choice.clone(),
            reply,
            took: self.took,
            submitter: recipient.submitter.clone(),
            scope: Some(self.scope),
            report: None,
            event: None,
        }
    }
}
