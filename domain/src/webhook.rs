//! Webhooks: events and their JSON, states of deliveries, retry schedule, and views.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use strum::{EnumString, IntoStaticStr};

use crate::Timestamp;
use crate::health::{HealthChange, HealthState};
use crate::outbox::Jitter;

/// The maximum number of endpoints of the organisation, and of an account.
pub const WEBHOOKS_MAX: usize = 10;

/// The maximum length of the URL of an endpoint, in octets.
pub const WEBHOOK_URL_MAX: usize = 2_048;

/// The time from its creation after which an undelivered event is given up.
pub const WEBHOOK_LIFETIME: Duration = Duration::from_hours(3 * 24);

/// How long finished deliveries are kept.
pub const WEBHOOK_RETENTION: Duration = Duration::from_hours(30 * 24);

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
pub enum WebhookEvent {
    /// A relay is down.
    #[strum(serialize = "relay.down")]
    RelayDown,
    /// A relay is degraded: some of its checks fail.
    #[strum(serialize = "relay.degraded")]
    RelayDegraded,
    /// A relay is healthy again.
    #[strum(serialize = "relay.recovered")]
    RelayRecovered,
    /// A relay accepted a message for a recipient.
    #[strum(serialize = "message.delivered")]
    MessageDelivered,
    /// An attempt failed for a recipient, and another one follows.
    #[strum(serialize = "message.deferred")]
    MessageDeferred,
    /// A message failed permanently for a recipient.
    #[strum(serialize = "message.failed")]
    MessageFailed,
    /// A person tests the endpoint.
    #[strum(serialize = "webhook.test")]
    Test,
}

impl WebhookEvent {
    /// The event of a change; `None` for changes that are not reported.
    pub fn of_change(change: &HealthChange) -> Option<Self> {
        match (change.from, change.to) {
            (_, HealthState::Down) => Some(Self::RelayDown),
            (_, HealthState::Degraded) => Some(Self::RelayDegraded),
            (HealthState::Down | HealthState::Degraded, HealthState::Healthy) => {
                Some(Self::RelayRecovered)
            }
            (_, HealthState::Healthy | HealthState::Unknown) => None,
        }
    }

    /// The type of the event in its JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The body of the event of a change.
pub fn change_body(event: WebhookEvent, change: &HealthChange) -> String {
    let failure = change.failure.as_ref();
    body(
        event,
        change.at,
        &json!({
            "relay_id": change.relay_id,
            "relay_name": change.relay_name,
            "state": change.to.as_str(),
            "previous_state": change.from.as_str(),
            "since": change.since.rfc3339(),
            "failing_since": change.failing_since.map(Timestamp::rfc3339),
            "stage": failure.map(|failure| failure.stage.as_str()),
            "cause": failure.map(|failure| &failure.summary),
        }),
    )
}

/// The content of the event of a message: the result for a recipient.
#[derive(Clone, Copy, Debug)]
pub struct RecipientReport<'a> {
    /// The id of the message.
    pub id: &'a str,
    /// The header field Message-ID, with its angle brackets.
    pub message_id: &'a str,
    /// The address of the recipient.
    pub recipient: &'a str,
    /// Host and port of the relay; empty without an attempt.
    pub relay: &'a str,
    /// The relay's reply, or the observed failure.
    pub reply: &'a str,
    /// The number of attempts.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt: Option<Timestamp>,
}

/// The body of the event of a recipient of a message.
pub fn message_body(event: WebhookEvent, report: &RecipientReport<'_>, at: Timestamp) -> String {
    let relay = Some(report.relay).filter(|relay| !relay.is_empty());
    body(
        event,
        at,
        &json!({
            "id": report.id,
            "message_id": report.message_id,
            "recipient": report.recipient,
            "relay": relay,
            "reply": report.reply,
            "attempts": report.attempts,
            "next_attempt": report.next_attempt.map(Timestamp::rfc3339),
        }),
    )
}

/// The body of a test that an account or a local user requests.
pub fn test_body(requested_by: &str, at: Timestamp) -> String {
    body(
        WebhookEvent::Test,
        at,
        &json!({ "requested_by": requested_by }),
    )
}

fn body(event: WebhookEvent, at: Timestamp, data: &serde_json::Value) -> String {
    json!({ "type": event.as_str(), "timestamp": at.rfc3339(), "data": data }).to_string()
}

/// The longest time between two attempts, including the jitter.
pub const WEBHOOK_BACKOFF_MAX: Duration = Duration::from_secs(5 * 3_600);

/// The time until the next attempt after the `attempts`-th one failed: 5 s, rising to 4 h, plus up to a
/// quarter of jitter.
pub fn webhook_backoff(attempts: i64, jitter: Jitter) -> Duration {
    const SECONDS: [u64; 10] = [5, 30, 120, 300, 900, 1_800, 3_600, 7_200, 14_400, 14_400];
    let last = SECONDS.len() - 1;
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let backoff = Duration::from_secs(SECONDS[index.min(last)]);
    backoff + backoff * u32::from(jitter) / (4 * 255)
}

/// The state of a delivery to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = "delivered"))]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum WebhookDeliveryState {
    /// An attempt is due now or later.
    Queued,
    /// The endpoint accepted the event.
    Delivered,
    /// The event was given up.
    Failed,
    /// The endpoint was switched off before the delivery.
    Cancelled,
}

impl WebhookDeliveryState {
    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A delivery of an event to an endpoint, for display to its owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// The id of the event, as in the header `webhook-id`.
    pub event_id: String,
    /// The type of the event.
    pub event: String,
    /// The state of the delivery.
    pub state: WebhookDeliveryState,
    /// When the event was created.
    pub created_at: Timestamp,
    /// The number of attempts.
    pub attempts: i64,
    /// When the last attempt ended.
    pub attempted_at: Option<Timestamp>,
    /// When the next attempt is due, while the event is queued.
    pub next_attempt_at: Option<Timestamp>,
    /// The HTTP status of the last answer.
    pub status: Option<i64>,
    /// The beginning of the last answer, or the reason why there was none.
    pub answer: Option<String>,
}

/// An endpoint, for display to its owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookView {
    /// The id, a ULID.
    pub id: String,
    /// The URL that events are sent to.
    pub url: String,
    /// Whether events are sent to the endpoint.
    pub enabled: bool,
    /// When the endpoint answered 410, which switched it off.
    pub gone_at: Option<Timestamp>,
    /// When the endpoint was added.
    pub created_at: Timestamp,
    /// The account or local user that added the endpoint.
    pub created_by: String,
    /// Whether the secret cannot be opened because its key is lost. No event is sent until the endpoint
    /// has a new secret.
    pub is_secret_lost: bool,
    /// The number of queued events.
    pub queued: i64,
    /// The delivery with the last attempt.
    pub last: Option<WebhookDelivery>,
}

/// A change of an endpoint. Absent fields keep their value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// The URL that events are sent to.
    pub url: Option<String>,
    /// Whether events are sent to the endpoint.
    pub enabled: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stage;
    use crate::health::HealthFailure;

    fn change(from: HealthState, to: HealthState) -> HealthChange {
        HealthChange {
            relay_id: "global".to_owned(),
            relay_name: "Main relay".to_owned(),
            account: None,
            from,
            to,
            at: Timestamp(1_709_251_199_000),
            since: Timestamp(1_709_251_141_000),
            failing_since: Some(Timestamp(1_709_251_140_000)),
            failure: Some(HealthFailure {
                stage: Stage::Auth,
                summary: "The relay refuses the \"password\".".to_owned(),
                reply: None,
            }),
        }
    }

    #[test]
    fn changes_are_events_of_their_new_state() {
        use HealthState::{Degraded, Down, Healthy, Unknown};
        for (from, to, expected) in [
            (Unknown, Down, Some("relay.down")),
            (Healthy, Down, Some("relay.down")),
            (Degraded, Down, Some("relay.down")),
            (Healthy, Degraded, Some("relay.degraded")),
            (Down, Degraded, Some("relay.degraded")),
            (Down, Healthy, Some("relay.recovered")),
            (Degraded, Healthy, Some("relay.recovered")),
            (Unknown, Healthy, None),
            (Down, Unknown, None),
        ] {
            let event = WebhookEvent::of_change(&change(from, to));
            assert_eq!(event.map(WebhookEvent::as_str), expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_body_says_what_changed_since_when_and_why() {
        let change = change(HealthState::Healthy, HealthState::Down);
        let body = change_body(WebhookEvent::RelayDown, &change);
        let read: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let expected = json!({
            "type": "relay.down",
            "timestamp": "2024-02-29T23:59:59Z",
            "data": {
                "relay_id": "global",
                "relay_name": "Main relay",
                "state": "down",
                "previous_state": "healthy",
                "since": "2024-02-29T23:59:01Z",
                "failing_since": "2024-02-29T23:59:00Z",
                "stage": "auth",
                "cause": "The relay refuses the \"password\".",
            },
        });
        assert_eq!(read, expected);
        let test: serde_json::Value =
            serde_json::from_str(&test_body("a@example.org", Timestamp(0))).expect("JSON");
        assert_eq!(test["type"], "webhook.test");
        assert_eq!(test["data"]["requested_by"], "a@example.org");
    }

    #[test]
    fn the_event_of_a_message_says_what_became_of_a_recipient() {
        let deferred = RecipientReport {
            id: "01JD",
            message_id: "<01JD@example.org>",
            recipient: "desk@example.net",
            relay: "smtp.example.org:25",
            reply: "450 4.2.0 \"Greylisted\"",
            attempts: 1,
            next_attempt: Some(Timestamp(1_709_251_260_000)),
        };
        let at = Timestamp(1_709_251_199_000);
        let read = |event, report: &RecipientReport<'_>| -> serde_json::Value {
            serde_json::from_str(&message_body(event, report, at)).expect("JSON")
        };
        let expected = json!({
            "type": "message.deferred",
            "timestamp": "2024-02-29T23:59:59Z",
            "data": {
                "id": "01JD",
                "message_id": "<01JD@example.org>",
                "recipient": "desk@example.net",
                "relay": "smtp.example.org:25",
                "reply": "450 4.2.0 \"Greylisted\"",
                "attempts": 1,
                "next_attempt": "2024-03-01T00:01:00Z",
            },
        });
        assert_eq!(read(WebhookEvent::MessageDeferred, &deferred), expected);
        let failed = RecipientReport {
            relay: "",
            next_attempt: None,
            ..deferred
        };
        let failed = read(WebhookEvent::MessageFailed, &failed);
        assert_eq!(failed["type"], "message.failed");
        for absent in ["relay", "next_attempt"] {
            assert_eq!(failed["data"][absent], serde_json::Value::Null, "{absent}");
        }
        let delivered = read(WebhookEvent::MessageDelivered, &deferred);
        assert_eq!(delivered["type"], "message.delivered");
    }

    #[test]
    fn attempts_follow_each_other_by_the_schedule() {
        for (attempts, seconds) in [
            (i64::MIN, 5),
            (0, 5),
            (1, 5),
            (2, 30),
            (3, 120),
            (4, 300),
            (5, 900),
            (6, 1_800),
            (7, 3_600),
            (8, 7_200),
            (9, 14_400),
            (10, 14_400),
            (i64::MAX, 14_400),
        ] {
            assert_eq!(
                webhook_backoff(attempts, 0).as_secs(),
                seconds,
                "{attempts}"
            );
        }
        assert_eq!(webhook_backoff(2, 255).as_millis(), 37_500);
        assert_eq!(webhook_backoff(i64::MAX, 255), WEBHOOK_BACKOFF_MAX);
    }

    #[test]
    fn states_are_read_back() {
        for state in [
            WebhookDeliveryState::Queued,
            WebhookDeliveryState::Delivered,
            WebhookDeliveryState::Failed,
            WebhookDeliveryState::Cancelled,
        ] {
            assert_eq!(state.as_str().parse::<WebhookDeliveryState>(), Ok(state));
        }
        assert!("sent".parse::<WebhookDeliveryState>().is_err());
    }
}
