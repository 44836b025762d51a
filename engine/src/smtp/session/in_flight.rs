//! The messages of a session that are in flight at once, and their replies so far.

use std::collections::VecDeque;

use domain::{Failure, Fault, Reply, Stage};
use tokio::time::Instant;

use super::timeouts::{DATA_BLOCK_TIMEOUT, DATA_END_TIMEOUT, TransactionTimeouts, body_timeout};
use crate::smtp::transaction::{
    Command, PreparedMessage, RecipientResults, TransactionState, missing_end, out_of_order,
};
use crate::smtp::wire::{Deadline, RawReply, Unwritten, WireError};

/// The messages of a session that are in flight, oldest first.
pub(super) struct InFlight {
    messages: VecDeque<SentMessage>,
    /// The results of the message before them, which the relay accepted, until the next reply is in its
    /// place: one too many would make it that to another command.
    withheld: Option<RecipientResults>,
    /// Why the session ended, while results that were withheld are returned.
    pub failure: Option<Failure>,
    pub unwritten: Unwritten,
    /// When the relay last accepted or sent octets.
    pub progress: Instant,
    /// When the relay last replied, or when the oldest message was sent with no other in flight.
    replied: Instant,
    /// Whether the relay answered with 421 or does not know BDAT, so that it accepted no message that is
    /// unanswered.
    refused: bool,
}

/// A message in flight.
struct SentMessage {
    prepared: PreparedMessage,
    state: TransactionState,
    /// The number of answered commands.
    answered: usize,
    /// The reply to the message; `None` before it arrives.
    end: Option<Result<Reply, Failure>>,
    /// The offset of the first octet in the stream of all octets to write.
    first_octet: u64,
    /// The offset of the final octet in that stream.
    final_octet: u64,
    /// Whether the message was sent behind another one.
    behind: bool,
    /// When the first part of the message was written; `None` before, and if the whole message was
    /// written at once.
    writing_since: Option<Instant>,
}

impl SentMessage {
    /// The number of octets of the commands and the content.
    fn size(&self) -> u64 {
        self.final_octet - self.first_octet
    }

    /// The number of octets of the content.
    fn mail_size(&self) -> u64 {
        self.prepared.outgoing.message.len() as u64
    }

    /// The number of written octets of the content, where `written` octets of the stream are written.
    fn mail_written(&self, written: u64) -> u64 {
        let begin = self.first_octet + self.prepared.plan.lines().len() as u64;
        written.saturating_sub(begin).min(self.mail_size())
    }

    /// Whether the relay can have sent this reply to the next command, where `written` octets of the
    /// stream are written. It must have received the command, and to accept the message also the final
    /// octet.
    fn can_have_reply(&self, command: Command, reply: &RawReply, written: u64) -> bool {
        let is_accepted = command == Command::Bdat && matches!(reply.code, 200..300);
        let line_end = self.prepared.plan.line_end(self.answered);
        match is_accepted {
            true => self.final_octet <= written,
            false => line_end.is_some_and(|end| self.first_octet + end as u64 <= written),
        }
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self {
            messages: VecDeque::new(),
            withheld: None,
            failure: None,
            unwritten: Unwritten::default(),
            progress: Instant::now(),
            replied: Instant::now(),
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

    /// Appends a message, with all octets to write for it.
    pub fn push(&mut self, prepared: PreparedMessage) {
        let behind = !self.messages.is_empty();
        if !behind {
            self.progress = Instant::now();
            self.replied = self.progress;
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

    /// The octets to write, and a function from the number of octets written to the number up to which may be
    /// written now: to the beginning of the first message that `may_write` refuses. `may_write` takes the
    /// position of a message, the oldest first.
    pub fn writable<'a>(
        &'a mut self,
        may_write: &'a impl Fn(usize) -> bool,
    ) -> (&'a mut Unwritten, impl Fn(u64) -> u64 + 'a) {
        let messages = &self.messages;
        let limit = move |written: u64| {
            let mut unfinished = messages
                .iter()
                .enumerate()
                .filter(|(_, sent)| sent.final_octet > written);
            let withheld = unfinished.find(|(position, _)| !may_write(*position));
            withheld.map_or(u64::MAX, |(_, sent)| sent.first_octet.max(written))
        };
        (&mut self.unwritten, limit)
    }

    /// The position of the message of which a part is written, the oldest first; `None` where there is none,
    /// and where nothing can be written any more.
    pub fn partly_written(&self) -> Option<usize> {
        let written = self.unwritten.written();
        let is_partly =
            |sent: &SentMessage| (sent.first_octet + 1..sent.final_octet).contains(&written);
        let found = self.messages.iter().position(is_partly);
        found.filter(|_| !self.unwritten.has_failed())
    }

    /// The command that is answered next.
    pub fn awaited(&self) -> Option<Command> {
        let first = self.messages.front()?;
        first.prepared.plan.command(first.answered)
    }

    /// The deadline by which the relay must accept or send octets.
    ///
    /// The time for a message as a whole begins again with each reply: a relay may read nothing while it checks
    /// a recipient, or the message before. Behind others it is longer by the time for a reply to a message.
    pub fn deadline(&self, awaited: Command, timeouts: TransactionTimeouts) -> Deadline {
        let Some(sent) = self.being_written() else {
            return Deadline::since(self.progress, timeouts.of(awaited));
        };
        let first_octet = self.messages.front().map_or(0, |oldest| oldest.first_octet);
        let whole = match first_octet == sent.first_octet {
            true => body_timeout(sent.size()),
            // The oldest message is written, and the relay answers it while it accepts others.
            false => DATA_END_TIMEOUT + body_timeout(sent.final_octet - first_octet),
        };
        let whole = Deadline::since(self.replied, whole);
        Deadline::since(self.progress, DATA_BLOCK_TIMEOUT).earlier(whole)
    }

    /// The message of which a part is not written or not flushed; `None` if no octet remains to be
    /// written.
    fn being_written(&self) -> Option<&SentMessage> {
        if self.unwritten.is_done() {
            return None;
        }
        let written = self.unwritten.written();
        let mut messages = self.messages.iter();
        let found = messages.find(|sent| sent.final_octet > written);
        found.or_else(|| self.messages.back())
    }

    /// Records that the relay accepted or sent octets.
    pub fn progressed(&mut self) {
        let now = Instant::now();
        self.progress = now;
        let written = self.unwritten.written();
        let mut messages = self.messages.iter_mut();
        let found = messages.find(|sent| sent.final_octet > written);
        if let Some(sent) = found.filter(|sent| sent.first_octet < written) {
            sent.writing_since.get_or_insert(now);
        }
    }

    /// The failure of a time-out while a message is written names the number of written octets.
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

    /// Whether the oldest message was sent behind another one, or others behind it.
    pub fn is_pipelined(&self) -> bool {
        self.messages.len() > 1 || self.messages.front().is_some_and(|sent| sent.behind)
    }

    /// The number of the newest messages of which no octet is written; 0 if no more octets can be
    /// written.
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

    /// Removes this number of the newest messages, of which no octet is written.
    pub fn take_back(&mut self, messages: usize) {
        let kept = self.messages.len().saturating_sub(messages);
        if let Some(oldest) = self.messages.drain(kept..).next() {
            self.unwritten.truncate(oldest.first_octet);
        }
    }

    /// For each message, oldest first, and before them one whose results are withheld: whether it may
    /// have arrived.
    pub fn may_have_arrived(&self) -> Vec<bool> {
        let written = self.unwritten.written();
        let arrived = |sent: &SentMessage| !self.refused && sent.final_octet <= written;
        let withheld = self.withheld.iter().map(|_| true);
        withheld.chain(self.messages.iter().map(arrived)).collect()
    }

    /// Records the reply to a command of the oldest message.
    ///
    /// # Errors
    /// If the reply ends the session.
    pub fn on_reply(&mut self, command: Command, reply: &RawReply) -> Result<(), Failure> {
        self.replied = Instant::now();
        let written = self.unwritten.written();
        let Some(first) = self.messages.front_mut() else {
            return Ok(());
        };
        if reply.code != 421 && !first.can_have_reply(command, reply, written) {
            // This reply is one too many: each later one would be assigned to another command.
            return Err(out_of_order(command.stage(), reply));
        }
        if is_about_address(command, reply) {
            let detail = format!(
                "the relay answered {} to BDAT out of place: this is a reply to MAIL or RCPT, so one \
                 reply before was one too many",
                reply.shown().to_line()
            );
            return Err(Failure::new(Stage::Data, Fault::Malformed, detail));
        }
        let lost = command == Command::Mail && matches!(reply.code, 500 | 502 | 503);
        if lost && first.behind {
            // The relay lost the pipelined MAIL or a part of it.
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

    /// Removes the oldest message if it is answered.
    pub fn pop(&mut self) -> Option<RecipientResults> {
        let sent = self.messages.pop_front_if(|sent| sent.end.is_some())?;
        let results = sent.state.results(sent.end?);
        Some(sent.prepared.plan.complete(results))
    }

    /// As [`Self::pop`]. The results of a message that the relay accepted are withheld where a command
    /// behind it is on its way, whose reply follows.
    pub fn pop_or_withhold(&mut self) -> Option<RecipientResults> {
        let first = self.messages.front()?;
        let is_accepted = matches!(first.end, Some(Ok(_)));
        let results = self.pop()?;
        let written = self.unwritten.written();
        let next = self.messages.front();
        if is_accepted && next.is_some_and(|next| next.first_octet < written) {
            self.withheld = Some(results);
            return None;
        }
        Some(results)
    }

    /// Takes the results that are withheld.
    pub fn take_withheld(&mut self) -> Option<RecipientResults> {
        self.withheld.take()
    }
}

/// Whether the relay does not know BDAT: it reads the octets of the message as commands.
pub(super) fn is_unknown(command: Command, reply: &RawReply) -> bool {
    command == Command::Bdat && matches!(reply.code, 500 | 502)
}

/// Whether a reply that would accept a message is one to MAIL or RCPT, by its enhanced status code: 2.1.x
/// is about an address (RFC 3463 section 3.2). Relays accept a message with 2.0.0, 2.6.0 or no such code.
fn is_about_address(command: Command, reply: &RawReply) -> bool {
    command == Command::Bdat && matches!(reply.shown().enhanced, Some([2, 1, _]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::smtp::transaction::{Envelope, OutgoingMessage};
    use crate::smtp::wire::Capabilities;

    /// Makes this number of messages in flight, of which no octet is written.
    fn in_flight(messages: usize) -> InFlight {
        let outgoing = Arc::new(OutgoingMessage {
            envelope: Envelope {
                from: Some("alerts@example.org".parse().expect("an address")),
                to: vec!["desk@example.net".parse().expect("an address")],
                dsn: None,
            },
            message: Arc::from(&b"Subject: Fire\r\n\r\nHere.\r\n"[..]),
        });
        let mut in_flight = InFlight::default();
        for _ in 0..messages {
            let prepared = PreparedMessage::chunked(&outgoing, &Capabilities::default(), false);
            in_flight.push(prepared.expect("a plan"));
        }
        in_flight
    }

    #[test]
    fn a_reply_to_what_is_not_written_is_one_too_many() {
        let reply = |code: u16| RawReply {
            code,
            bytes: format!("{code} text\r\n").into_bytes(),
        };
        let whole = in_flight(1).unwritten.queued();
        // The number of written octets of a message, the codes of the replies, and whether the last
        // reply is accepted.
        for (written, codes, is_taken) in [
            (0, &[250][..], false),
            (0, &[554], false),
            (whole - 1, &[250, 250, 250], false),
            (whole - 1, &[250, 250, 552], true),
            (whole, &[250, 250, 250], true),
        ] {
            let mut in_flight = in_flight(1);
            let octets = usize::try_from(written).expect("a length");
            assert!(in_flight.unwritten.piece().len() >= octets);
            in_flight.unwritten.wrote(octets);
            let mut last = Ok(());
            for code in codes {
                let command = in_flight.awaited().expect("a command");
                last = in_flight.on_reply(command, &reply(*code));
            }
            assert_eq!(last.is_ok(), is_taken, "{written} octets, {codes:?}");
        }
    }

    #[test]
    fn a_reply_about_an_address_accepts_no_message() {
        for (text, is_taken) in [
            ("250 2.0.0 Ok: queued as 1", true),
            ("250 2.6.0 <1@example.net> Queued mail for delivery", true),
            ("250 OK id=1", true),
            ("250 Accepted", true),
            ("250", true),
            ("250 2.1.0 Ok", false),
            ("250 2.1.5 Ok", false),
            ("250-2.1.5 Recipient\r\n250 2.1.5 Ok", false),
            ("450 4.1.1 later", true),
            ("550 5.1.1 no such user", true),
        ] {
            let mut in_flight = in_flight(1);
            let octets = in_flight.unwritten.piece().len();
            in_flight.unwritten.wrote(octets);
            let reply = |text: &str| RawReply {
                code: text[..3].parse().expect("a code"),
                bytes: format!("{text}\r\n").into_bytes(),
            };
            for command in [Command::Mail, Command::Rcpt] {
                let taken = in_flight.on_reply(command, &reply("250 2.1.0 Ok"));
                taken.expect("goes on");
            }
            let taken = in_flight.on_reply(Command::Bdat, &reply(text));
            let fault = taken.err().map(|failure| failure.fault);
            let expected = (!is_taken).then_some(Fault::Malformed);
            assert_eq!(fault, expected, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_a_whole_message_begins_when_those_before_it_are_answered() {
        let mut in_flight = in_flight(4);
        let deadline =
            |in_flight: &InFlight| in_flight.deadline(Command::Mail, TransactionTimeouts::DELIVERY);
        let written = in_flight.messages[3].first_octet + 10;
        let written = usize::try_from(written).expect("a length");
        assert!(in_flight.unwritten.piece().len() > written + 5);
        in_flight.unwritten.wrote(written);
        in_flight.progressed();
        // The relay accepts some octets from time to time, and does not reply.
        let (first, last) = (&in_flight.messages[0], &in_flight.messages[3]);
        let octets = last.final_octet - first.first_octet;
        let ends = Deadline::after(DATA_END_TIMEOUT + body_timeout(octets));
        assert!(deadline(&in_flight) == Deadline::after(DATA_BLOCK_TIMEOUT));
        in_flight.progress += Duration::from_secs(3600);
        assert!(deadline(&in_flight) == ends);
        in_flight.progressed();
        // The relay checks the messages that it has received, and does not read meanwhile.
        for _ in 0..3 {
            advance(Duration::from_secs(100)).await;
            in_flight.progressed();
            while let Some(command) = in_flight.awaited() {
                let reply = RawReply {
                    code: 250,
                    bytes: b"250 ok\r\n".to_vec(),
                };
                in_flight.on_reply(command, &reply).expect("goes on");
            }
            assert!(in_flight.pop().is_some());
            assert!(deadline(&in_flight) == Deadline::after(DATA_BLOCK_TIMEOUT));
        }
        let answered = Instant::now();
        advance(Duration::from_secs(100)).await;
        in_flight.unwritten.wrote(5);
        in_flight.progressed();
        let whole = body_timeout(in_flight.messages[0].size());
        assert!(deadline(&in_flight) == Deadline::since(answered, whole));
        let error = in_flight.explain(WireError::TimedOut(DATA_BLOCK_TIMEOUT));
        let is_slow = matches!(error, WireError::SlowBody { written: 0, within, .. }
            if within.as_secs() == 400);
        assert!(is_slow, "{error}");
    }
}
