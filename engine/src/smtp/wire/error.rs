//! What can come between a command and its reply.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use domain::{Failure, Fault, Stage};
use thiserror::Error;

use crate::smtp::wire::reply::{Malformed, RawReply};
use crate::smtp::wire::tls;

/// Why a command got no reply.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("no whole answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// As [`Self::TimedOut`], with a part of the answer.
    #[error("an answer began, and no whole one came within {} s", .0.as_secs())]
    Unfinished(Duration),
    #[error("the connection was closed")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// A reply that no command asked for.
    #[error("a reply too many: {}", .0.shown().to_line())]
    Extra(RawReply),
    /// A refusal that did not wait for its command to end, or 421, which never waits
    /// (RFC 5321 section 3.8).
    #[error("{}", .0.shown().to_line())]
    Refused(RawReply),
    #[error("a CR, LF or NUL in a command; it was not sent")]
    LineBreak,
}

impl WireError {
    /// What a person is told of it.
    pub fn at(self, stage: Stage, peer: SocketAddr) -> Failure {
        let fault = match &self {
            Self::Refused(reply) => return Failure::rejected(stage, reply.shown()),
            Self::Io(error) => {
                let (fault, detail) = tls::explain(error);
                return Failure::new(stage, fault, format!("{peer}: {detail}"));
            }
            Self::Unfinished(_) => {
                return Failure {
                    unfinished: true,
                    ..Failure::new(stage, Fault::TimedOut, format!("{peer}: {self}"))
                };
            }
            Self::TimedOut(_) => Fault::TimedOut,
            Self::Closed => Fault::Closed,
            Self::Malformed(_) | Self::Extra(_) => Fault::Malformed,
            Self::LineBreak => Fault::LineBreak,
        };
        Failure::new(stage, fault, format!("{peer}: {self}"))
    }
}
