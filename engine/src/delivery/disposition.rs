//! From the replies of the relay to the result of an attempt, per recipient.

use std::sync::Arc;
use std::time::Duration;

use domain::cause::{self, Finding, Observation};
use domain::outbox::{
    DeliveryEvent, Disposition, EventKind, Jitter, MAXIMAL_QUEUE_LIFETIME, RecipientState,
    RelayChoice, Suppression, disposition, exceeds_recipients_limit, is_suppressible,
    message_backoff,
};
use domain::{Failure, Reply, SmtpSettings, Timestamp};

use super::queued_message::QueuedMessage;
use crate::store::delivery_events::NewEvent;
use crate::store::recipients::{ClaimedRecipient, SettledRecipient};

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
}

/// When an attempt was made, and with which relay.
pub(super) struct Attempt<'a> {
    pub relay: &'a str,
    /// Why that relay.
    pub choice: Option<Arc<RelayChoice>>,
    /// The relay's settings; the cause of a failure may depend on them.
    pub settings: &'a SmtpSettings,
    pub now: Timestamp,
    pub took: Duration,
    pub jitter: Jitter,
    /// How long an address is suppressed.
    pub suppression_lifetime: Duration,
}

/// What the end of a session means for a message that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nothing was replied about it: it is queued behind what is due, without an attempt.
    Untouched,
    /// It ended sessions again and again while others went through: an attempt.
    EndedSession,
    /// It may have arrived, and is the first that was not answered: an attempt.
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
                result.settled.push(attempt.settled(
                    recipient,
                    RecipientState::Delivered,
                    None,
                    reply.to_line(),
                ));
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
        let expired =
            recipient.attempts > 0 && recipient.trying_since <= self.now - MAXIMAL_QUEUE_LIFETIME;
        let found = self.cause(&failed);
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
            Disposition::Defer if expired => (
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
        });
        let mut settled = self.settled(recipient, state, due, reply);
        if failed.unanswered == Some(Unanswered::MayHaveArrivedBehind) {
            settled.attempts = recipient.attempts;
            settled.trying_since = recipient.trying_since;
        }
        result.settled.push(settled);
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
                // A clock that was ahead would extend the queue lifetime.
                _ => recipient.trying_since.min(self.now),
            },
            settled: due.is_none().then_some(self.now),
            relay: self.relay.to_owned(),
            choice: self.choice.clone(),
            reply,
            took: self.took,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Fault, Form, Label, Stage};

    use super::*;
    use crate::store::recipients::RecipientKey;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn recipient(position: i64, attempts: i64) -> ClaimedRecipient {
        ClaimedRecipient {
            key: RecipientKey {
                message_id: "message".to_owned(),
                position,
            },
            address: format!("{position}@example.org"),
            attempts,
            trying_since: NOW - Duration::from_secs(60),
            suppressed: None,
        }
    }

    fn settings() -> SmtpSettings {
        Form::default()
            .with(Label::FromAddress, "alerts@example.com")
            .with(Label::Host, "relay")
            .with(Label::Port, "25")
            .parse()
            .expect("valid")
    }

    fn attempt(settings: &SmtpSettings) -> Attempt<'_> {
        Attempt {
            relay: "relay:25",
            choice: None,
            settings,
            now: NOW,
            took: Duration::from_millis(7),
            jitter: 0,
            suppression_lifetime: Duration::from_secs(86_400),
        }
    }

    fn rejected(stage: Stage, code: u16, text: &str) -> Failure {
        Failure::rejected(stage, Reply::new(code, [text.as_bytes()].into_iter()))
    }

    fn states(result: &AttemptResult) -> Vec<(RecipientState, i64)> {
        let settled = result.settled.iter();
        settled.map(|row| (row.state, row.attempts)).collect()
    }

    #[test]
    fn each_recipient_has_the_result_of_its_own_reply() {
        let message = QueuedMessage::of(vec![recipient(0, 0), recipient(1, 2), recipient(2, 0)]);
        let accepted = Reply::new(250, [&b"2.0.0 queued"[..]].into_iter());
        let replies = [
            Ok(accepted),
            Err(rejected(Stage::Rcpt, 450, "4.2.0 greylisted")),
            Err(rejected(Stage::Rcpt, 550, "5.1.1 no such user")),
        ];
        let result = by_replies(&message, &replies, &attempt(&settings()));
        assert!(result.accepted && result.deferred && result.relay_failure.is_none());
        let expected = [
            (RecipientState::Delivered, 1),
            (RecipientState::Deferred, 3),
            (RecipientState::Failed, 1),
        ];
        assert_eq!(states(&result), expected);

        let [delivered, deferred, failed] = result.settled.as_slice() else {
            panic!("three recipients");
        };
        assert_eq!((delivered.due, delivered.settled), (None, Some(NOW)));
        assert_eq!(delivered.trying_since, NOW, "the first attempt");
        assert_eq!(deferred.due, Some(NOW + message_backoff(3, 0)));
        assert_eq!(deferred.settled, None);
        assert_eq!(deferred.trying_since, NOW - Duration::from_secs(60));
        assert_eq!((failed.due, failed.settled), (None, Some(NOW)));

        let kinds: Vec<_> = result.events.iter().map(|event| event.event.kind).collect();
        assert_eq!(kinds, [EventKind::Deferred, EventKind::Failed]);
        let event = &result.events[0].event;
        assert_eq!((event.at, event.by.as_str()), (NOW, "relay:25"));
        assert_eq!(event.took, Some(Duration::from_millis(7)));
        assert!(!event.may_have_arrived);
        let suppressed: Vec<_> = result.suppressions.iter().map(|row| &row.address).collect();
        assert_eq!(suppressed, ["2@example.org"]);
        let expires = NOW + Duration::from_secs(86_400);
        assert_eq!(result.suppressions[0].expires, expires);
    }

    #[test]
    fn a_deferred_recipient_fails_after_the_queue_lifetime() {
        let greylisted = || Err(rejected(Stage::Rcpt, 450, "4.2.0 greylisted"));
        let shorter = MAXIMAL_QUEUE_LIFETIME.saturating_sub(Duration::from_millis(1));
        for (attempts, trying, state) in [
            (1, MAXIMAL_QUEUE_LIFETIME, RecipientState::Failed),
            (0, MAXIMAL_QUEUE_LIFETIME, RecipientState::Deferred),
            (1, shorter, RecipientState::Deferred),
        ] {
            let expiring = ClaimedRecipient {
                trying_since: NOW - trying,
                ..recipient(0, attempts)
            };
            let message = QueuedMessage::of(vec![expiring]);
            let result = by_replies(&message, &[greylisted()], &attempt(&settings()));
            assert_eq!(states(&result), [(state, attempts + 1)], "{trying:?}");
            assert_eq!(result.deferred, state == RecipientState::Deferred);
            assert!(!result.accepted);
        }
    }

    #[test]
    fn a_failure_of_the_relay_counts_against_no_message() {
        for (attempts, state) in [(0, RecipientState::Queued), (2, RecipientState::Deferred)] {
            let message = QueuedMessage::of(vec![recipient(0, attempts)]);
            let failure = rejected(Stage::Mail, 421, "4.3.2 shutting down");
            let result = by_replies(&message, &[Err(failure.clone())], &attempt(&settings()));
            assert_eq!(result.relay_failure, Some(failure));
            assert_eq!(states(&result), [(state, attempts)]);
            let row = &result.settled[0];
            assert_eq!((row.due, row.settled), (Some(NOW), None));
            assert_eq!(row.trying_since, NOW - Duration::from_secs(60));
            assert!(result.events.is_empty() && !result.deferred && !result.accepted);
        }
    }

    #[test]
    fn recipients_that_are_too_many_come_in_the_next_transaction() {
        let message = QueuedMessage::of((0..3).map(|position| recipient(position, 0)).collect());
        let accepted = || Ok(Reply::new(250, [&b"2.0.0 queued"[..]].into_iter()));
        let refused = |code, text| Err(rejected(Stage::Rcpt, code, text));
        let too_many = || refused(452, "4.5.3 Error: too many recipients");
        for (replies, over_limit, deferred) in [
            ([accepted(), accepted(), too_many()], &[2][..], 0),
            ([accepted(), too_many(), too_many()], &[1, 2], 0),
            ([accepted(), too_many(), refused(452, "no")], &[1, 2], 0),
            ([accepted(), accepted(), refused(552, "no")], &[2], 0),
            (
                [accepted(), refused(452, "4.2.2 mailbox full"), too_many()],
                &[2],
                1,
            ),
            // Without progress it would go on for ever.
            ([too_many(), too_many(), too_many()], &[], 3),
        ] {
            let result = by_replies(&message, &replies, &attempt(&settings()));
            assert_eq!(result.over_limit, over_limit, "{replies:?}");
            assert_eq!(result.settled.len(), 3 - over_limit.len());
            assert_eq!(result.events.len(), deferred, "{replies:?}");
        }
    }

    #[test]
    fn a_broken_session_is_an_attempt_of_the_message_that_it_ended_with() {
        let failure = rejected(Stage::Rcpt, 421, "4.7.0 go away");
        for (unanswered, before, state, attempts, event) in [
            (Unanswered::Untouched, 0, RecipientState::Queued, 0, None),
            (Unanswered::Untouched, 1, RecipientState::Deferred, 1, None),
            (
                Unanswered::EndedSession,
                1,
                RecipientState::Deferred,
                2,
                Some(false),
            ),
            (
                Unanswered::MayHaveArrived,
                1,
                RecipientState::Deferred,
                2,
                Some(true),
            ),
            (
                Unanswered::MayHaveArrivedBehind,
                1,
                RecipientState::Deferred,
                1,
                Some(true),
            ),
        ] {
            let message = QueuedMessage::of(vec![recipient(0, before)]);
            let result = of_broken_session(&message, &failure, unanswered, &attempt(&settings()));
            assert_eq!(states(&result), [(state, attempts)], "{unanswered:?}");
            let events = result.events.iter();
            let flags: Vec<_> = events.map(|event| event.event.may_have_arrived).collect();
            assert_eq!(flags, Vec::from_iter(event), "{unanswered:?}");
            assert_eq!(result.settled[0].reply, "421 4.7.0 go away");
            let delay = event.map_or(Duration::ZERO, |_| message_backoff(before + 1, 0));
            assert_eq!(result.settled[0].due, Some(NOW + delay));
            assert!(result.relay_failure.is_none());
        }
    }

    #[test]
    fn a_message_that_ends_every_session_fails_after_the_queue_lifetime() {
        let expiring = ClaimedRecipient {
            trying_since: NOW - MAXIMAL_QUEUE_LIFETIME,
            ..recipient(0, 9)
        };
        let message = QueuedMessage::of(vec![expiring]);
        let failure = Failure::new(Stage::Data, Fault::Reset, "reset");
        let unanswered = Unanswered::EndedSession;
        let result = of_broken_session(&message, &failure, unanswered, &attempt(&settings()));
        assert_eq!(states(&result), [(RecipientState::Failed, 10)]);
    }
}
