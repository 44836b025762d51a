//! What a running test tells, one JSON line each.

use serde::{Deserialize, Serialize};

use crate::stage::{Failure, Stage};
use crate::{Instant, Reply};

/// An event of a test mail, in the order of things: `started`, then stages and ticks, then exactly
/// one of `sent` and `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestEvent {
    /// `revision` is the saved configuration that is tested; none when the form differs from it.
    Started {
        relay: String,
        revision: Option<i64>,
    },
    /// A stage began.
    Stage { stage: Stage },
    /// A second has passed; `seconds` since the start.
    Tick { seconds: u64 },
    Sent {
        milliseconds: u64,
        /// The answer to the end of the mail.
        reply: Reply,
        /// As in `TLS 1.3`; none when nothing was encrypted.
        encryption: Option<String>,
        message_id: String,
        /// When this proved the saved configuration: the moment recorded with it.
        verified: Option<Instant>,
    },
    Failed {
        milliseconds: u64,
        failure: Failure,
        /// One sentence on what to do.
        advice: String,
    },
}
