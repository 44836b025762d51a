//! Texts about a webhook: its host, its state, and its deliveries.

use domain::webhook::{WebhookDelivery, WebhookDeliveryState, WebhookView};

/// A state as a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookBadge {
    pub class: &'static str,
    pub name: &'static str,
}

const GOOD: &str = "badge badge-good";
const WARN: &str = "badge badge-warn";
const BAD: &str = "badge badge-bad";
const PLAIN: &str = "badge badge-plain";

/// Host and port of a URL. Its path may be a secret of the receiver.
pub fn webhook_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

pub fn webhook_badge(webhook: &WebhookView) -> WebhookBadge {
    let last = webhook.last.as_ref().map(|delivery| delivery.state);
    let (class, name) = match (webhook.enabled, webhook.gone_at, last) {
        (false, Some(_), _) => (BAD, "Gone"),
        (false, None, _) => (PLAIN, "Off"),
        _ if webhook.is_secret_lost => (BAD, "Secret lost"),
        (true, _, Some(WebhookDeliveryState::Queued)) => (WARN, "Retrying"),
        (true, _, Some(WebhookDeliveryState::Failed)) => (BAD, "Failing"),
        (true, _, Some(WebhookDeliveryState::Delivered)) => (GOOD, "Delivering"),
        (true, _, Some(WebhookDeliveryState::Cancelled) | None) => (PLAIN, "On"),
    };
    WebhookBadge { class, name }
}

pub fn delivery_badge(delivery: &WebhookDelivery) -> WebhookBadge {
    let (class, name) = match (delivery.state, delivery.attempts) {
        (WebhookDeliveryState::Queued, 0) => (PLAIN, "Queued"),
        (WebhookDeliveryState::Queued, _) => (WARN, "Retrying"),
        (WebhookDeliveryState::Delivered, _) => (GOOD, "Delivered"),
        (WebhookDeliveryState::Failed, _) => (BAD, "Failed"),
        (WebhookDeliveryState::Cancelled, _) => (PLAIN, "Cancelled"),
    };
    WebhookBadge { class, name }
}

/// The last answer, as in `HTTP 500: out of order`; empty before the first attempt.
pub fn answer(delivery: &WebhookDelivery) -> String {
    let text = delivery.answer.as_deref().unwrap_or_default();
    match (delivery.status, text) {
        (Some(status), "") => format!("HTTP {status}"),
        (Some(status), text) => format!("HTTP {status}: {text}"),
        (None, text) => text.to_owned(),
    }
}

/// As in `3 attempts`.
pub fn attempts(number: i64) -> String {
    match number {
        1 => "1 attempt".to_owned(),
        number => format!("{number} attempts"),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn delivery(state: WebhookDeliveryState, attempts: i64) -> WebhookDelivery {
        WebhookDelivery {
            event_id: "msg_1".to_owned(),
            event: "relay.down".to_owned(),
            state,
            created_at: Timestamp(0),
            attempts,
            attempted_at: None,
            next_attempt_at: None,
            status: None,
            answer: None,
        }
    }

    #[test]
    fn the_host_of_a_url_is_shown_without_its_path() {
        for (url, host) in [
            ("https://example.org/hooks?key=hidden", "example.org"),
            ("http://127.0.0.1:9000/", "127.0.0.1:9000"),
            ("https://example.org?key=hidden", "example.org"),
        ] {
            assert_eq!(webhook_host(url), host);
        }
    }

    #[test]
    fn states_and_answers_have_their_texts() {
        use WebhookDeliveryState::{Delivered, Failed, Queued};
        for (state, attempts, name) in [
            (Queued, 0, "Queued"),
            (Queued, 2, "Retrying"),
            (Delivered, 1, "Delivered"),
            (Failed, 9, "Failed"),
        ] {
            assert_eq!(delivery_badge(&delivery(state, attempts)).name, name);
        }
        let view = |enabled, gone_at, last: Option<WebhookDeliveryState>| WebhookView {
            id: String::new(),
            url: String::new(),
            enabled,
            gone_at,
            created_at: Timestamp(0),
            created_by: String::new(),
            is_secret_lost: false,
            queued: 0,
            last: last.map(|state| delivery(state, 1)),
        };
        for (view, name) in [
            (view(true, None, None), "On"),
            (view(true, None, Some(Delivered)), "Delivering"),
            (view(true, None, Some(Queued)), "Retrying"),
            (view(true, None, Some(Failed)), "Failing"),
            (view(false, None, Some(Failed)), "Off"),
            (view(false, Some(Timestamp(1)), Some(Failed)), "Gone"),
        ] {
            assert_eq!(webhook_badge(&view).name, name);
        }
        let lost = WebhookView {
            is_secret_lost: true,
            ..view(true, None, Some(Delivered))
        };
        assert_eq!(webhook_badge(&lost).name, "Secret lost");
        let mut answered = delivery(Failed, 1);
        assert_eq!(answer(&answered), "");
        answered.answer = Some("no answer".to_owned());
        assert_eq!(answer(&answered), "no answer");
        answered.status = Some(500);
        assert_eq!(answer(&answered), "HTTP 500: no answer");
        answered.answer = Some(String::new());
        assert_eq!(answer(&answered), "HTTP 500");
        assert_eq!(attempts(1), "1 attempt");
        assert_eq!(attempts(2), "2 attempts");
    }
}
