//! The exported span of a step of a message: without recipients, subject and secrets.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::{MailAttempt, MailSpan, MailStep};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

/// The id of the root of a trace: the lower 64 bits of the message id, which are random.
pub fn root(trace: u128) -> SpanId {
    SpanId::from((trace as u64).max(1))
}

/// The span of a step of a message.
pub fn of(mail: MailSpan, scope: InstrumentationScope) -> SpanData {
    let root = root(mail.trace);
    let is_root = matches!(mail.step, MailStep::Accepted { .. });
    let (id, parent) = match is_root {
        true => (root, SpanId::INVALID),
        false => (RandomIdGenerator::default().new_span_id(), root),
    };
    let context = SpanContext::new(
        TraceId::from(mail.trace),
        id,
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let start = start(&mail);
    let name = match mail.step {
        MailStep::Accepted { .. } => "accept",
        MailStep::Queued => "queue",
        MailStep::Attempted(_) => "deliver",
    };
    let span_kind = match mail.step {
        MailStep::Accepted { .. } => SpanKind::Server,
        MailStep::Queued => SpanKind::Internal,
        MailStep::Attempted(_) => SpanKind::Client,
    };
    let mut attributes = vec![KeyValue::new("postern.message_id", mail.message)];
    let mut status = Status::Unset;
    match mail.step {
        MailStep::Accepted {
            submission,
            recipients,
            octets,
        } => attributes.extend([
            KeyValue::new("postern.submission", submission),
            KeyValue::new("postern.recipients", number(recipients)),
            KeyValue::new("postern.octets", number(octets)),
        ]),
        MailStep::Queued => {}
        MailStep::Attempted(attempt) => {
            status = result(&attempt);
            add_attempt(&mut attributes, attempt);
        }
    }
    SpanData {
        span_context: context,
        parent_span_id: parent,
        // Another node may have accepted the message.
        parent_span_is_remote: !is_root,
        span_kind,
        name: name.into(),
        start_time: start,
        end_time: start + mail.took,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope,
    }
}

fn start(mail: &MailSpan) -> SystemTime {
    let milliseconds = u64::try_from(mail.start.0).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(milliseconds)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn result(attempt: &MailAttempt) -> Status {
    match (attempt.failed, attempt.deferred) {
        (0, 0) => Status::Unset,
        (0, _) => Status::error("deferred"),
        _ => Status::error("failed"),
    }
}

fn add_attempt(attributes: &mut Vec<KeyValue>, attempt: MailAttempt) {
    if let Some((host, port)) = attempt.relay.rsplit_once(':') {
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        if let Ok(port) = port.parse::<i64>() {
            attributes.push(KeyValue::new("server.port", port));
        }
    }
    attributes.extend([
        KeyValue::new("postern.attempt", attempt.number),
        KeyValue::new("postern.delivered", number(attempt.delivered)),
        KeyValue::new("postern.failed", number(attempt.failed)),
        KeyValue::new("postern.deferred", number(attempt.deferred)),
    ]);
    if let Some(code) = attempt.reply_code {
        attributes.push(KeyValue::new("smtp.reply_code", i64::from(code)));
    }
}
