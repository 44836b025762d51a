//! The observation of a failed session, the input of the search for its cause.

use crate::settings::SmtpSettings;
use crate::smtp::capability::Capability;
use crate::smtp::stage::Failure;

/// The observation of a failed session.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The failure.
    pub failure: &'a Failure,
    /// The settings of the session.
    pub settings: &'a SmtpSettings,
    /// Whether the connection was encrypted when it failed.
    pub encrypted: bool,
    /// The extensions of the last reply to EHLO; empty without one.
    pub capabilities: &'a [Capability],
    /// The sender of the transaction. A reply that contains it is about the sender.
    pub sender: &'a str,
    /// The recipient of the failed command, if there is one.
    pub recipient: Option<&'a str>,
}
