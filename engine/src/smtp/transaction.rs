//! Handing a mail over: MAIL, RCPT, DATA, and what becomes of it (RFC 5321 section 3.3).

use std::time::Duration;

use domain::event::Side;
use domain::{EmailAddress, Failure, Fault, Reply, Stage};

use super::interruption::Interruption;
use super::message::{END, Message};
use super::reply::RawReply;
use super::script::Script;
use super::session::{Condition, Session};
use super::wire::{Deadline, Wire};

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

/// A mail that the relay took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The answer to the end of the mail.
    pub reply: Reply,
    /// The answer to each recipient, in the envelope's order; `Err` is a refusal.
    pub recipients: Vec<Result<Reply, Reply>>,
}

/// What the relay has said to the commands so far.
#[derive(Default)]
struct Verdict {
    mail_refusal: Option<Reply>,
    recipients: Vec<Result<Reply, Reply>>,
    /// `Ok` is the 354.
    data: Option<Result<(), Reply>>,
}

impl Session {
    /// Hands a mail over. `message` has CRLF line ends; it is sent as it is, apart from stuffed
    /// dots, and a last line end where that is missing.
    ///
    /// The relay may take three minutes for each 64 KiB and ten for the end of the mail; whoever
    /// cannot wait drops the future, and with it the session.
    ///
    /// # Errors
    /// [`Fault::Rejected`] with the relay's reply; where all recipients are refused, the first
    /// refusal at [`Stage::Rcpt`]. What the relay cannot take (its size, its octets, its
    /// addresses) and a message with stray line breaks are refused before anything is sent. After
    /// an error the session is good for [`Session::quit`] only.
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Delivery, Failure> {
        self.begin_mail()?;
        let message = Message::check(message).ok_or_else(|| {
            let detail = "the mail holds a CR or LF that ends no line; it was not sent";
            Failure::new(Stage::Mail, Fault::LineBreak, detail)
        })?;
        let script = Script::write(envelope, Some(message), &self.capabilities)?;
        let pipelining = self.capabilities.pipelining;

        // Until the outcome is known; for good if this future is dropped.
        self.condition = Condition::Broken;
        let verdict = self
            .ask_leave(&script, envelope.to.len(), pipelining)
            .await?;
        if let Some(refusal) = verdict.refusal() {
            if verdict.data == Some(Ok(())) {
                self.decline().await;
            } else {
                self.condition = Condition::Refused;
            }
            return Err(refusal);
        }
        let reply = self.pour(message).await?;
        self.condition = self.after_mail().await?;
        Ok(Delivery {
            reply,
            recipients: verdict.recipients,
        })
    }

    /// Asks whether a mail from and to these may be sent, and sends none: MAIL, RCPT for each
    /// recipient (there may be none), RSET (RFC 5321 section 4.1.1.5). One command at a time, so
    /// that each has its own time.
    ///
    /// # Errors
    /// As [`Session::send`].
    pub async fn rehearse(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        self.begin_mail()?;
        let script = Script::write(envelope, None, &self.capabilities)?;
        self.condition = Condition::Broken;
        let verdict = self.ask_leave(&script, envelope.to.len(), false).await?;
        self.condition = Condition::Refused;
        if let Some(refusal) = verdict.refusal() {
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

    /// No second mail after one that was refused or given up.
    fn begin_mail(&mut self) -> Result<(), Failure> {
        if self.condition != Condition::Ready {
            let detail = "this connection has been given up";
            return Err(Failure::new(Stage::Mail, Fault::Closed, detail));
        }
        self.condition = Condition::Refused;
        Ok(())
    }

    /// Everything before the mail itself. Ends early where nothing is left to ask.
    async fn ask_leave(
        &mut self,
        script: &Script,
        recipients: usize,
        pipelining: bool,
    ) -> Result<Verdict, Failure> {
        let mut verdict = Verdict::default();
        for (lines, commands) in script.groups(pipelining) {
            let first = commands.first().map_or(Stage::Mail, |(stage, _)| *stage);
            self.wire.witness().begin(first);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\r\n").unwrap_or(line);
                let text = || String::from_utf8_lossy(line).into_owned();
                self.wire.witness().line(Side::Postern, text);
            }
            let asked = self
                .wire
                .ask(lines, Deadline::after(self.command_timeout))
                .await;
            asked.map_err(|interruption| self.wire.failure(first, interruption))?;
            for (stage, _) in commands {
                self.wire.witness().begin(*stage);
                let reply = self
                    .wire
                    .reply(Deadline::after(self.command_timeout))
                    .await
                    .map_err(|interruption| self.wire.failure(*stage, interruption));
                match reply {
                    Ok(reply) => {
                        if reply.code >= 400 {
                            self.wire.witness().refused();
                        }
                        verdict.hear(*stage, &reply)?;
                    }
                    // The relay hung up over what it refused.
                    Err(failure) => return Err(verdict.refusal().unwrap_or(failure)),
                }
            }
            if verdict.is_hopeless(recipients) {
                break;
            }
        }
        Ok(verdict)
    }

    /// The mail, its end, and the relay's last word.
    async fn pour(&mut self, message: Message<'_>) -> Result<Reply, Failure> {
        let failed = |wire: &Wire, error| wire.failure(Stage::Data, error);
        let size = message.size();
        let witness = self.wire.witness();
        witness.line(Side::Postern, || format!("[{size} bytes of mail]"));
        witness.line(Side::Postern, || ".".to_owned());
        let mut pieces = message.pieces();
        let mut piece = Vec::new();
        while pieces.next(&mut piece) {
            let poured = self
                .wire
                .pour(&piece, Deadline::after(DATA_BLOCK_WITHIN))
                .await;
            poured.map_err(|error| failed(&self.wire, error))?;
        }
        let reply = self
            .wire
            .reply(Deadline::after(DATA_END_WITHIN))
            .await
            .map_err(|error| failed(&self.wire, error))?;
        match reply.code {
            200..300 => Ok(reply.shown()),
            421 => Err(Failure::rejected(Stage::Data, reply.shown())),
            400.. => {
                self.condition = Condition::Refused;
                Err(Failure::rejected(Stage::Data, reply.shown()))
            }
            _ => Err(misplaced(Stage::Data, &reply)),
        }
    }

    /// Answers a 354 that came although nobody is left to take the mail: with nothing (RFC 2920
    /// section 3.1).
    async fn decline(&mut self) {
        let deadline = Deadline::after(self.command_timeout);
        if self.wire.ask(END, deadline).await.is_ok() && self.wire.reply(deadline).await.is_ok() {
            self.condition = Condition::Refused;
        }
    }

    /// A relay may close behind a mail. Any other word makes it doubtful which one was the verdict.
    async fn after_mail(&mut self) -> Result<Condition, Failure> {
        let deadline = Deadline::after(self.command_timeout);
        match self.wire.unasked(deadline).await {
            Ok(None) => Ok(Condition::Ready),
            Ok(Some(reply)) if reply.code == 421 => Ok(Condition::Broken),
            Ok(Some(reply)) => Err(self.wire.failure(Stage::Data, Interruption::Extra(reply))),
            Err(Interruption::Closed | Interruption::Io(_)) => Ok(Condition::Broken),
            Err(interruption) => Err(self.wire.failure(Stage::Data, interruption)),
        }
    }
}

impl Verdict {
    /// Takes the reply to a command. 421 is the end of everything.
    fn hear(&mut self, stage: Stage, reply: &RawReply) -> Result<(), Failure> {
        let answer = match (stage, reply.code) {
            (_, 421) => return Err(Failure::rejected(stage, reply.shown())),
            (Stage::Data, 354) | (Stage::Mail | Stage::Rcpt, 200..300) => Ok(()),
            (_, 400..) => Err(reply.shown()),
            _ => return Err(misplaced(stage, reply)),
        };
        match stage {
            Stage::Mail => self.mail_refusal = answer.err(),
            Stage::Rcpt => self.recipients.push(answer.map(|()| reply.shown())),
            _ => self.data = Some(answer),
        }
        Ok(())
    }

    fn is_hopeless(&self, recipients: usize) -> bool {
        let all_heard = self.recipients.len() == recipients;
        self.mail_refusal.is_some() || (all_heard && self.recipients.iter().all(Result::is_err))
    }

    /// Why there is no leave to send, if there is none.
    fn refusal(&self) -> Option<Failure> {
        let rejected = |stage, reply: &Reply| Some(Failure::rejected(stage, reply.clone()));
        if let Some(reply) = &self.mail_refusal {
            return rejected(Stage::Mail, reply);
        }
        if let Some(Err(reply)) = self.recipients.first()
            && self.recipients.iter().all(Result::is_err)
        {
            return rejected(Stage::Rcpt, reply);
        }
        match &self.data {
            Some(Err(reply)) => rejected(Stage::Data, reply),
            _ => None,
        }
    }
}

/// A positive reply of the wrong kind: 250 instead of 354, or the other way round.
fn misplaced(stage: Stage, reply: &RawReply) -> Failure {
    let detail = format!("the relay answered {} out of place", reply.shown().words());
    Failure::new(stage, Fault::Malformed, detail)
}
