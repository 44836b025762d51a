//! One transaction on the wire: its commands, the body, the replies (RFC 5321 section 3.3).

use domain::diagnosis::event::Side;
use domain::{Failure, Fault, Reply, Stage};
use tokio::time::Instant;

use super::timeouts::{DATA_BLOCK_TIMEOUT, DATA_END_TIMEOUT, body_timeout};
use super::{BrokenSession, Condition, Session};
use crate::smtp::transaction::{
    BodyPieces, Command, CommandPlan, END_OF_DATA, PreparedMessage, RecipientResults,
    TransactionState, out_of_order,
};
use crate::smtp::wire::{Deadline, WireError};

impl Session {
    /// Refuses a message after a failed one, and a message out of turn.
    pub(super) fn begin_message(&self) -> Result<(), Failure> {
        let busy = self.pipelined_next.is_some() || !self.in_flight.is_empty();
        if self.condition != Condition::Ready || busy {
            let detail = "no mail can follow on this connection";
            return Err(Failure::new(Stage::Mail, Fault::Closed, detail));
        }
        Ok(())
    }

    /// Runs a whole transaction. `pipelined`: its first group of commands was sent behind the body
    /// before. That of `next` is sent behind this body where `self.pipelined_next` is set
    /// afterwards. `may_end` and `may_write` are as for [`Session::deliver_if`].
    pub(super) async fn transact(
        &mut self,
        message: &PreparedMessage,
        pipelined: bool,
        next: Option<PreparedMessage>,
        may_end: impl Future<Output = bool>,
        may_write: impl Fn() -> bool,
    ) -> Result<RecipientResults, BrokenSession> {
        // The session is broken until the result is known, and remains so if the future is dropped
        // before.
        self.condition = Condition::Broken;
        let pipelining = self.capabilities.pipelining;
        let plan = &message.plan;
        let state = self.run_commands(plan, pipelining, pipelined).await?;
        let end = match state.refusal() {
            Some(refusal) => {
                self.abandon(&state).await;
                Err(refusal)
            }
            None => {
                let body = &message.outgoing.message;
                self.send_message(body, next, may_end, may_write).await?
            }
        };
        Ok(plan.complete(state.results(end)))
    }

    /// Sends the commands before the message and reads their replies. Ends early where the sender
    /// or every recipient is refused.
    pub(super) async fn run_commands(
        &mut self,
        plan: &CommandPlan,
        pipelining: bool,
        mut pipelined: bool,
    ) -> Result<TransactionState, Failure> {
        let mut state = TransactionState::new(plan.recipients());
        for group in plan.groups(pipelining) {
            let command = group.commands().next().unwrap_or(Command::Mail);
            let first = command.stage();
            self.wire.observer().begin(first);
            self.observe_lines(group.lines);
            let sent = std::mem::take(&mut pipelined);
            if !sent {
                let deadline = Deadline::after(self.timeouts.of(command));
                let written = self.wire.send_commands(group.lines, deadline).await;
                written.map_err(|error| self.wire.failure(first, error))?;
            }
            for command in group.commands() {
                let stage = command.stage();
                self.wire.observer().begin(stage);
                let within = match sent && command == Command::Mail {
                    // A relay that lost the commands behind the last body waits for them: the longer
                    // time-out would only delay the end.
                    true => self.command_timeout,
                    false => self.timeouts.of(command),
                };
                let deadline = Deadline::after(within);
                let reply = match self.wire.reply(deadline).await {
                    Ok(reply) => reply,
                    // The relay closed the connection after its refusal. Where commands were
                    // pipelined it may have lost some, and the refusal says nothing.
                    Err(_) if !sent && state.is_refused() => {
                        state.cut_short();
                        return Ok(state);
                    }
                    Err(error) => return Err(self.wire.failure(stage, error)),
                };
                if reply.code >= 400 {
                    self.wire.observer().refused();
                }
                if sent && command == Command::Mail && matches!(reply.code, 500 | 502 | 503) {
                    // The relay lost the pipelined MAIL or a part of it.
                    return Err(out_of_order(stage, &reply));
                }
                state.on_reply(command, &reply)?;
            }
            if state.is_refused() {
                break;
            }
        }
        Ok(state)
    }

    pub(super) fn observe_lines(&self, lines: &[u8]) {
        let observer = self.wire.observer();
        if !observer.is_active() {
            return;
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").unwrap_or(line);
            observer.line(Side::Postern, || String::from_utf8_lossy(line).into_owned());
        }
    }

    /// Sends the message and, where `may_end` is true, the end of data with the first commands of `next`
    /// behind it. Asks `may_write` before each write. Returns the relay's reply to the message.
    async fn send_message(
        &mut self,
        message: &[u8],
        mut next: Option<PreparedMessage>,
        may_end: impl Future<Output = bool>,
        may_write: impl Fn() -> bool,
    ) -> Result<Result<Reply, Failure>, BrokenSession> {
        let observer = self.wire.observer();
        observer.line(Side::Postern, || {
            format!("[{} bytes of mail]", message.len())
        });
        observer.line(Side::Postern, || ".".to_owned());
        let mut may_end = Some(may_end);
        let size = message.len() as u64;
        let (mut begun, mut written) = (Instant::now(), 0);
        let mut pieces = BodyPieces::new(message);
        let mut piece = Vec::new();
        while pieces.next(&mut piece) {
            let body = piece.len();
            if pieces.ended()
                && let Some(may_end) = may_end.take()
            {
                let waits = Instant::now();
                if !may_end.await {
                    let failure = self.wire.failure(Stage::Data, WireError::GivenUp);
                    return Err(failure.into());
                }
                // The wait for `may_end` does not count as time of the relay.
                begun += waits.elapsed();
            }
            if pieces.ended()
                && let Some(next) = next.take()
            {
                if let Some(group) = next.plan.groups(true).next() {
                    piece.extend_from_slice(group.lines);
                }
                self.pipelined_next = Some(next);
            }
            self.in_doubt = pieces.ended();
            let commands = piece.len() - body;
            let mut rest = &piece[..];
            let whole = Deadline::since(begun, body_timeout(size));
            let deadline = Deadline::after(DATA_BLOCK_TIMEOUT).earlier(whole);
            let sent = self
                .wire
                .send_body(&mut rest, commands, deadline, &may_write);
            match sent.await {
                Ok(()) => written += body as u64,
                // The relay refused the message before it had all of it.
                Err(WireError::Refused(reply)) if reply.code != 421 => {
                    return Ok(Err(Failure::rejected(Stage::Data, reply.shown())));
                }
                Err(error) => {
                    let closing = matches!(error, WireError::Refused(_));
                    let body_written = pieces.ended() && rest.len() <= commands;
                    let error = match error {
                        WireError::TimedOut(_) => WireError::SlowBody {
                            // The length is that of the mail, without stuffed dots.
                            written: written.min(size),
                            size,
                            within: begun.elapsed(),
                        },
                        other => other,
                    };
                    return Err(BrokenSession {
                        may_have_arrived: body_written && !closing,
                        ..self.wire.failure(Stage::Data, error).into()
                    });
                }
            }
        }
        self.end_of_data().await
    }

    /// Reads the reply to the end of data.
    async fn end_of_data(&mut self) -> Result<Result<Reply, Failure>, BrokenSession> {
        let in_doubt = |failure: Failure| BrokenSession {
            may_have_arrived: true,
            ..failure.into()
        };
        self.in_flight.progress = Instant::now();
        let deadline = Deadline::after(DATA_END_TIMEOUT);
        let reply = self.wire.reply(deadline).await;
        let reply = reply.map_err(|error| in_doubt(self.wire.failure(Stage::Data, error)))?;
        let end = match reply.code {
            200..300 => Ok(reply.shown()),
            421 => return Err(Failure::rejected(Stage::Data, reply.shown()).into()),
            400.. => Err(Failure::rejected(Stage::Data, reply.shown())),
            _ => return Err(in_doubt(out_of_order(Stage::Data, &reply))),
        };
        self.transaction_open = false;
        self.in_doubt = false;
        self.condition = match self.pipelined_next {
            // The next reply belongs to the commands of the next message.
            Some(_) => Condition::Ready,
            None => self.after_message().await.map_err(in_doubt)?,
        };
        Ok(end)
    }

    /// Ends a transaction without a message. Where the relay answered DATA by 354 all the same, an
    /// end of data without a message follows (RFC 2920 section 3.1).
    async fn abandon(&mut self, state: &TransactionState) {
        if state.was_cut_short() {
            return;
        }
        if !state.awaits_data() {
            self.transaction_open = state.sender_accepted();
            self.condition = Condition::Ready;
            return;
        }
        let deadline = Deadline::after(self.timeouts.of(Command::Data));
        if self.wire.send_commands(END_OF_DATA, deadline).await.is_ok()
            && let Ok(reply) = self.wire.reply(deadline).await
            && !matches!(reply.code, 300..400 | 421)
        {
            self.transaction_open = false;
            self.condition = Condition::Ready;
        }
    }

    /// The condition after a message. A relay may close the connection; any other reply that
    /// follows makes the result ambiguous.
    pub(super) async fn after_message(&mut self) -> Result<Condition, Failure> {
        let deadline = Deadline::after(self.command_timeout);
        match self.wire.unsolicited(deadline).await {
            Ok(None) => Ok(Condition::Ready),
            Ok(Some(reply)) if reply.code == 421 => Ok(Condition::Broken),
            Ok(Some(reply)) => Err(self.wire.failure(Stage::Data, WireError::Extra(reply))),
            Err(WireError::Closed | WireError::Io(_)) => Ok(Condition::Broken),
            Err(error) => Err(self.wire.failure(Stage::Data, error)),
        }
    }
}
