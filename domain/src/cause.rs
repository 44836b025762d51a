//! From what was observed to what is wrong and what to do about it.

use serde::Serialize;

use crate::settings::SmtpSettings;
use crate::stage::Failure;

/// A known cause of a failure.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// In a few words, as in `The port is filtered`.
    pub title: &'static str,
    /// In one sentence.
    pub cause: &'static str,
    /// What to do, in this order.
    pub steps: &'static [&'static str],
}

/// What was observed of a session that failed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub failure: &'a Failure,
    pub settings: &'a SmtpSettings,
    /// Whether the connection was encrypted when it failed.
    pub encrypted: bool,
}

/// The cause, where it is known; nothing where whatever is said would be a guess.
pub fn cause(_seen: &Seen<'_>) -> Option<&'static Cause> {
    None
}
