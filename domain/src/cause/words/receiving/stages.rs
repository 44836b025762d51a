//! The stages at which a relay replies about a recipient or its mailbox.

use crate::smtp::stage::Stage;

/// The stages of refusals. Some relays refuse a recipient only after the mail is sent.
pub const RECIPIENT_STAGES: &[Stage] = &[Stage::Rcpt, Stage::Data];
