//! Several messages in flight at once by CHUNKING (RFC 3030) and PIPELINING (RFC 2920).

use std::sync::Arc;

use domain::diagnosis::event::Side;
use domain::{Failure, Fault, Stage};

use super::in_flight::is_unknown;
use super::{BrokenSession, Condition, Session};
use crate::smtp::transaction::{Command, OutgoingMessage, PreparedMessage, RecipientResults};
use crate::smtp::wire::{Advance, Deadline};

impl Session {
    /// Whether the relay offers CHUNKING and PIPELINING, and has not refused BDAT as unknown.
    pub fn offers_chunking(&self) -> bool {
        self.capabilities.chunking && self.capabilities.pipelining
    }

    /// Whether the relay knows BDAT, by its answer to one without a transaction, which it has to
    /// refuse with 503 (RFC 3030 section 2). A relay that offers it and does not know it would read
    /// the octets of a message as commands.
    ///
    /// # Errors
    /// If the session ended.
    pub async fn try_chunking(&mut self) -> Result<bool, Failure> {
        self.begin_message()?;
        self.condition = Condition::Broken;
        let line = "BDAT 0 LAST";
        let within = self.command_timeout;
        let reply = self.wire.exchange(Stage::Data, line, line, within).await?;
        if reply.code == 421 {
            return Err(Failure::rejected(Stage::Data, reply.shown()));
        }
        self.condition = Condition::Ready;
        self.capabilities.chunking = matches!(reply.code, 503 | 554);
        Ok(self.capabilities.chunking)
    }

    /// Sends a message behind those in flight, without waiting for a reply. Its octets are written
    /// by [`Session::next_result`], which returns the results in this order.
    ///
    /// Returns results where the message is not sent, because it needs what the relay does not offer.
    ///
    /// # Errors
    /// If the session ended before.
    pub async fn send_ahead(
        &mut self,
        message: &Arc<OutgoingMessage>,
    ) -> Result<Option<RecipientResults>, BrokenSession> {
        let first = self.in_flight.is_empty();
        if first || self.condition != Condition::Ready {
            self.begin_message()?;
        }
        let reset = !first || self.transaction_open;
        let prepared = match PreparedMessage::chunked(message, &self.capabilities, reset) {
            Ok(prepared) => prepared,
            Err(failure) => return Ok(Some(vec![Err(failure); message.envelope.to.len()])),
        };
        if first {
            // The relay must not have sent any octet since the last reply.
            let deadline = Deadline::after(self.timeouts.of(Command::Mail));
            if let Err(error) = self.wire.send_commands(&[], deadline).await {
                self.condition = Condition::Broken;
                return Err(self.wire.failure(Stage::Mail, error).into());
            }
        }
        self.observe_lines(prepared.plan.lines());
        let size = message.message.len();
        let observer = self.wire.observer();
        observer.line(Side::Postern, || format!("[{size} bytes of mail]"));
        self.in_flight.push(prepared);
        Ok(None)
    }

    /// Waits for the result of the oldest message in flight, and writes meanwhile. Dropping the future
    /// loses no state. The relay has 3 min to take each 64 KiB, and has to take a message as a whole at
    /// 4 KiB a second, once it has answered those before. It has the time of
    /// [`Session::use_delivery_timeouts`] for each reply to a command and 10 min for that to a message.
    /// Where others are behind a message that the relay accepts, its result follows the reply to the RSET
    /// behind it: a relay that has replied once too often before can refuse the message by that reply.
    ///
    /// # Errors
    /// Where the session ended before that message had a result: as for [`Session::deliver`]. The
    /// messages behind it have none either; [`Session::unanswered`] has what is known of them.
    pub async fn next_result(&mut self) -> Result<RecipientResults, BrokenSession> {
        loop {
            if let Some(results) = self.next_progress(|_| true).await? {
                return Ok(results);
            }
        }
    }

    /// Like [`Session::next_result`]; `None` after a write, if there are messages of which no octet is
    /// written, and where no more of a message may be written.
    ///
    /// `may_write` takes the position of a message, the oldest first, and is asked before each write that has
    /// octets of it. If it is false, neither these octets nor those behind them are written. A message of which
    /// no octet is written can be taken back. One of which a part is written ends the session once those
    /// before it are answered: it is then [`Session::partly_written`] in the first position.
    ///
    /// # Errors
    /// The errors of [`Session::next_result`].
    pub async fn next_progress(
        &mut self,
        may_write: impl Fn(usize) -> bool,
    ) -> Result<Option<RecipientResults>, BrokenSession> {
        let mut only_reads = false;
        loop {
            if let Some(results) = self.conclude_first().await? {
                return Ok(Some(results));
            }
            if let Some(failure) = self.in_flight.failure.take() {
                return Err(self.broken(failure));
            }
            let Some(awaited) = self.in_flight.awaited() else {
                let failure = Failure::new(Stage::Mail, Fault::Closed, "no mail is in flight");
                return Err(self.broken(failure));
            };
            let deadline = self.in_flight.deadline(awaited, self.timeouts);
            let advanced = match only_reads {
                true => self.wire.reply(deadline).await.map(Advance::Reply),
                false => {
                    let (unwritten, limit) = self.in_flight.writable(&may_write);
                    self.wire.advance(unwritten, limit, deadline).await
                }
            };
            if !matches!(advanced, Err(_) | Ok(Advance::Withheld)) {
                self.in_flight.progressed();
            }
            only_reads = false;
            match advanced {
                Ok(Advance::Withheld) => match self.partly_written() {
                    None | Some(0) => return Ok(None),
                    Some(_) => only_reads = true,
                },
                Ok(Advance::Written) if self.not_begun() > 0 => return Ok(None),
                Ok(Advance::Written) => {}
                Ok(Advance::Reply(reply)) => {
                    self.capabilities.chunking &= !is_unknown(awaited, &reply);
                    match self.in_flight.on_reply(awaited, &reply) {
                        Ok(()) => {}
                        // Which command the replies before belong to is unknown.
                        Err(failure) if failure.fault == Fault::Malformed => {
                            return Err(self.broken(failure));
                        }
                        Err(failure) => return self.ended(failure),
                    }
                    if let Some(results) = self.in_flight.take_withheld() {
                        return Ok(Some(results));
                    }
                }
                Err(error) => {
                    let error = self.in_flight.explain(error);
                    let failure = self.wire.failure(awaited.stage(), error);
                    return self.ended(failure);
                }
            }
        }
    }

    /// The number of the newest messages in flight of which no octet is written.
    pub fn not_begun(&self) -> usize {
        self.in_flight.not_begun()
    }

    /// The position of the message in flight of which a part is written, the oldest first.
    pub fn partly_written(&self) -> Option<usize> {
        self.in_flight.partly_written()
    }

    /// Removes this number of the newest messages, of which no octet is written: at most
    /// [`Session::not_begun`]. They have no result.
    pub fn take_back(&mut self, messages: usize) {
        self.in_flight.take_back(messages.min(self.not_begun()));
    }

    /// The results of a message that the relay accepted, which [`Session::next_result`] would return after
    /// the next reply.
    pub fn take_accepted(&mut self) -> Option<RecipientResults> {
        self.in_flight.take_withheld()
    }

    /// For each message in flight, oldest first: whether it may have arrived, because its final octet
    /// was written. After a 421 none may have arrived: the relay accepted no message that it did not
    /// answer.
    pub fn unanswered(&self) -> Vec<bool> {
        self.in_flight.may_have_arrived()
    }

    /// The results of the oldest message, where the relay has replied to it.
    async fn conclude_first(&mut self) -> Result<Option<RecipientResults>, BrokenSession> {
        let Some(left_open) = self.in_flight.first_left_open() else {
            return Ok(None);
        };
        self.transaction_open = left_open;
        if self.in_flight.len() == 1 {
            // With more messages in flight, the next reply belongs to the commands of the next message.
            let condition = self.after_message().await;
            let condition = condition.map_err(|failure| self.broken(failure))?;
            self.condition = match self.in_flight.unwritten.is_written() {
                true => condition,
                // The relay reads the rest of the message as commands.
                false => Condition::Broken,
            };
        }
        Ok(self.in_flight.pop_or_withhold())
    }

    /// The session ended, and not by a reply out of place. Results that are withheld come before that.
    fn ended(&mut self, failure: Failure) -> Result<Option<RecipientResults>, BrokenSession> {
        let Some(results) = self.in_flight.take_withheld() else {
            return Err(self.broken(failure));
        };
        self.condition = Condition::Broken;
        self.in_flight.failure = Some(failure);
        Ok(Some(results))
    }

    /// Records that the session ended while messages were in flight.
    fn broken(&mut self, failure: Failure) -> BrokenSession {
        self.condition = Condition::Broken;
        BrokenSession {
            failure,
            may_have_arrived: self.unanswered().first().copied().unwrap_or(false),
            pipelined: self.in_flight.is_pipelined(),
        }
    }
}
