//! Why a command got no reply.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use domain::{Failure, Fault, Stage};
use thiserror::Error;

use super::reply::{Malformed, RawReply};
use super::tls::failure::explain;

/// Why a command got no reply.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// No part of a reply came within this time.
    #[error("no complete reply within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A part of a reply came within this time.
    #[error("a reply began and was not complete within {} s", .0.as_secs())]
    Unfinished(Duration),
    /// The relay took a message too slowly, or no more of it.
    #[error(
        "{written} of {size} octets of the mail were written in {} s; the relay takes them too slowly",
        .within.as_secs()
    )]
    SlowBody {
        written: u64,
        size: u64,
        within: Duration,
    },
    #[error("the connection was closed")]
    Closed,
    /// No more of the message may be written: it is another worker's.
    #[error("the mail was given up before its end of data")]
    GivenUp,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// A reply that no command asked for.
    #[error("an unexpected reply: {}", .0.shown().to_line())]
    Extra(RawReply),
    /// A refusal before the command was complete, or 421, which a relay may send at any time
    /// (RFC 5321 section 3.8).
    #[error("{}", .0.shown().to_line())]
    Refused(RawReply),
    /// Found before the command was sent.
    #[error("a CR, LF or NUL in a command; it was not sent")]
    LineBreak,
}

impl WireError {
    /// The failure of a session at `stage`.
    pub fn at(self, stage: Stage, peer: SocketAddr) -> Failure {
        let fault = match &self {
            Self::Refused(reply) => return Failure::rejected(stage, reply.shown()),
            Self::Io(error) => {
                let (fault, detail) = explain(error);
                return Failure::new(stage, fault, format!("{peer}: {detail}"));
            }
            Self::Unfinished(_) => {
                return Failure {
                    unfinished: true,
                    ..Failure::new(stage, Fault::TimedOut, format!("{peer}: {self}"))
                };
            }
            Self::TimedOut(_) | Self::SlowBody { .. } => Fault::TimedOut,
            Self::Closed | Self::GivenUp => Fault::Closed,
            Self::Malformed(_) | Self::Extra(_) => Fault::Malformed,
            Self::LineBreak => Fault::LineBreak,
        };
        Failure::new(stage, fault, format!("{peer}: {self}"))
    }

    /// For a reply that came before a command was sent.
    pub(super) fn before_command(reply: RawReply) -> Self {
        match reply.code {
            421 => Self::Refused(reply),
            _ => Self::Extra(reply),
        }
    }

    /// For a reply that came in the middle of a body, which a relay may refuse early.
    pub(super) fn within_body(reply: RawReply) -> Self {
        match reply.code {
            400.. => Self::Refused(reply),
            _ => Self::Extra(reply),
        }
    }
}
