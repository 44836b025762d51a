//! The deadline of a command and its whole reply.

use std::time::Duration;

use tokio::time::Instant;

/// When a whole command and its whole reply must be over, however slowly they trickle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(super) at: Instant,
    /// The time that was given, for the text of a failure.
    pub(super) within: Duration,
}

impl Deadline {
    /// A deadline `within` from now.
    pub fn after(within: Duration) -> Self {
        Self::since(Instant::now(), within)
    }

    /// A deadline `within` from `start`.
    pub fn since(start: Instant, within: Duration) -> Self {
        Self {
            at: start + within,
            within,
        }
    }

    /// The earlier one of two.
    pub fn earlier(self, other: Self) -> Self {
        match other.at < self.at {
            true => other,
            false => self,
        }
    }
}
