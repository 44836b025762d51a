//! Many mails over one session: what became of each, and the next one's commands behind a body.

use std::sync::Arc;

use domain::{Failure, Fault, Reply, Stage};
use thiserror::Error;

use crate::smtp::session::{Condition, Session};
use crate::smtp::transaction::Envelope;
use crate::smtp::transaction::message::Message;
use crate::smtp::transaction::plan::CommandPlan;
use crate::smtp::wire::capabilities::Capabilities;

/// A mail on its way out: checked and worded when it is sent.
#[derive(Debug)]
pub struct OutgoingMessage {
    pub envelope: Envelope,
    /// With CRLF line ends. It is sent as it is, apart from stuffed dots, and a last line end where
    /// that is missing.
    pub message: Arc<[u8]>,
}

/// What became of a mail for each recipient, in the envelope's order: the relay's 2xx to the end of
/// data, or why not.
pub type RecipientResults = Vec<Result<Reply, Failure>>;

/// The session ended in mid-mail. That says nothing against the mail, whatever the relay's words.
#[derive(Debug, Error)]
#[error("{failure}")]
pub struct BrokenSession {
    /// At [`Stage::Mail`], [`Stage::Rcpt`] or [`Stage::Data`]. [`Fault::Rejected`] is a 421.
    pub failure: Failure,
    /// The whole mail was written and its end not answered, or not plainly: it may have arrived.
    pub may_have_arrived: bool,
    /// Commands were sent behind a body, this mail's or the next one's: it may be that which the
    /// relay broke on.
    pub pipelined: bool,
}

/// A mail that was checked, and its commands.
pub(crate) struct Prepared {
    pub parcel: Arc<OutgoingMessage>,
    pub plan: CommandPlan,
}

impl Prepared {
    /// `reset`: a transaction is open, and must be ended first.
    ///
    /// # Errors
    /// What the relay did not say it takes, and a CR or LF that ends no line.
    pub fn of(
        parcel: &Arc<OutgoingMessage>,
        relay: &Capabilities,
        reset: bool,
    ) -> Result<Self, Failure> {
        let message = Message::check(&parcel.message).ok_or_else(|| {
            let detail = "the mail holds a CR or LF that ends no line; it was not sent";
            Failure::new(Stage::Mail, Fault::LineBreak, detail)
        })?;
        Ok(Self {
            plan: CommandPlan::write(&parcel.envelope, Some(message), relay, reset)?,
            parcel: parcel.clone(),
        })
    }
}

impl Session {
    /// Hands `mail` over, and writes the first commands of `next` behind its body where the relay
    /// takes PIPELINING (RFC 2920 section 3.1). That one must be delivered next; the replies to its
    /// commands are read then, so that at most one mail of a session is in doubt.
    ///
    /// What the relay refuses, and what it cannot take, are fates; the session goes on. The relay
    /// may take its command time-out for each reply, three minutes for each 64 KiB and ten for the
    /// end of the mail; whoever cannot wait drops the future, and with it the session.
    ///
    /// # Errors
    /// Where the session ended before the relay's word about the mail: 421, a connection that was
    /// closed or cut, time, and replies that are malformed or too many.
    pub async fn deliver(
        &mut self,
        mail: &Arc<OutgoingMessage>,
        next: Option<&Arc<OutgoingMessage>>,
    ) -> Result<RecipientResults, BrokenSession> {
        let pipelined_next = self.pipelined_next.take();
        self.begin_mail()?;
        let pipelined = pipelined_next.is_some();
        let prepared = match pipelined_next {
            Some(pipelined_next) if Arc::ptr_eq(&pipelined_next.parcel, mail) => pipelined_next,
            Some(_) => {
                self.condition = Condition::Broken;
                let detail = "the commands of another mail were pipelined on this connection";
                return Err(Failure::new(Stage::Mail, Fault::Closed, detail).into());
            }
            None => match Prepared::of(mail, &self.capabilities, self.open) {
                Ok(prepared) => prepared,
                Err(failure) => return Ok(vec![Err(failure); mail.envelope.to.len()]),
            },
        };
        // What it cannot take is said when it is that mail's turn.
        let next = next
            .filter(|_| self.pipeline_next && self.capabilities.pipelining)
            .and_then(|next| Prepared::of(next, &self.capabilities, false).ok());
        let handed = self.hand_over(&prepared, pipelined, next).await;
        handed.map_err(|broken| BrokenSession {
            pipelined: pipelined || self.pipelined_next.is_some(),
            ..broken
        })
    }

    /// No commands behind a body from now on, though pipelining as the relay offers it.
    pub fn without_pipelined_next(&mut self) {
        self.pipeline_next = false;
    }

    /// Whether a mail may have arrived whose delivery was given up by dropping the future.
    pub fn may_have_arrived(&self) -> bool {
        self.in_doubt
    }

    /// Whether another mail may follow.
    pub fn is_ready(&self) -> bool {
        self.condition == Condition::Ready
    }

    /// Whether the relay kept the connection while it rested, and said nothing. Does not wait.
    pub async fn is_alive(&mut self) -> bool {
        self.is_ready() && matches!(self.wire.has_unread().await, Ok(false))
    }
}

/// Of a mail whose end was not written.
impl From<Failure> for BrokenSession {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            may_have_arrived: false,
            pipelined: false,
        }
    }
}
