//! The events of a test or diagnosis while it runs.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::cause::Finding;
use crate::mail::domain_check::DiagnosedDomain;
use crate::smtp::capability::Capability;
use crate::smtp::certificate::Handshake;
use crate::smtp::stage::{Failure, Stage};
use crate::{Reply, Timestamp};

/// An event of a run. `started` is the first. Each stage sends `began`, its details, and `ended`. A
/// `tick` follows every second. Exactly one `over` is the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({
        "event": "line",
        "from": "relay",
        "text": "220 smtp.example.org ESMTP",
    }))
)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run started.
    Started {
        /// Host and port.
        relay: String,
        /// The saved revision in use; none when the settings differ from it.
        revision: Option<i64>,
        /// The expected stages, in order.
        plan: Vec<Stage>,
    },
    /// A stage began.
    Began {
        /// The stage.
        stage: Stage,
        /// The time since the start of the run.
        at: Elapsed,
    },
    /// A DNS look-up ended.
    Resolved(Resolution),
    /// A connection attempt ended.
    Tried(ConnectAttempt),
    /// A TLS handshake ended.
    Handshake(Handshake),
    /// The relay replied to EHLO.
    Offered {
        /// The offered extensions.
        capabilities: Vec<Capability>,
    },
    /// A line of the dialogue with secrets redacted.
    Line(DialogueLine),
    /// A stage ended.
    Ended {
        /// The stage.
        stage: Stage,
        /// Whether it succeeded.
        passed: bool,
        /// Its duration.
        milliseconds: Elapsed,
    },
    /// Another second has passed.
    Tick {
        /// Whole seconds since the start.
        seconds: u64,
    },
    /// The From domain was checked in parallel to the session. The event precedes `over` and is sent
    /// only if a connection to the relay of a diagnosis was established and the domain is a name of
    /// public DNS.
    Domain(DiagnosedDomain),
    /// The run ended.
    #[serde(rename = "over")]
    Finished(RunSummary),
}

/// The result of a DNS look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Resolution {
    /// The name looked up.
    pub name: String,
    /// The source of the result: the name servers or the hosts file.
    pub resolver: String,
    /// The chain of CNAME targets, in order.
    pub aliases: Vec<String>,
    /// The addresses of its A and AAAA records.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub addresses: Vec<IpAddr>,
}

/// An attempt to connect to an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectAttempt {
    /// Address and port.
    pub address: String,
    /// How the attempt ended.
    pub outcome: ConnectOutcome,
    /// Its duration.
    pub milliseconds: Elapsed,
}

/// The outcome of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ConnectOutcome {
    /// The connection was established.
    Connected,
    /// Nothing listens on the port.
    Refused,
    /// There is no route to the address.
    Unreachable,
    /// No answer within the connect time-out.
    NoAnswer,
    /// The operator's allow and deny lists forbid the address.
    NotAllowed,
    /// The connection was reset.
    Reset,
    /// The attempt was abandoned because another address was faster (RFC 8305).
    GivenUp,
}

impl ConnectOutcome {
    /// A description for display.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused => "refused: nothing listens there",
            Self::Unreachable => "unreachable: there is no route",
            Self::NoAnswer => "no answer",
            Self::NotAllowed => "not allowed by the operator of this Postern",
            Self::Reset => "connection reset",
            Self::GivenUp => "abandoned, another address was faster",
        }
    }
}

/// A line of the dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DialogueLine {
    /// The sender.
    pub from: Side,
    /// The line without its end; secrets are replaced by `[…]`.
    pub text: String,
}

/// The sender of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Postern, the client.
    Postern,
    /// The relay, the server.
    Relay,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSummary {
    /// The duration of the run.
    pub milliseconds: Elapsed,
    /// The TLS version, as in `TLS 1.3`; none without encryption.
    pub encryption: Option<String>,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every stage passed; a diagnosis sends no mail.
    Passed,
    /// The relay accepted the test mail.
    Sent {
        /// The reply to the end of data.
        reply: Reply,
        /// The Message-ID header field.
        message_id: String,
        /// When the saved revision was marked as verified; none when it was not.
        verified: Option<Timestamp>,
    },
    /// A stage failed.
    Failed {
        /// The failure.
        failure: Failure,
        /// Its cause; none when it is not known.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Finding>))]
        cause: Option<Finding>,
    },
}

/// A duration in microseconds. It serialises as milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = f64, example = 41.2))]
pub struct Elapsed(pub u64);

impl From<Duration> for Elapsed {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Elapsed {
    /// The time since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The duration in milliseconds.
    pub fn milliseconds(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a run has fewer microseconds than a double has integers"
        )]
        let microseconds = self.0 as f64;
        microseconds / 1000.0
    }
}

impl Serialize for Elapsed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.milliseconds())
    }
}

impl fmt::Display for Elapsed {
    /// Formats for display: `0.4 ms`, `37 ms`, `5.2 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(microseconds) = *self;
        match microseconds {
            0..10_000 => write!(
                f,
                "{}.{} ms",
                microseconds / 1000,
                microseconds % 1000 / 100
            ),
            10_000..1_000_000 => write!(f, "{} ms", microseconds / 1000),
            _ => write!(
                f,
                "{}.{} s",
                microseconds / 1_000_000,
                microseconds % 1_000_000 / 100_000
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_long_as_they_are() {
        for (microseconds, text) in [
            (0, "0.0 ms"),
            (412, "0.4 ms"),
            (9_999, "9.9 ms"),
            (37_400, "37 ms"),
            (999_999, "999 ms"),
            (5_234_000, "5.2 s"),
            (61_000_000, "61.0 s"),
        ] {
            assert_eq!(Elapsed(microseconds).to_string(), text);
        }
    }

    #[test]
    fn an_event_is_a_flat_object_with_its_name() {
        let summary = Event::Finished(RunSummary {
            milliseconds: Elapsed(12_500),
            encryption: None,
            outcome: Outcome::Passed,
        });
        assert_eq!(
            serde_json::to_string(&summary).expect("JSON"),
            r#"{"event":"over","milliseconds":12.5,"encryption":null,"outcome":"passed"}"#
        );
        let tried = Event::Tried(ConnectAttempt {
            address: "192.0.2.1:25".to_owned(),
            outcome: ConnectOutcome::NoAnswer,
            milliseconds: Elapsed(5_000_000),
        });
        assert_eq!(
            serde_json::to_string(&tried).expect("JSON"),
            r#"{"event":"tried","address":"192.0.2.1:25","outcome":"no_answer","milliseconds":5000.0}"#
        );
        let checked = Event::Domain(DiagnosedDomain {
            domain: "example.org".to_owned(),
            answered: false,
            findings: Vec::new(),
        });
        assert_eq!(
            serde_json::to_string(&checked).expect("JSON"),
            r#"{"event":"domain","domain":"example.org","answered":false,"findings":[]}"#
        );
    }

    #[test]
    fn a_duration_is_kept_in_microseconds() {
        let elapsed = Elapsed::from(Duration::from_micros(1_500));
        assert_eq!(elapsed, Elapsed(1_500));
        assert_eq!(elapsed.milliseconds(), 1.5);
        assert_eq!(elapsed.since(Elapsed(500)), Elapsed(1_000));
        assert_eq!(Elapsed(500).since(elapsed), Elapsed(0));
        assert_eq!(Elapsed::from(Duration::MAX), Elapsed(u64::MAX));
    }
}
