//! What a session with a relay tells while it runs: the events of a test and of a diagnosis.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::capability::Capability;
use crate::cause::Cause;
use crate::certificate::Handshake;
use crate::stage::{Failure, Stage};
use crate::{Reply, Timestamp};

/// Something that happened, in the order of things: `started`; of each stage `began`, what was
/// learnt in it, `ended`; a `tick` every second; and exactly one `over`, which is the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Started {
        /// Host and port.
        relay: String,
        /// The saved configuration that is used; none when it differs from what is saved.
        revision: Option<i64>,
        /// The stages that are expected, in their order.
        plan: Vec<Stage>,
    },
    Began {
        stage: Stage,
        /// Since the start.
        at: Elapsed,
    },
    Resolved(Resolution),
    Tried(ConnectAttempt),
    Handshake(Handshake),
    Offered {
        capabilities: Vec<Capability>,
    },
    /// A line of the dialogue, without secrets.
    Line(DialogueLine),
    Ended {
        stage: Stage,
        passed: bool,
        /// What the stage took.
        milliseconds: Elapsed,
    },
    /// Another second has passed since the start.
    Tick {
        seconds: u64,
    },
    Over(RunSummary),
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution {
    pub name: String,
    /// Who was asked: name servers, or the hosts file.
    pub resolver: String,
    /// The names it is an alias of (CNAME), in their order.
    pub aliases: Vec<String>,
    /// A and AAAA. Empty when there are none.
    pub addresses: Vec<IpAddr>,
}

/// An address that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectAttempt {
    /// Address and port.
    pub address: String,
    pub outcome: ConnectOutcome,
    pub milliseconds: Elapsed,
}

/// What became of trying an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectOutcome {
    Connected,
    /// Nothing listens there.
    Refused,
    /// No route leads there.
    Unreachable,
    /// Nothing came back within the connect time-out.
    NoAnswer,
    /// The operator of this Postern forbids it.
    NotAllowed,
    /// It answered and cut the connection.
    Reset,
    /// Another address was faster.
    GivenUp,
}

impl ConnectOutcome {
    /// For a person.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused => "refused: nothing listens there",
            Self::Unreachable => "unreachable: no route leads there",
            Self::NoAnswer => "no answer",
            Self::NotAllowed => "not allowed by this Postern's operator",
            Self::Reset => "cut the connection",
            Self::GivenUp => "given up, another address was faster",
        }
    }
}

/// A line of the dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DialogueLine {
    pub from: Side,
    /// Without its end; what is secret in it is replaced by `[…]`.
    pub text: String,
}

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Postern,
    Relay,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    pub milliseconds: Elapsed,
    /// As in `TLS 1.3`; none when nothing was encrypted.
    pub encryption: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Every stage passed, and nothing was sent: no mail was asked for.
    Passed,
    Sent {
        /// The answer to the end of the mail.
        reply: Reply,
        message_id: String,
        /// When this proved the saved configuration: the moment recorded with it.
        verified: Option<Timestamp>,
    },
    Failed {
        failure: Failure,
        /// None where nobody knows more than the relay said.
        cause: Option<&'static Cause>,
    },
}

/// A time that something took, to the microsecond. It travels as milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elapsed(pub u64);

impl From<Duration> for Elapsed {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Elapsed {
    /// From an earlier moment to this one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

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
    /// As it is read: `0.4 ms`, `37 ms`, `5.2 s`.
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
        let over = Event::Over(RunSummary {
            milliseconds: Elapsed(12_500),
            encryption: None,
            outcome: Outcome::Passed,
        });
        assert_eq!(
            serde_json::to_string(&over).expect("JSON"),
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
    }
}
