//! An attempt to deliver an event, for the caller that speaks HTTP, and its outcome.

use domain::SecretString;
use domain::sanitize::printable;

use super::endpoint::Endpoint;
use super::signature::sign;
use crate::smtp::{ByteStream, Dialer};
use crate::store::notifications::webhook_deliveries::ClaimedEvent;

/// The characters of an answer that are kept for people.
const ANSWER_MAX: usize = 200;

/// The status of an endpoint that wants no more events.
const GONE: u16 = 410;

/// A POST request to make now, once.
pub struct WebhookAttempt {
    pub(super) event: ClaimedEvent,
    /// The owner of the lease.
    pub(super) owner: String,
    endpoint: Endpoint,
    /// In seconds.
    timestamp: i64,
    signature: String,
    dialer: Dialer,
}

impl WebhookAttempt {
    /// Prepares the request.
    ///
    /// # Errors
    /// The event, and why it cannot be sent, for people.
    pub(super) fn new(
        event: ClaimedEvent,
        owner: &str,
        secret: Option<&SecretString>,
        timestamp: i64,
        dialer: Dialer,
    ) -> Result<Self, UnsendableEvent> {
        let prepared = prepare(&event, secret, timestamp);
        match prepared {
            Ok(SignedEndpoint {
                endpoint,
                signature,
            }) => Ok(Self {
                event,
                owner: owner.to_owned(),
                endpoint,
                timestamp,
                signature,
                dialer,
            }),
            Err(reason) => Err(UnsendableEvent {
                event: Box::new(event),
                reason,
            }),
        }
    }

    /// Host and port, for the header `Host`.
    pub fn authority(&self) -> &str {
        &self.endpoint.authority
    }

    /// The request target: path and query.
    pub fn target(&self) -> &str {
        &self.endpoint.target
    }

    /// The headers of the Standard Webhooks specification, with their values.
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("webhook-id", self.event.event_id.clone()),
            ("webhook-timestamp", self.timestamp.to_string()),
            ("webhook-signature", self.signature.clone()),
        ]
    }

    /// The JSON of the event.
    pub fn body(&self) -> &str {
        &self.event.body
    }

    /// Connects to the endpoint, with TLS where its URL is `https`.
    ///
    /// # Errors
    /// Why there is no connection, for people.
    pub async fn connect(&self) -> Result<Box<dyn ByteStream>, String> {
        let Endpoint {
            host,
            port,
            encrypted,
            ..
        } = &self.endpoint;
        self.dialer.connect_to_web(host, *port, *encrypted).await
    }
}

/// An event that cannot be sent, and why.
#[derive(Debug)]
pub(super) struct UnsendableEvent {
    pub event: Box<ClaimedEvent>,
    pub reason: &'static str,
}

struct SignedEndpoint {
    endpoint: Endpoint,
    signature: String,
}

fn prepare(
    event: &ClaimedEvent,
    secret: Option<&SecretString>,
    timestamp: i64,
) -> Result<SignedEndpoint, &'static str> {
    let endpoint = Endpoint::parse(&event.url)?;
    let secret = secret.ok_or("The key that opens the secret is lost. Make a new secret.")?;
    let signature = sign(secret.expose(), &event.event_id, timestamp, &event.body);
    Ok(SignedEndpoint {
        endpoint,
        signature: signature.ok_or("The secret cannot be used. Make a new one.")?,
    })
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// The endpoint answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        text: String,
    },
    /// There was no whole answer; why, for people.
    Failed(String),
}

impl WebhookOutcome {
    /// Whether the endpoint took the event.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if (200..300).contains(status))
    }

    /// Whether the endpoint wants no more events.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if *status == GONE)
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Failed(_) => None,
        }
    }

    /// The beginning of the answer, or why there was none, in one line.
    pub(super) fn shown(&self) -> String {
        let (Self::Answered { text, .. } | Self::Failed(text)) = self;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        printable(&line, ANSWER_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_is_a_success() {
        for (status, success, gone) in [
            (200, true, false),
            (204, true, false),
            (299, true, false),
            (301, false, false),
            (410, false, true),
            (500, false, false),
        ] {
            let outcome = WebhookOutcome::Answered {
                status,
                text: String::new(),
            };
            assert_eq!((outcome.is_success(), outcome.is_gone()), (success, gone));
            assert_eq!(outcome.status(), Some(status));
        }
        let failed = WebhookOutcome::Failed("no answer".to_owned());
        assert!(!failed.is_success() && !failed.is_gone());
        assert_eq!(failed.status(), None);
    }

    #[test]
    fn an_answer_is_shown_in_one_short_line() {
        let text = format!("<h1>\r\n\u{1b}[31mno\u{202e}\t{}", "x".repeat(300));
        let shown = WebhookOutcome::Answered { status: 500, text }.shown();
        assert!(shown.starts_with("<h1> [31mno x"), "{shown}");
        assert_eq!(shown.chars().count(), ANSWER_MAX + 1);
    }
}
