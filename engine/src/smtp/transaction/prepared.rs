//! A message that was checked, with its commands.

use std::sync::Arc;

use domain::{Failure, Fault, Stage};

use super::envelope::OutgoingMessage;
use super::message::CheckedMessage;
use super::plan::CommandPlan;
use crate::smtp::wire::Capabilities;

/// A message that was checked, with its commands.
pub(crate) struct PreparedMessage {
    pub outgoing: Arc<OutgoingMessage>,
    pub plan: CommandPlan,
}

impl PreparedMessage {
    /// `reset`: a transaction is open and is ended first, by RSET.
    ///
    /// # Errors
    /// A CR or LF that is not part of a CRLF, and what the relay does not offer and the mail needs.
    pub fn new(
        outgoing: &Arc<OutgoingMessage>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let message = checked(outgoing)?;
        Ok(Self {
            plan: CommandPlan::new(&outgoing.envelope, Some(message), relay, reset)?,
            outgoing: outgoing.clone(),
        })
    }

    /// With BDAT instead of DATA. `reset` as for [`Self::new`].
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn chunked(
        outgoing: &Arc<OutgoingMessage>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let message = checked(outgoing)?;
        Ok(Self {
            plan: CommandPlan::chunked(&outgoing.envelope, message, relay, reset)?,
            outgoing: outgoing.clone(),
        })
    }
}

fn checked(outgoing: &OutgoingMessage) -> Result<CheckedMessage<'_>, Failure> {
    CheckedMessage::new(&outgoing.message).ok_or_else(|| {
        let detail = "the mail contains a lone CR or LF; it was not sent";
        Failure::new(Stage::Mail, Fault::LineBreak, detail)
    })
}
