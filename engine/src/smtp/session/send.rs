//! Sends one message for a test, or checks an envelope without a message.

use std::future::ready;
use std::sync::Arc;

use domain::{Failure, Reply, Stage};

use super::{Condition, Session};
use crate::smtp::transaction::{CommandPlan, Envelope, OutgoingMessage, PreparedMessage};

impl Session {
    /// Sends one message as [`Session::deliver`] does, with one result for all recipients: the
    /// relay's 2xx to the end of data.
    ///
    /// # Errors
    /// Where no recipient gets the message: [`Fault::Rejected`] with the relay's reply, and where
    /// all recipients are refused, the first refusal at [`Stage::Rcpt`]. A message with stray line
    /// breaks, and one that needs what the relay does not offer, are refused before anything is
    /// sent. After an error only [`Session::quit`] may follow.
    ///
    /// [`Fault::Rejected`]: domain::Fault::Rejected
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Reply, Failure> {
        self.begin_message()?;
        let outcome = self.send_alone(envelope, message).await;
        if outcome.is_err() && self.condition == Condition::Ready {
            self.condition = Condition::Refused;
        }
        outcome
    }

    async fn send_alone(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Reply, Failure> {
        let outgoing = Arc::new(OutgoingMessage {
            envelope: envelope.clone(),
            message: message.into(),
        });
        let prepared = PreparedMessage::new(&outgoing, &self.capabilities, self.transaction_open)?;
        let results = self.transact(&prepared, false, None, ready(true), || true);
        let mut results = results.await.map_err(|broken| broken.failure)?;
        let at_data = |result: &Result<Reply, Failure>| match result {
            Ok(_) => false,
            Err(failure) => failure.stage == Stage::Data,
        };
        // A reply to the end of data is more relevant than the refusal of one recipient.
        let most_telling = results
            .iter()
            .position(Result::is_ok)
            .or_else(|| results.iter().position(at_data));
        results.swap_remove(most_telling.unwrap_or_default())
    }

    /// Checks an envelope without sending a message: MAIL, RCPT for each recipient, of which there may
    /// be none, and RSET (RFC 5321 section 4.1.1.5). The commands are sent one at a time, so that each
    /// has its own duration.
    ///
    /// # Errors
    /// The errors of [`Session::send`].
    pub async fn dry_run(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        self.begin_message()?;
        self.condition = Condition::Refused;
        let plan = CommandPlan::new(envelope, None, &self.capabilities, self.transaction_open)?;
        self.condition = Condition::Broken;
        let state = self.run_commands(&plan, false, false).await?;
        self.condition = Condition::Refused;
        if let Some(refusal) = state.refusal() {
            return Err(refusal);
        }
        // The reply does not matter, even 502: no transaction follows that RSET would protect.
        self.condition = Condition::Broken;
        let stage = if envelope.to.is_empty() {
            Stage::Mail
        } else {
            Stage::Rcpt
        };
        self.command(stage, "RSET").await?;
        self.condition = Condition::Ready;
        Ok(())
    }
}
