//! The state of a transaction: the replies to its commands, and the result for each recipient.

use domain::{Failure, Fault, Reply, Stage};

use super::envelope::RecipientResults;
use super::plan::Command;
use crate::smtp::wire::RawReply;

/// The replies of one transaction so far.
#[derive(Default)]
pub(crate) struct TransactionState {
    mail_refusal: Option<Reply>,
    /// For each recipient that was answered for, the refusal if it was refused.
    recipients: Vec<Option<Reply>>,
    /// The reply to DATA; `Ok` is the 354.
    data: Option<Result<(), Reply>>,
    /// How many recipients there are.
    expected: usize,
    cut_short: bool,
}

impl TransactionState {
    /// Before the first reply, for this number of recipients.
    pub fn new(expected: usize) -> Self {
        Self {
            expected,
            recipients: Vec::with_capacity(expected),
            ..Self::default()
        }
    }

    /// Takes the reply to a command.
    ///
    /// # Errors
    /// Where the session ends: 421, a reply of the wrong kind, and a refused RSET. RSET cannot be
    /// refused (RFC 5321 section 4.3.2): the replies after it could belong to the mail before.
    pub fn on_reply(&mut self, command: Command, reply: &RawReply) -> Result<(), Failure> {
        let refusal = match (command, reply.code) {
            (_, 421) => return Err(Failure::rejected(command.stage(), reply.shown())),
            (Command::Rset, 400..) => return Err(out_of_order(command.stage(), reply)),
            (Command::Data, 354)
            | (Command::Rset | Command::Mail | Command::Rcpt | Command::Bdat, 200..300) => None,
            (_, 400..) => Some(reply.shown()),
            _ => return Err(out_of_order(command.stage(), reply)),
        };
        match command {
            // The reply to BDAT is that to the message.
            Command::Rset | Command::Bdat => {}
            Command::Mail => self.mail_refusal = refusal,
            Command::Rcpt => self.recipients.push(refusal),
            Command::Data => self.data = Some(refusal.map_or(Ok(()), Err)),
        }
        Ok(())
    }

    /// Notes that the relay closed the connection after its refusal.
    pub fn cut_short(&mut self) {
        self.cut_short = true;
    }

    /// Whether the relay closed the connection after its refusal.
    pub fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Whether MAIL was accepted. Valid once it was answered.
    pub fn sender_accepted(&self) -> bool {
        self.mail_refusal.is_none()
    }

    /// Whether DATA was answered by 354, so that the relay waits for an end of data.
    pub fn awaits_data(&self) -> bool {
        self.data == Some(Ok(()))
    }

    /// Whether the sender or every recipient was refused.
    pub fn is_refused(&self) -> bool {
        let all_answered = self.expected > 0 && self.recipients.len() == self.expected;
        self.mail_refusal.is_some() || (all_answered && self.recipients.iter().all(Option::is_some))
    }

    /// Why the message must not be sent. `None` where the relay waits for it.
    pub fn refusal(&self) -> Option<Failure> {
        let rejected = |stage, reply: &Reply| Some(Failure::rejected(stage, reply.clone()));
        if let Some(reply) = &self.mail_refusal {
            return rejected(Stage::Mail, reply);
        }
        if self.is_refused()
            && let Some(Some(reply)) = self.recipients.first()
        {
            return rejected(Stage::Rcpt, reply);
        }
        match &self.data {
            Some(Err(reply)) => rejected(Stage::Data, reply),
            _ => None,
        }
    }

    /// The result for each recipient; `end` is that of the recipients that were not refused by
    /// themselves.
    pub fn results(self, end: Result<Reply, Failure>) -> RecipientResults {
        if let Some(reply) = self.mail_refusal {
            return vec![Err(Failure::rejected(Stage::Mail, reply)); self.expected];
        }
        let end = match self.data {
            Some(Err(reply)) => Err(Failure::rejected(Stage::Data, reply)),
            _ => end,
        };
        let result = |refusal: Option<Reply>| match refusal {
            Some(reply) => Err(Failure::rejected(Stage::Rcpt, reply)),
            None => end.clone(),
        };
        self.recipients.into_iter().map(result).collect()
    }
}

/// The failure for a reply of the wrong kind, such as 250 instead of 354.
pub(crate) fn out_of_order(stage: Stage, reply: &RawReply) -> Failure {
    let detail = format!(
        "the relay answered {} out of place",
        reply.shown().to_line()
    );
    Failure::new(stage, Fault::Malformed, detail)
}
