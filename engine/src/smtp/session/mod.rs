//! A session with a relay: open and authenticated, it delivers one message after another.
//!
//! `open` connects, encrypts and signs in; `exchange` runs transactions; `deliver` and `send` are
//! what delivery and a test call; `chunking` has several messages in flight at once, with their
//! state in `in_flight`. `timeouts` has the times of a transaction.

mod auth;
mod broken;
mod chunking;
mod deliver;
mod exchange;
mod in_flight;
mod open;
mod send;
mod timeouts;

use std::time::Duration;

use domain::{Failure, SecretString, SmtpSettings, Stage};
use tokio::time::{Instant, timeout};

use crate::smtp::transaction::PreparedMessage;
use crate::smtp::wire::{Capabilities, RawReply, Wire};

use in_flight::InFlight;
use timeouts::TransactionTimeouts;

pub use broken::BrokenSession;

/// The time limit of QUIT and of closing the connection. No result depends on them.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A relay, with the credentials for it.
#[derive(Clone, Debug)]
pub struct Relay {
    /// The address of the relay and the settings of the connection.
    pub settings: SmtpSettings,
    /// The password; `None` if there is none, or the settings need none.
    pub password: Option<SecretString>,
}

/// An open connection to a relay, ready for mail.
pub struct Session {
    wire: Wire,
    capabilities: Capabilities,
    /// The time for each reply to a command outside a transaction.
    command_timeout: Duration,
    timeouts: TransactionTimeouts,
    condition: Condition,
    /// The relay's software, as the greeting names it.
    greeting: String,
    /// The message whose commands were sent behind a body.
    pipelined_next: Option<PreparedMessage>,
    /// Whether a transaction is open: MAIL was accepted, and no end of data followed.
    transaction_open: bool,
    /// Whether the end of data is being written, or was written and not answered.
    in_doubt: bool,
    /// The messages that were sent ahead.
    in_flight: InFlight,
}

/// The remaining use of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// The session can deliver the next message.
    Ready,
    /// The session can send QUIT: a message was refused, and every reply is read.
    Refused,
    /// The session cannot be used: it is unknown which command the next reply belongs to.
    Broken,
}

impl Session {
    /// The TLS version, as in `TLS 1.3`; `None` where the connection is not encrypted.
    pub fn encryption(&self) -> Option<&str> {
        self.wire.encryption()
    }

    /// Uses the time-outs of RFC 5321 section 4.5.3.2 in each transaction: 5 min for the reply to MAIL
    /// and to RCPT, and 2 min for the reply to DATA. Otherwise the command time-out applies. It also
    /// applies to a MAIL that was sent behind a body, because the relay may have lost it.
    pub fn use_delivery_timeouts(&mut self) {
        self.timeouts = TransactionTimeouts::DELIVERY;
    }

    /// When the relay last accepted or sent octets since the end of data of a message, or while messages
    /// were in flight.
    pub fn last_progress(&self) -> Instant {
        self.in_flight.progress
    }

    /// Whether a message may have arrived whose delivery was ended by dropping the future.
    pub fn may_have_arrived(&self) -> bool {
        self.in_doubt
    }

    /// Whether the session can deliver another message.
    pub fn is_ready(&self) -> bool {
        self.condition == Condition::Ready
    }

    /// Whether the session is still usable after a time without mail: the relay has neither closed
    /// the connection nor sent anything. Does not wait.
    pub async fn is_alive(&mut self) -> bool {
        self.is_ready() && matches!(self.wire.has_unread().await, Ok(false))
    }

    /// The relay's software, as the greeting names it, the same at every connection. Empty where
    /// the greeting names none.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Whether the commands of the next message were sent behind the body of the previous one.
    pub fn has_pipelined_next(&self) -> bool {
        self.pipelined_next.is_some()
    }

    /// Whether the relay offers PIPELINING (RFC 2920).
    pub fn offers_pipelining(&self) -> bool {
        self.capabilities.pipelining
    }

    /// Whether the relay offers DSN (RFC 3461): it sends the reports that the envelope asks for.
    pub fn offers_dsn(&self) -> bool {
        self.capabilities.dsn
    }

    /// Sends NOOP (RFC 5321 section 4.1.1.9), which a relay that is ready for mail answers. Belongs to
    /// the last stage of the opening.
    ///
    /// # Errors
    /// If the relay closes the session instead, or refuses the command.
    pub async fn noop(&mut self) -> Result<(), Failure> {
        let stage = self.wire.observer().stage().unwrap_or(Stage::Ehlo);
        let reply = self.command(stage, "NOOP").await?;
        match reply.code {
            // A relay that replies that it does not know the command is ready for commands.
            200..300 | 500 | 502 => Ok(()),
            _ => Err(Failure::rejected(stage, reply.shown())),
        }
    }

    /// Ends the session by QUIT (RFC 5321 section 4.1.1.10) where the relay can still understand
    /// it. Takes at most 2 s.
    pub async fn quit(mut self) {
        match self.condition {
            // The relay would read QUIT as the first line of that message.
            _ if self.pipelined_next.is_some() || !self.in_flight.is_empty() => return,
            Condition::Ready => self.wire.observer().begin(Stage::Quit),
            // The outcome of the session has already been reported.
            Condition::Refused => {}
            Condition::Broken => return,
        }
        self.send_quit().await;
    }

    async fn send_quit(&mut self) {
        let quit = async {
            if self.command(Stage::Quit, "QUIT").await.is_ok() {
                // The result of every message is known; how the connection ends changes nothing.
                let _ = self.wire.close().await;
            }
        };
        let _ = timeout(QUIT_TIMEOUT, quit).await;
    }

    /// Sends one command and reads its reply.
    async fn command(&mut self, stage: Stage, line: &str) -> Result<RawReply, Failure> {
        self.wire
            .exchange(stage, line, line, self.command_timeout)
            .await
    }
}
