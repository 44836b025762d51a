//! The stages at which a relay replies about a recipient or its mailbox.

use crate::smtp::stage::Stage;

/// Some relays wait with the refusal until the mail is sent.
pub const RECIPIENT_STAGES: &[Stage] = &[Stage::Rcpt, Stage::Data];
