//! What the relay has said to the commands of a mail, and what that makes of each recipient.

use domain::{Failure, Fault, Reply, Stage};

use crate::smtp::transaction::delivery::RecipientResults;
use crate::smtp::transaction::plan::Command;
use crate::smtp::wire::reply::RawReply;

/// Of one mail, reply by reply.
#[derive(Default)]
pub(crate) struct TransactionState {
    mail_refusal: Option<Reply>,
    /// Of each recipient the refusal, if it was refused.
    recipients: Vec<Option<Reply>>,
    /// `Ok` is the 354.
    data: Option<Result<(), Reply>>,
    /// How many recipients there are.
    expected: usize,
    hung_up: bool,
}

impl TransactionState {
    /// Nothing heard yet of so many recipients.
    pub fn of(expected: usize) -> Self {
        Self {
            expected,
            recipients: Vec::with_capacity(expected),
            ..Self::default()
        }
    }

    /// Takes the reply to a command. 421 is the end of everything. RSET cannot be refused (RFC 5321
    /// section 4.3.2): whatever followed would be said of the mail before.
    pub fn hear(&mut self, command: Command, reply: &RawReply) -> Result<(), Failure> {
        let refusal = match (command, reply.code) {
            (_, 421) => return Err(Failure::rejected(command.stage(), reply.shown())),
            (Command::Rset, 400..) => return Err(misplaced(command.stage(), reply)),
            (Command::Data, 354) | (Command::Rset | Command::Mail | Command::Rcpt, 200..300) => {
                None
            }
            (_, 400..) => Some(reply.shown()),
            _ => return Err(misplaced(command.stage(), reply)),
        };
        match command {
            Command::Rset => {}
            Command::Mail => self.mail_refusal = refusal,
            Command::Rcpt => self.recipients.push(refusal),
            Command::Data => self.data = Some(refusal.map_or(Ok(()), Err)),
        }
        Ok(())
    }

    /// The relay hung up over its refusal.
    pub fn cut_short(&mut self) {
        self.hung_up = true;
    }

    pub fn was_cut_short(&self) -> bool {
        self.hung_up
    }

    /// Whether MAIL was taken. To be asked when it was heard.
    pub fn sender_taken(&self) -> bool {
        self.mail_refusal.is_none()
    }

    /// Whether a mail is waited for, be it wanted or not.
    pub fn go_ahead(&self) -> bool {
        self.data == Some(Ok(()))
    }

    /// Nobody is left whom the mail could reach.
    pub fn is_hopeless(&self) -> bool {
        let all_heard = self.expected > 0 && self.recipients.len() == self.expected;
        self.mail_refusal.is_some() || (all_heard && self.recipients.iter().all(Option::is_some))
    }

    /// Why there is no leave to send, if there is none.
    pub fn refusal(&self) -> Option<Failure> {
        let rejected = |stage, reply: &Reply| Some(Failure::rejected(stage, reply.clone()));
        if let Some(reply) = &self.mail_refusal {
            return rejected(Stage::Mail, reply);
        }
        if self.is_hopeless()
            && let Some(Some(reply)) = self.recipients.first()
        {
            return rejected(Stage::Rcpt, reply);
        }
        match &self.data {
            Some(Err(reply)) => rejected(Stage::Data, reply),
            _ => None,
        }
    }

    /// What becomes of each recipient, where `end` becomes of those who were not refused by
    /// themselves.
    pub fn fates(self, end: Result<Reply, Failure>) -> RecipientResults {
        if let Some(reply) = self.mail_refusal {
            return vec![Err(Failure::rejected(Stage::Mail, reply)); self.expected];
        }
        let end = match self.data {
            Some(Err(reply)) => Err(Failure::rejected(Stage::Data, reply)),
            _ => end,
        };
        let fate = |refusal: Option<Reply>| match refusal {
            Some(reply) => Err(Failure::rejected(Stage::Rcpt, reply)),
            None => end.clone(),
        };
        self.recipients.into_iter().map(fate).collect()
    }
}

/// A reply of the wrong kind, as 250 instead of 354, or the other way round.
pub(crate) fn misplaced(stage: Stage, reply: &RawReply) -> Failure {
    let detail = format!(
        "the relay answered {} out of place",
        reply.shown().to_line()
    );
    Failure::new(stage, Fault::Malformed, detail)
}
