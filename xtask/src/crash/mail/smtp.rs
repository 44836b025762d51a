//! Submits mail of the crash runs over SMTP, and reads its outcome from the reply.

use super::ledger::{Outcome, Submission, sender};
use crate::rig::{
    postern::SENDER,
    random::Random,
    smtp::{SmtpClient, SmtpMail, SmtpReply, SmtpTransfer},
};
use std::{io, net::SocketAddr};

/// Keeps a connection to a node.
pub struct SmtpSubmitter {
    node: SocketAddr,
    random: Random,
    client: Option<SmtpClient>,
}

impl SmtpSubmitter {
    pub fn new(node: SocketAddr, random: Random) -> Self {
        Self {
            node,
            random,
            client: None,
        }
    }

    /// Submits a mail, with DATA or in two chunks. Some mails are invalid.
    pub fn submit(&mut self, mail: &Submission) -> Outcome {
        let content = content(mail.number, self.random.once_in(8));
        let transfer = match self.random.once_in(2) {
            true => SmtpTransfer::Data,
            false => {
                let octets = self.random.between(0, content.len() as u64);
                SmtpTransfer::Chunks(octets as usize)
            }
        };
        let mail = SmtpMail {
            from: &sender(mail.number),
            to: &mail.addresses(),
            content: content.as_bytes(),
        };
        let reply = self.attempt(&mail, transfer);
        reply.map_or(Outcome::Unknown, |reply| outcome(&reply))
    }

    fn attempt(&mut self, mail: &SmtpMail<'_>, transfer: SmtpTransfer) -> io::Result<SmtpReply> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => SmtpClient::connect(self.node)?,
        };
        let reply = client.submit(mail, transfer)?;
        // The server closes the connection after 421.
        self.client = (reply.code != 421).then_some(client);
        Ok(reply)
    }
}

/// Header and body of a mail. One that is invalid has a bare LF (RFC 5321 section 2.3.8).
fn content(number: u64, is_invalid: bool) -> String {
    let text = format!("This is number {number}.\r\n").repeat(40);
    let end = if is_invalid { "\n\r\n" } else { "" };
    format!("From: {SENDER}\r\nSubject: Number {number}\r\nX-Number: {number}\r\n\r\n{text}{end}")
}

fn outcome(reply: &SmtpReply) -> Outcome {
    let id = reply.text.strip_prefix("2.0.0 Queued as ");
    match (reply.code, id) {
        (250, Some(id)) => Outcome::Acknowledged(id.to_owned()),
        (500.., _) => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

#[test]
fn the_reply_to_a_mail_is_its_outcome() {
    for (code, text, expected) in [
        (
            250,
            "2.0.0 Queued as 01A",
            Outcome::Acknowledged("01A".to_owned()),
        ),
        (550, "5.6.0 A bare LF", Outcome::Refused),
        (451, "4.3.0 Try again", Outcome::Unknown),
        (421, "4.3.2 Stopping", Outcome::Unknown),
        (250, "2.0.0 OK", Outcome::Unknown),
    ] {
        let text = text.to_owned();
        assert_eq!(outcome(&SmtpReply { code, text }), expected);
    }
}
