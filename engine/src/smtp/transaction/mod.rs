//! Handing a mail over: MAIL, RCPT, DATA, and what becomes of it (RFC 5321 section 3.3).

pub(super) mod delivery;
pub(super) mod message;
pub(super) mod plan;
pub(super) mod state;

use std::sync::Arc;
use std::time::Duration;

use domain::event::Side;
use domain::{EmailAddress, Failure, Fault, Reply, Stage};

use crate::smtp::session::{Condition, Session};
use crate::smtp::transaction::delivery::{
    BrokenSession, OutgoingMessage, Prepared, RecipientResults,
};
use crate::smtp::transaction::message::{END, Pieces};
use crate::smtp::transaction::plan::{Command, CommandPlan};
use crate::smtp::transaction::state::{TransactionState, misplaced};
use crate::smtp::wire::Deadline;
use crate::smtp::wire::error::WireError;

/// How long a piece of the mail may take to go out (RFC 5321 section 4.5.3.2.5).
const DATA_BLOCK_WITHIN: Duration = Duration::from_secs(180);

/// How long a relay may think about the whole mail (RFC 5321 section 4.5.3.2.6).
const DATA_END_WITHIN: Duration = Duration::from_secs(600);

/// Who a mail is from and who it is for.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub from: EmailAddress,
    /// At least one.
    pub to: Vec<EmailAddress>,
}

impl Session {
    /// Hands one mail over, as [`Session::deliver`] does, for a person who waits: one answer for
    /// all recipients, the relay's 2xx to the end of the mail.
    ///
    /// # Errors
    /// Where nobody gets the mail: [`Fault::Rejected`] with the relay's reply; where all recipients
    /// are refused, the first refusal at [`Stage::Rcpt`]. What the relay cannot take (its size, its
    /// octets, its addresses) and a message with stray line breaks are refused before anything is
    /// sent. After an error the session is good for [`Session::quit`] only.
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Reply, Failure> {
        self.begin_mail()?;
        let outcome = self.send_alone(envelope, message).await;
        if outcome.is_err() && self.condition == Condition::Ready {
            self.condition = Condition::Refused;
        }
        outcome
    }

    async fn send_alone(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Reply, Failure> {
        let parcel = Arc::new(OutgoingMessage {
            envelope: envelope.clone(),
            message: message.into(),
        });
        let prepared = Prepared::of(&parcel, &self.capabilities, self.open)?;
        let handed = self.hand_over(&prepared, false, None).await;
        let mut fates = handed.map_err(|broken| broken.failure)?;
        let at_data = |fate: &Result<Reply, Failure>| match fate {
            Ok(_) => false,
            Err(failure) => failure.stage == Stage::Data,
        };
        let telling = fates
            .iter()
            .position(Result::is_ok)
            .or_else(|| fates.iter().position(at_data));
        fates.swap_remove(telling.unwrap_or_default())
    }

    /// Asks whether a mail from and to these may be sent, and sends none: MAIL, RCPT for each
    /// recipient (there may be none), RSET (RFC 5321 section 4.1.1.5). One command at a time, so
    /// that each has its own time.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn rehearse(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        self.begin_mail()?;
        self.condition = Condition::Refused;
        let plan = CommandPlan::write(envelope, None, &self.capabilities, self.open)?;
        self.condition = Condition::Broken;
        let asked = self.ask_leave(&plan, false, false).await?;
        self.condition = Condition::Refused;
        if let Some(refusal) = asked.refusal() {
            return Err(refusal);
        }
        // Whether a relay knows RSET is of no interest: nothing is left to be reset.
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

    /// No second mail after one that was given up, and none instead of the pipelined next one.
    pub(crate) fn begin_mail(&self) -> Result<(), Failure> {
        if self.condition != Condition::Ready || self.pipelined_next.is_some() {
            let detail = "this connection has been given up";
            return Err(Failure::new(Stage::Mail, Fault::Closed, detail));
        }
        Ok(())
    }

    /// The whole of a transaction. `pipelined`: its first commands are on their way already; those of
    /// `next` are when it comes back with `next` pipelined.
    pub(crate) async fn hand_over(
        &mut self,
        mail: &Prepared,
        pipelined: bool,
        next: Option<Prepared>,
    ) -> Result<RecipientResults, BrokenSession> {
        // Until the outcome is known; for good if this future is dropped.
        self.condition = Condition::Broken;
        let pipelining = self.capabilities.pipelining;
        let plan = &mail.plan;
        let verdict = self.ask_leave(plan, pipelining, pipelined).await?;
        let end = match verdict.refusal() {
            Some(refusal) => {
                self.withdraw(&verdict).await;
                Err(refusal)
            }
            None => self.pour(&mail.parcel.message, next).await?,
        };
        Ok(plan.complete(verdict.fates(end)))
    }

    /// Everything before the mail itself. Ends early where nothing is left to ask.
    async fn ask_leave(
        &mut self,
        plan: &CommandPlan,
        pipelining: bool,
        mut pipelined: bool,
    ) -> Result<TransactionState, Failure> {
        let mut verdict = TransactionState::of(plan.recipients());
        for (lines, commands) in plan.groups(pipelining) {
            let first = commands
                .first()
                .map_or(Stage::Mail, |(command, _)| command.stage());
            self.wire.observer().begin(first);
            self.tell_lines(lines);
            let sent = std::mem::take(&mut pipelined);
            if !sent {
                let deadline = Deadline::after(self.command_timeout);
                let asked = self.wire.ask(lines, deadline).await;
                asked.map_err(|interruption| self.wire.failure(first, interruption))?;
            }
            for (command, _) in commands {
                let stage = command.stage();
                self.wire.observer().begin(stage);
                let deadline = Deadline::after(self.command_timeout);
                let reply = match self.wire.reply(deadline).await {
                    Ok(reply) => reply,
                    // The relay hung up over what it refused; where it may have lost the thread, a
                    // refusal alone says nothing about the mail.
                    Err(_) if !sent && verdict.is_hopeless() => {
                        verdict.cut_short();
                        return Ok(verdict);
                    }
                    Err(interruption) => return Err(self.wire.failure(stage, interruption)),
                };
                if reply.code >= 400 {
                    self.wire.observer().refused();
                }
                if sent && *command == Command::Mail && matches!(reply.code, 500 | 502 | 503) {
                    // It did not see a MAIL, or not in its place.
                    return Err(misplaced(stage, &reply));
                }
                verdict.hear(*command, &reply)?;
            }
            if verdict.is_hopeless() {
                break;
            }
        }
        Ok(verdict)
    }

    fn tell_lines(&self, lines: &[u8]) {
        let observer = self.wire.observer();
        if !observer.listens() {
            return;
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            observer.line(Side::Postern, || String::from_utf8_lossy(line).into_owned());
        }
    }

    /// The mail, its end, behind it the first commands of `next`; and the relay's word about it.
    async fn pour(
        &mut self,
        message: &[u8],
        mut next: Option<Prepared>,
    ) -> Result<Result<Reply, Failure>, BrokenSession> {
        let observer = self.wire.observer();
        observer.line(Side::Postern, || {
            format!("[{} bytes of mail]", message.len())
        });
        observer.line(Side::Postern, || ".".to_owned());
        let mut pieces = Pieces::of(message);
        let mut piece = Vec::new();
        while pieces.next(&mut piece) {
            let body = piece.len();
            if pieces.ended()
                && let Some(next) = next.take()
            {
                let (commands, _) = next.plan.groups(true).next().unwrap_or_default();
                piece.extend_from_slice(commands);
                self.pipelined_next = Some(next);
            }
            self.in_doubt = pieces.ended();
            let behind = piece.len() - body;
            let mut rest = &piece[..];
            let deadline = Deadline::after(DATA_BLOCK_WITHIN);
            match self.wire.pour(&mut rest, behind, deadline).await {
                Ok(()) => {}
                // Before it had all of the mail.
                Err(WireError::Refused(reply)) if reply.code != 421 => {
                    return Ok(Err(Failure::rejected(Stage::Data, reply.shown())));
                }
                Err(interruption) => {
                    let notice = matches!(interruption, WireError::Refused(_));
                    return Err(BrokenSession {
                        may_have_arrived: pieces.ended() && rest.len() <= behind && !notice,
                        ..self.wire.failure(Stage::Data, interruption).into()
                    });
                }
            }
        }
        let in_doubt = |failure: Failure| BrokenSession {
            may_have_arrived: true,
            ..failure.into()
        };
        let reply = self.wire.reply(Deadline::after(DATA_END_WITHIN)).await;
        let reply = reply.map_err(|error| in_doubt(self.wire.failure(Stage::Data, error)))?;
        let end = match reply.code {
            200..300 => Ok(reply.shown()),
            421 => return Err(Failure::rejected(Stage::Data, reply.shown()).into()),
            400.. => Err(Failure::rejected(Stage::Data, reply.shown())),
            _ => return Err(in_doubt(misplaced(Stage::Data, &reply))),
        };
        self.open = false;
        self.in_doubt = false;
        self.condition = match self.pipelined_next {
            // What comes now is for the next mail.
            Some(_) => Condition::Ready,
            None => self.after_mail().await.map_err(in_doubt)?,
        };
        Ok(end)
    }

    /// After a mail that nobody is left to take. A 354 that came all the same is answered with
    /// nothing (RFC 2920 section 3.1).
    async fn withdraw(&mut self, verdict: &TransactionState) {
        if verdict.was_cut_short() {
            return;
        }
        if !verdict.go_ahead() {
            self.open = verdict.sender_taken();
            self.condition = Condition::Ready;
            return;
        }
        let deadline = Deadline::after(self.command_timeout);
        if self.wire.ask(END, deadline).await.is_ok()
            && let Ok(reply) = self.wire.reply(deadline).await
            && !matches!(reply.code, 300..400 | 421)
        {
            self.open = false;
            self.condition = Condition::Ready;
        }
    }

    /// A relay may close behind a mail. Any other word makes it doubtful which one was the verdict.
    async fn after_mail(&mut self) -> Result<Condition, Failure> {
        let deadline = Deadline::after(self.command_timeout);
        match self.wire.unasked(deadline).await {
            Ok(None) => Ok(Condition::Ready),
            Ok(Some(reply)) if reply.code == 421 => Ok(Condition::Broken),
            Ok(Some(reply)) => Err(self.wire.failure(Stage::Data, WireError::Extra(reply))),
            Err(WireError::Closed | WireError::Io(_)) => Ok(Condition::Broken),
            Err(interruption) => Err(self.wire.failure(Stage::Data, interruption)),
        }
    }
}
