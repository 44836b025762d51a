//! What a relay does at each point of a session, set before it starts.

use std::time::Duration;

#[cfg(feature = "tls")]
use crate::pki::ServerTls;

/// What a relay does instead of its default reply.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends these bytes and continues.
    Reply(Vec<u8>),
    /// Waits for input, sends these bytes and continues.
    ReplyToInput(Vec<u8>),
    /// Discards the input received so far, sends these bytes and continues.
    DiscardAndReply(Vec<u8>),
    /// Sends these bytes and closes the connection.
    ReplyAndClose(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Resets the connection (RST).
    Reset,
    /// Reads all input and never replies.
    Silence,
    /// Sends these bytes repeatedly, with this pause in between.
    Repeat(Vec<u8>, Duration),
}

/// The behaviour of a relay.
#[derive(Clone, Default)]
pub struct RelayScript {
    /// EHLO keywords with their parameters.
    pub extensions: Vec<String>,
    /// Actions by the point of the session: `GREETING`, `TLS` (before the handshake), a command,
    /// `EHLO-TLS` (the EHLO after STARTTLS), `RESPONSE` (a response to an AUTH challenge) or `END`
    /// (the end of a mail). After an action at `BDAT` the octets of the chunk are read as commands.
    pub actions: Vec<(&'static str, Action)>,
    /// Replies to RCPT by the beginning of the recipient's address.
    pub refusals: Vec<(&'static str, &'static str)>,
    #[cfg(feature = "tls")]
    pub tls: Option<ServerTls>,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// A small receive buffer, so that little of what a client writes is in flight.
    pub narrow: bool,
}

impl RelayScript {
    /// A relay with these extensions.
    pub fn offering(extensions: &[&str]) -> Self {
        let extensions = extensions.iter().map(|name| (*name).to_owned());
        Self {
            extensions: extensions.collect(),
            ..Self::default()
        }
    }

    /// A relay with PIPELINING, AUTH PLAIN and a SIZE of 50 MB.
    pub fn pipelining() -> Self {
        Self::offering(&["PIPELINING", "AUTH PLAIN", "SIZE 50000000"])
    }

    /// As [`RelayScript::pipelining`], and with CHUNKING.
    pub fn chunking() -> Self {
        Self::offering(&["PIPELINING", "CHUNKING", "AUTH PLAIN", "SIZE 50000000"])
    }

    /// Adds an action. Of several for one point, each applies once per connection, in order, and
    /// the last one from then on.
    pub fn at(mut self, point: &'static str, action: Action) -> Self {
        self.actions.push((point, action));
        self
    }

    /// Adds a reply; CRLF is appended.
    pub fn reply(self, point: &'static str, reply: &str) -> Self {
        self.at(point, Action::Reply(format!("{reply}\r\n").into_bytes()))
    }

    /// With a small receive buffer.
    pub fn narrow(mut self) -> Self {
        self.narrow = true;
        self
    }

    /// Refuses recipients whose address begins so, also where mails go to a callback.
    pub fn refuse(mut self, begin: &'static str, reply: &'static str) -> Self {
        self.refusals.push((begin, reply));
        self
    }

    /// Offers STARTTLS with this certificate.
    #[cfg(feature = "tls")]
    pub fn with_starttls(mut self, tls: ServerTls) -> Self {
        self.extensions.push("STARTTLS".to_owned());
        self.tls = Some(tls);
        self
    }

    /// Uses TLS from the first byte with this certificate.
    #[cfg(feature = "tls")]
    pub fn with_implicit_tls(mut self, tls: ServerTls) -> Self {
        self.implicit_tls = true;
        self.tls = Some(tls);
        self
    }

    /// Whether a client has to wait for its own time-out.
    pub(crate) fn keeps_clients_waiting(&self) -> bool {
        self.actions.iter().any(|(_, action)| match action {
            Action::Silence | Action::DiscardAndReply(_) => true,
            Action::Repeat(_, pause) => !pause.is_zero(),
            _ => false,
        })
    }

    /// The reply that refuses a recipient.
    pub(crate) fn refusal(&self, recipient: &str) -> Option<&'static str> {
        let mut refusals = self.refusals.iter();
        let found = refusals.find(|(begin, _)| recipient.starts_with(*begin));
        found.map(|(_, reply)| *reply)
    }

    /// Takes the next action of a point.
    pub(crate) fn next(&mut self, point: &str) -> Option<Action> {
        let mut found = (0..self.actions.len()).filter(|at| self.actions[*at].0 == point);
        let (first, is_last) = (found.next()?, found.next().is_none());
        Some(if is_last {
            self.actions[first].1.clone()
        } else {
            self.actions.remove(first).1
        })
    }
}
