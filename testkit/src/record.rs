//! What a relay received.

use std::net::IpAddr;

/// A mail at the moment the relay takes responsibility for it.
pub struct Transaction<'a> {
    /// The address that the client connected to.
    pub relay: IpAddr,
    /// The sender of the envelope, without brackets; empty for the null sender.
    pub from: &'a str,
    /// The accepted recipients, without brackets.
    pub recipients: &'a [String],
    /// Header and body as sent: after DATA with stuffed dots and without the final dot.
    pub content: &'a [u8],
}

/// A mail that the relay accepted.
#[derive(Clone, Debug)]
pub struct AcceptedMail {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
}

impl AcceptedMail {
    /// The value of a header field that is on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.data.lines().take_while(|line| !line.is_empty());
        let mut fields = header.filter_map(|line| line.split_once(": "));
        fields
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

/// Everything that a relay received.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Command lines and responses to AUTH challenges.
    pub lines: Vec<String>,
    /// All bytes received without TLS, up to a handshake.
    pub clear: Vec<u8>,
    /// The content of every mail, accepted or not: after DATA with stuffed dots, without the final dot.
    pub mails: Vec<Vec<u8>>,
    /// The mails with a positive reply.
    pub accepted: Vec<AcceptedMail>,
    /// Bytes sent by [`Action::Repeat`](crate::Action::Repeat).
    pub repeated: usize,
    pub connections: usize,
    /// Whether more input had arrived when MAIL was read.
    pub pipelined: bool,
    /// Number of mails after whose end more input had arrived.
    pub grouped: usize,
    /// Number of mails in chunks that had arrived as a whole before the reply to an earlier mail was
    /// sent.
    pub ahead: usize,
    /// Whether more input had arrived when RSET was read.
    pub reset_with_more: bool,
}

impl Record {
    /// Whether a line begins with `command`.
    pub fn heard(&self, command: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(command))
    }

    /// The commands of mail transactions, without their arguments.
    pub fn commands(&self) -> Vec<&str> {
        let commands = self.lines.iter().filter_map(|line| line.split(' ').next());
        let of_mails =
            |command: &&str| matches!(*command, "MAIL" | "RCPT" | "DATA" | "BDAT" | "RSET");
        commands.filter(of_mails).collect()
    }
}
