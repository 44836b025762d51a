//! The messages of a session that are on their way at once, and their replies so far.

use std::collections::VecDeque;

use domain::{Failure, Reply, Stage};
use tokio::time::Instant;

use super::timeouts::{DATA_BLOCK_TIMEOUT, TransactionTimeouts, body_timeout};
use crate::smtp::transaction::{
    Command, PreparedMessage, RecipientResults, TransactionState, missing_end, out_of_order,
};
use crate::smtp::wire::{Deadline, RawReply, Unwritten, WireError};

/// The messages of a session that are on their way, oldest first.
pub(super) struct InFlight {
    messages: VecDeque<SentMessage>,
    pub unwritten: Unwritten,
    /// When the relay last took or sent something.
    pub progress: Instant,
    /// The relay answered with 421, or does not know BDAT: it has taken nothing that is unanswered.
    refused: bool,
}

/// A message on its way.
struct SentMessage {
    prepared: PreparedMessage,
    state: TransactionState,
    /// How many of its commands are answered.
    answered: usize,
    /// The reply to the message, once it is there.
    end: Option<Result<Reply, Failure>>,
    /// Where its first octet is in everything that was ever to be written.
    first_octet: u64,
    /// Where its final octet is there.
    final_octet: u64,
    /// It went out behind another one.
    behind: bool,
    /// Since when it is being written; `None` before that is known.
    writing_since: Option<Instant>,
}

impl SentMessage {
    /// The octets of its commands and its content.
    fn size(&self) -> u64 {
        self.final_octet - self.first_octet
    }

    /// The octets of its content.
    fn mail_size(&self) -> u64 {
        self.prepared.outgoing.message.len() as u64
    }

    /// How many octets of its content are written, where `written` are of everything.
    fn mail_written(&self, written: u64) -> u64 {
        let begin = self.first_octet + self.prepared.plan.lines().len() as u64;
        written.saturating_sub(begin).min(self.mail_size())
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            unwritten: Unwritten::default(),
            progress: Instant::now(),
            refused: false,
        }
    }
}

impl InFlight {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Appends a message, with everything that is to be written for it.
    pub fn push(&mut self, prepared: PreparedMessage) {
        let behind = !self.messages.is_empty();
        if !behind {
            self.progress = Instant::now();
        }
        let message = &prepared.outgoing.message;
        let first_octet = self.unwritten.queued();
        self.unwritten.push_lines(prepared.plan.lines().to_vec());
        self.unwritten.push_message(message.clone());
        self.unwritten.push_lines(missing_end(message).to_vec());
        self.messages.push_back(SentMessage {
            state: TransactionState::new(prepared.plan.recipients()),
            answered: 0,
            end: None,
            first_octet,
            final_octet: self.unwritten.queued(),
            behind,
            writing_since: None,
            prepared,
        });
    }

    /// The command that is answered next.
    pub fn awaited(&self) -> Option<Command> {
        let first = self.messages.front()?;
        first.prepared.plan.command(first.answered)
    }

    /// When the relay must have taken or sent something.
    pub fn deadline(&self, awaited: Command, timeouts: TransactionTimeouts) -> Deadline {
        let Some(sent) = self.being_written() else {
            return Deadline::since(self.progress, timeouts.of(awaited));
        };
        let block = Deadline::since(self.progress, DATA_BLOCK_TIMEOUT);
        match sent.writing_since {
            Some(since) => block.earlier(Deadline::since(since, body_timeout(sent.size()))),
            None => block,
        }
    }

    /// The message of which a part is not written, or not flushed; `None` where nothing is to be written.
    fn being_written(&self) -> Option<&SentMessage> {
        if self.unwritten.is_done() {
            return None;
        }
        let written = self.unwritten.written();
        let mut messages = self.messages.iter();
        let found = messages.find(|sent| sent.final_octet > written);
        found.or_else(|| self.messages.back())
    }

    /// The relay took or sent something.
    pub fn progressed(&mut self) {
        let now = Instant::now();
        self.progress = now;
        let written = self.unwritten.written();
        let mut messages = self.messages.iter_mut();
        if let Some(sent) = messages.find(|sent| sent.final_octet > written) {
            sent.writing_since.get_or_insert(now);
        }
    }

    /// A time-out while a message is written says how much of it was.
    pub fn explain(&self, error: WireError) -> WireError {
        match (error, self.being_written()) {
            (WireError::TimedOut(within), Some(sent)) => WireError::SlowBody {
                written: sent.mail_written(self.unwritten.written()),
                size: sent.mail_size(),
                within: sent.writing_since.map_or(within, |since| since.elapsed()),
            },
            (other, _) => other,
        }
    }

    /// Whether the oldest message went out behind another one, or others behind it.
    pub fn is_pipelined(&self) -> bool {
        self.messages.len() > 1 || self.messages.front().is_some_and(|sent| sent.behind)
    }

    /// The number of the newest messages of which no octet is written; 0 where nothing can be written any
    /// more.
    pub fn not_begun(&self) -> usize {
        if self.unwritten.has_failed() {
            return 0;
        }
        let written = self.unwritten.written();
        let newest = self.messages.iter().rev();
        newest
            .take_while(|sent| sent.first_octet >= written)
            .count()
    }

    /// Removes so many of the newest messages, of which no octet is written.
    pub fn take_back(&mut self, messages: usize) {
        let kept = self.messages.len().saturating_sub(messages);
        if let Some(oldest) = self.messages.drain(kept..).next() {
            self.unwritten.truncate(oldest.first_octet);
        }
    }

    /// For each message, oldest first: whether it may have arrived.
    pub fn may_have_arrived(&self) -> Vec<bool> {
        let written = self.unwritten.written();
        let arrived = |sent: &SentMessage| !self.refused && sent.final_octet <= written;
        self.messages.iter().map(arrived).collect()
    }

    /// Takes the reply to a command of the oldest message.
    ///
    /// # Errors
    /// Where it ends the session.
    pub fn on_reply(&mut self, command: Command, reply: &RawReply) -> Result<(), Failure> {
        let Some(first) = self.messages.front_mut() else {
            return Ok(());
        };
        let lost = command == Command::Mail && matches!(reply.code, 500 | 502 | 503);
        if lost && first.behind {
            // The relay lost the pipelined MAIL, or a part of it.
            return Err(out_of_order(Stage::Mail, reply));
        }
        if reply.code == 421 || is_unknown(command, reply) {
            self.refused = true;
            return Err(Failure::rejected(command.stage(), reply.shown()));
        }
        first.state.on_reply(command, reply)?;
        first.answered += 1;
        if command == Command::Bdat {
            first.end = Some(match reply.code {
                200..300 => Ok(reply.shown()),
                _ => Err(Failure::rejected(Stage::Data, reply.shown())),
            });
        }
        Ok(())
    }

    /// Whether the oldest message left its transaction open; `None` until it is answered.
    pub fn first_left_open(&self) -> Option<bool> {
        let first = self.messages.front()?;
        let end = first.end.as_ref()?;
        Some(end.is_err() && first.state.sender_accepted())
    }

    /// Removes the oldest message where it is answered.
    pub fn pop(&mut self) -> Option<RecipientResults> {
        let sent = self.messages.pop_front_if(|sent| sent.end.is_some())?;
        let results = sent.state.results(sent.end?);
        Some(sent.prepared.plan.complete(results))
    }
}

/// Whether the relay does not know BDAT: it reads the octets of the message as commands.
pub(super) fn is_unknown(command: Command, reply: &RawReply) -> bool {
    command == Command::Bdat && matches!(reply.code, 500 | 502)
}
