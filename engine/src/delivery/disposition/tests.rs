//! Tests of the results of attempts, in tables.

use std::collections::HashMap;
use std::time::Duration;

use domain::cause::CauseClass;
use domain::outbox::{
    DELAYED_AFTER, EventKind, RecipientState, ReportCause, ReportedResult, WantedReports,
    message_backoff,
};
use domain::webhook::WebhookEvent;
use domain::{Failure, Fault, Form, Label, Reply, SmtpSettings, Stage, Timestamp};

use super::{Attempt, AttemptResult, Unanswered, by_replies, of_broken_session, of_refusing_relay};
use crate::delivery::task::queued_message::QueuedMessage;
use crate::store::Scope;
use crate::store::recipients::{ClaimedRecipient, RecipientEvent, RecipientKey};
use crate::store::search::first_id;

const NOW: Timestamp = Timestamp(1_000_000_000_000);

fn recipient(position: i64, attempts: i64) -> ClaimedRecipient {
    ClaimedRecipient {
        key: RecipientKey {
            message_id: "message".to_owned(),
            position,
        },
        address: format!("{position}@example.org"),
        attempts,
        suppressed: None,
        submitter: None,
        reports: WantedReports::default(),
        webhook: None,
        was_tried: false,
        pinned_to: None,
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
        scope: Scope::Global,
        offers_dsn: false,
        choice: None,
        settings,
        now: NOW,
        took: Duration::from_millis(7),
        jitter: 0,
        suppression_lifetime: Duration::from_secs(86_400),
        unanswered_before: HashMap::new(),
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
    assert_eq!(deferred.due, Some(NOW + message_backoff(3, 0)));
    assert_eq!(deferred.settled, None);
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
fn results_are_reported_where_the_sender_asks_for_it() {
    let (settings, all) = (
        settings(),
        WantedReports {
            failure: true,
            delay: true,
            success: true,
        },
    );
    let early = first_id(NOW - Duration::from_secs(60));
    let late = first_id(NOW - DELAYED_AFTER);
    let greylisted = Err((450, "4.2.0 greylisted"));
    for (accepted, attempts, offers_dsn, reply, expected) in [
        (
            &early,
            0,
            false,
            Ok("2.0.0 queued"),
            Some(ReportCause::Relayed),
        ),
        (&early, 0, true, Ok("2.0.0 queued"), None),
        (
            &early,
            0,
            true,
            Err((550, "5.1.1 no such user")),
            Some(ReportCause::Refused),
        ),
        (&early, 3, false, greylisted, None),
        (&late, 3, true, greylisted, Some(ReportCause::Delayed)),
        (&late, 125, false, greylisted, Some(ReportCause::Expired)),
        (&late, 3, false, Err((421, "4.3.2 shutting down")), None),
    ] {
        let reply = match reply {
            Ok(text) => Ok(Reply::new(250, [text.as_bytes()].into_iter())),
            Err((code, text)) => Err(rejected(Stage::Rcpt, code, text)),
        };
        let diagnostic = match &reply {
            Ok(reply) => reply.to_line(),
            Err(failure) => failure.reply_or_detail(),
        };
        let attempt = Attempt {
            offers_dsn,
            ..attempt(&settings)
        };
        for (reports, expected) in [(all, expected), (WantedReports::default(), None)] {
            let mut one = recipient(0, attempts);
            one.key.message_id.clone_from(accepted);
            one.reports = reports;
            let message = QueuedMessage::of(vec![one]);
            let result = by_replies(&message, std::slice::from_ref(&reply), &attempt);
            let report = result.settled[0].report.as_deref();
            let expected = expected.map(|cause| ReportedResult {
                cause,
                address: "0@example.org".to_owned(),
                diagnostic: diagnostic.clone(),
                at: NOW,
            });
            assert_eq!(report, expected.as_ref(), "{diagnostic} {attempts}");
        }
    }
}

#[test]
fn results_are_events_where_the_message_names_a_webhook() {
    use WebhookEvent::{MessageDeferred, MessageDelivered, MessageFailed};
    let settings = settings();
    let greylisted = Err((450, "4.2.0 greylisted"));
    for (attempts, reply, expected) in [
        (0, Ok("2.0.0 queued"), Some(MessageDelivered)),
        (0, Err((550, "5.1.1 no such user")), Some(MessageFailed)),
        (0, greylisted, Some(MessageDeferred)),
        (3, greylisted, Some(MessageDeferred)),
        (125, greylisted, Some(MessageFailed)),
        // The relay takes no mail at all.
        (3, Err((421, "4.3.2 shutting down")), None),
    ] {
        let reply = match reply {
            Ok(text) => Ok(Reply::new(250, [text.as_bytes()].into_iter())),
            Err((code, text)) => Err(rejected(Stage::Rcpt, code, text)),
        };
        for (webhook, expected) in [(Some("01JD"), expected), (None, None)] {
            let mut one = recipient(0, attempts);
            one.webhook = webhook.map(Into::into);
            let message = QueuedMessage::of(vec![one]);
            let result = by_replies(&message, std::slice::from_ref(&reply), &attempt(&settings));
            let event = result.settled[0].event.as_deref();
            let expected = expected.map(|event| RecipientEvent {
                webhook: "01JD".into(),
                event,
                address: "0@example.org".to_owned(),
            });
            assert_eq!(event, expected.as_ref(), "{attempts} {webhook:?}");
        }
    }
}

#[test]
fn a_deferred_recipient_fails_after_five_days_of_attempts() {
    let greylisted = || Err(rejected(Stage::Rcpt, 450, "4.2.0 greylisted"));
    for (attempts, state) in [
        (0, RecipientState::Deferred),
        (124, RecipientState::Deferred),
        (125, RecipientState::Failed),
    ] {
        let message = QueuedMessage::of(vec![recipient(0, attempts)]);
        let result = by_replies(&message, &[greylisted()], &attempt(&settings()));
        assert_eq!(states(&result), [(state, attempts + 1)]);
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
        assert!(result.events.is_empty() && !result.deferred && !result.accepted);
    }
}

#[test]
fn a_relay_wide_refusal_is_reported_where_no_recipient_was_accepted() {
    let message = QueuedMessage::of(vec![recipient(0, 0), recipient(1, 0)]);
    let denied = || Err(rejected(Stage::Rcpt, 554, "5.7.1 Relay access denied"));
    let unknown = || Err(rejected(Stage::Rcpt, 550, "5.1.1 no such user"));
    let accepted = || Ok(Reply::new(250, [&b"2.0.0 queued"[..]].into_iter()));
    for (replies, relay_wide) in [
        ([denied(), denied()], true),
        ([unknown(), denied()], true),
        ([denied(), unknown()], true),
        ([unknown(), unknown()], false),
        ([accepted(), denied()], false),
    ] {
        let settings = settings();
        let attempt = attempt(&settings);
        let result = by_replies(&message, &replies, &attempt);
        assert_eq!(result.relay_wide.is_some(), relay_wide, "{replies:?}");
        let Some(refusal) = result.relay_wide else {
            continue;
        };
        assert_eq!(refusal.class, CauseClass::Relaying);
        let result = of_refusing_relay(&message, &refusal.failure, &attempt);
        assert_eq!(states(&result), [(RecipientState::Queued, 0); 2]);
        assert!(result.events.is_empty() && result.suppressions.is_empty());
        assert_eq!(result.relay_failure, Some(refusal.failure));
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
fn a_message_that_may_have_arrived_three_times_is_held() {
    let failure = Failure::new(Stage::Data, Fault::Closed, "closed");
    let settings = settings();
    for (unanswered, before, state, counts) in [
        (
            Unanswered::MayHaveArrived,
            0,
            RecipientState::Deferred,
            true,
        ),
        (
            Unanswered::MayHaveArrived,
            1,
            RecipientState::Deferred,
            true,
        ),
        (Unanswered::MayHaveArrived, 2, RecipientState::Held, true),
        (
            Unanswered::MayHaveArrivedBehind,
            2,
            RecipientState::Deferred,
            false,
        ),
        (Unanswered::EndedSession, 2, RecipientState::Deferred, false),
    ] {
        let mut one = recipient(0, 1);
        one.webhook = Some("01JD".into());
        let message = QueuedMessage::of(vec![one]);
        let attempt = Attempt {
            unanswered_before: HashMap::from([(0, before), (1, 9)]),
            ..attempt(&settings)
        };
        let result = of_broken_session(&message, &failure, unanswered, &attempt);
        let row = &result.settled[0];
        assert_eq!(
            (row.state, row.settled),
            (state, None),
            "{unanswered:?} {before}"
        );
        assert_eq!(row.due.is_none(), state == RecipientState::Held);
        assert_eq!(result.events[0].first_unanswered, counts, "{unanswered:?}");
        let event = row.event.as_ref().map(|event| event.event);
        assert_eq!(event, Some(WebhookEvent::MessageDeferred), "it may be sent");
    }
}

#[test]
fn a_message_that_ends_every_session_fails_after_the_queue_lifetime() {
    let message = QueuedMessage::of(vec![recipient(0, 125)]);
    let failure = Failure::new(Stage::Data, Fault::Reset, "reset");
    let unanswered = Unanswered::EndedSession;
    let result = of_broken_session(&message, &failure, unanswered, &attempt(&settings()));
    assert_eq!(states(&result), [(RecipientState::Failed, 126)]);
}
