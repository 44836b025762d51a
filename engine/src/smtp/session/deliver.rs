//! Delivers messages over one session, with the commands of the next pipelined behind each body.

use std::future::ready;
use std::sync::Arc;

use domain::{Failure, Fault, Stage};

use super::{BrokenSession, Condition, Session};
use crate::smtp::transaction::{OutgoingMessage, PreparedMessage, RecipientResults};

impl Session {
    /// Delivers a message, and pipelines the commands of `next` behind its body where the relay
    /// offers PIPELINING (RFC 2920 section 3.1). That message must be delivered next. The replies
    /// to its commands are read then, so that at most one message of this session is in doubt.
    ///
    /// A refusal by the relay, and what it does not offer and the message needs, are results; the
    /// session goes on. The relay has the time of [`Session::use_delivery_timeouts`] for each reply to a
    /// command, 3 min for each 64 KiB of the message, which it has to take as a whole at 4 KiB a second,
    /// and 10 min after the end of data. Dropping the future ends the session.
    ///
    /// # Errors
    /// Where the session ended before the message had a result: a 421, a connection that was closed
    /// or cut, a time-out, and replies that are malformed or belong to no command.
    pub async fn deliver(
        &mut self,
        message: &Arc<OutgoingMessage>,
        next: Option<&Arc<OutgoingMessage>>,
    ) -> Result<RecipientResults, BrokenSession> {
        self.deliver_if(message, next, ready(true), || true).await
    }

    /// Like [`Session::deliver`], but asks `may_write` before each write of the message, and waits for
    /// `may_end` before it writes the last piece, with the end of data.
    ///
    /// # Errors
    /// The errors of [`Session::deliver`]. If `may_end` or `may_write` is false, the session is broken and
    /// the message has not arrived.
    pub async fn deliver_if(
        &mut self,
        message: &Arc<OutgoingMessage>,
        next: Option<&Arc<OutgoingMessage>>,
        may_end: impl Future<Output = bool>,
        may_write: impl Fn() -> bool,
    ) -> Result<RecipientResults, BrokenSession> {
        let pipelined_next = self.pipelined_next.take();
        self.begin_message()?;
        let pipelined = pipelined_next.is_some();
        let prepared = match pipelined_next {
            Some(prepared) if Arc::ptr_eq(&prepared.outgoing, message) => prepared,
            Some(_) => {
                self.condition = Condition::Broken;
                let detail = "the commands of another mail were sent on this connection";
                return Err(Failure::new(Stage::Mail, Fault::Closed, detail).into());
            }
            None => {
                let reset = self.transaction_open;
                match PreparedMessage::new(message, &self.capabilities, reset) {
                    Ok(prepared) => prepared,
                    Err(failure) => return Ok(vec![Err(failure); message.envelope.to.len()]),
                }
            }
        };
        // The next message is refused in its own turn if the relay cannot take it.
        let next = next
            .filter(|_| self.capabilities.pipelining)
            .and_then(|next| PreparedMessage::new(next, &self.capabilities, false).ok());
        let results = self.transact(&prepared, pipelined, next, may_end, may_write);
        results.await.map_err(|broken| BrokenSession {
            pipelined: pipelined || self.pipelined_next.is_some(),
            ..broken
        })
    }
}
