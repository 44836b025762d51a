//! A blocking SMTP client (RFC 5321) for the Unix socket of the listener, without a runtime.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use domain::EmailAddress;
use domain::mail::dsn::{NotifyOn, ReturnContent};
use domain::sanitize::printable;

use super::failure::{EX_NOUSER, EX_PROTOCOL, EX_TEMPFAIL, EX_UNAVAILABLE, SendmailFailure};
use super::lines::Lines;

/// How long the listener may take for a reply, and for a part of the mail (RFC 5321 section 4.5.3.2).
const REPLY_TIME: Duration = Duration::from_secs(300);

/// The same for the reply to the end of the mail.
const END_TIME: Duration = Duration::from_secs(600);

/// How long the reply to QUIT may take.
const QUIT_TIME: Duration = Duration::from_secs(5);

/// The longest line of a reply, in octets.
const LINE_MAX: u64 = 4096;

/// The most lines of a reply. The listing of the queue has the most.
const LINES_MAX: usize = 100_000;

/// The longest text of a reply that is printed.
const SHOWN_MAX: usize = 1000;

/// The envelope of a mail.
#[derive(Clone, Debug)]
pub struct ClientEnvelope {
    /// `None` for the null sender.
    pub sender: Option<EmailAddress>,
    pub recipients: Vec<EmailAddress>,
    pub notify: Option<NotifyOn>,
    pub ret: Option<ReturnContent>,
    /// As xtext.
    pub envid: Option<String>,
    /// Whether the header is in UTF-8.
    pub has_utf8_header: bool,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientReply {
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<String>,
}

impl ClientReply {
    fn text(&self) -> String {
        printable(
            &format!("{} {}", self.code, self.lines.join(" ")),
            SHOWN_MAX,
        )
    }

    /// Whether the code begins with this digit.
    fn is(&self, class: u16) -> bool {
        self.code / 100 == class
    }

    /// The failure that a reply is to `command`.
    fn failure(&self, command: &str) -> SendmailFailure {
        let is_address = self.lines.iter().any(|line| line.starts_with("5.1."));
        let code = match self.code / 100 {
            5 if command.starts_with("RCPT") && is_address => EX_NOUSER,
            5 => EX_UNAVAILABLE,
            _ => EX_TEMPFAIL,
        };
        SendmailFailure::new(code, format!("{command}: {}", self.text()))
    }
}

/// A connection to the listener, after EHLO.
pub struct SubmissionClient {
    reader: BufReader<UnixStream>,
    extensions: Vec<String>,
}

impl SubmissionClient {
    /// Connects to the listener at `path`, and introduces this machine as `host`.
    ///
    /// # Errors
    /// With `EX_TEMPFAIL` where nothing listens, or the listener refuses for now.
    pub fn connect(path: &Path, host: &str) -> Result<Self, SendmailFailure> {
        let stream = UnixStream::connect(path).map_err(|error| unreachable(path, &error))?;
        Self::begin(stream, host)
    }

    /// Reads the greeting and sends EHLO.
    ///
    /// # Errors
    /// As [`SubmissionClient::connect`].
    pub fn begin(stream: UnixStream, host: &str) -> Result<Self, SendmailFailure> {
        let timed = stream
            .set_write_timeout(Some(REPLY_TIME))
            .and_then(|()| stream.set_read_timeout(Some(REPLY_TIME)));
        timed.map_err(|error| lost(&error))?;
        let mut client = Self {
            reader: BufReader::new(stream),
            extensions: Vec::new(),
        };
        let greeting = client.reply()?;
        if !greeting.is(2) {
            return Err(greeting.failure("greeting"));
        }
        let name = if host.is_empty() { "localhost" } else { host };
        let offered = client.command(&format!("EHLO {name}"))?;
        let keywords = offered.lines.iter().skip(1);
        client.extensions = keywords.map(|line| line.to_ascii_uppercase()).collect();
        Ok(client)
    }

    /// Whether the listener offers an extension.
    fn offers(&self, keyword: &str) -> bool {
        let mut words = self
            .extensions
            .iter()
            .filter_map(|line| line.split(' ').next());
        words.any(|offered| offered == keyword)
    }

    /// Sends a mail to all its recipients, or to none. Recipients that are too many for one transaction come
    /// in the next (RFC 5321 section 4.5.3.1.10). `mail` has lines that end with CR and LF.
    ///
    /// # Errors
    /// With `EX_TEMPFAIL` where it can be sent later, `EX_NOUSER` where a recipient does not exist, and
    /// `EX_UNAVAILABLE` for any other refusal. Where transactions were accepted before it, the text says how
    /// many recipients have the mail.
    pub fn send(&mut self, envelope: &ClientEnvelope, mail: &[u8]) -> Result<(), SendmailFailure> {
        let mut sent = 0;
        while sent < envelope.recipients.len() {
            let accepted = self.transaction(envelope, &envelope.recipients[sent..], mail);
            sent += accepted.map_err(|failure| match sent {
                0 => failure,
                _ => {
                    let text = format!(
                        "the mail was submitted to the first {sent} recipients alone; {}",
                        failure.text
                    );
                    SendmailFailure::new(failure.code, text)
                }
            })?;
        }
        Ok(())
    }

    /// Sends a mail to as many of these recipients as one transaction takes, and returns their number.
    fn transaction(
        &mut self,
        envelope: &ClientEnvelope,
        recipients: &[EmailAddress],
        mail: &[u8],
    ) -> Result<usize, SendmailFailure> {
        self.command(&self.mail_command(envelope, mail))?;
        let notify = envelope.notify.filter(|_| self.offers("DSN"));
        let mut accepted = 0;
        for recipient in recipients {
            let address = format!("RCPT TO:<{}>", recipient.as_str());
            let parameters = notify.map(|notify| format!(" NOTIFY={notify}"));
            let command = address.clone() + &parameters.unwrap_or_default();
            let reply = self.exchange(&command)?;
            match reply.code {
                code if code / 100 == 2 => accepted += 1,
                452 if accepted > 0 => break,
                _ => return Err(reply.failure(&address)),
            }
        }
        let begins = self.exchange("DATA")?;
        if begins.code != 354 {
            return Err(begins.failure("DATA"));
        }
        let written = self.write(&stuffed(mail));
        self.set_read_timeout(END_TIME)?;
        let end = replied(self.reply(), written)?;
        self.set_read_timeout(REPLY_TIME)?;
        match end.is(2) {
            true => Ok(accepted),
            false => Err(end.failure("end of data")),
        }
    }

    fn mail_command(&self, envelope: &ClientEnvelope, mail: &[u8]) -> String {
        let sender = envelope.sender.as_ref().map_or("", EmailAddress::as_str);
        let mut command = format!("MAIL FROM:<{sender}>");
        if self.offers("SIZE") {
            command.push_str(&format!(" SIZE={}", mail.len()));
        }
        if self.offers("8BITMIME") && !mail.is_ascii() {
            command.push_str(" BODY=8BITMIME");
        }
        let mut addresses = envelope.recipients.iter().chain(&envelope.sender);
        let is_utf8 = envelope.has_utf8_header || !addresses.all(|a| a.as_str().is_ascii());
        if is_utf8 && self.offers("SMTPUTF8") {
            command.push_str(" SMTPUTF8");
        }
        if self.offers("DSN") {
            if let Some(ret) = envelope.ret {
                command.push_str(&format!(" RET={}", ret.as_str()));
            }
            if let Some(envid) = &envelope.envid {
                command.push_str(&format!(" ENVID={envid}"));
            }
        }
        command
    }

    /// Ends the session by QUIT. What was accepted stays accepted, whatever the reply.
    pub fn quit(mut self) {
        if self.set_read_timeout(QUIT_TIME).is_ok() {
            let _ = self.exchange("QUIT");
        }
    }

    /// Sends a command, and returns its positive reply.
    ///
    /// # Errors
    /// For any other reply, and where the connection is lost.
    pub fn command(&mut self, command: &str) -> Result<ClientReply, SendmailFailure> {
        let reply = self.exchange(command)?;
        match reply.is(2) {
            true => Ok(reply),
            false => Err(reply.failure(command)),
        }
    }

    fn exchange(&mut self, command: &str) -> Result<ClientReply, SendmailFailure> {
        let written = self.write(format!("{command}\r\n").as_bytes());
        replied(self.reply(), written)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    fn set_read_timeout(&self, time: Duration) -> Result<(), SendmailFailure> {
        let set = self.reader.get_ref().set_read_timeout(Some(time));
        set.map_err(|error| lost(&error))
    }

    /// Reads a reply.
    fn reply(&mut self) -> Result<ClientReply, SendmailFailure> {
        let mut reply = ClientReply {
            code: 0,
            lines: Vec::new(),
        };
        loop {
            let mut line = Vec::new();
            let mut limited = Read::by_ref(&mut self.reader).take(LINE_MAX);
            limited
                .read_until(b'\n', &mut line)
                .map_err(|error| lost(&error))?;
            let Some(line) = line.strip_suffix(b"\n") else {
                return Err(lost(&io::ErrorKind::UnexpectedEof.into()));
            };
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            let parts = line.split_at_checked(3);
            let parsed = parts.and_then(|(code, text)| Some((code.parse::<u16>().ok()?, text)));
            let (code, text) = match parsed {
                Some((code, text)) if (200..600).contains(&code) => (code, text),
                _ => {
                    let text = format!("not an SMTP reply: {}", printable(&line, SHOWN_MAX));
                    return Err(SendmailFailure::new(EX_PROTOCOL, text));
                }
            };
            reply.code = code;
            reply
                .lines
                .push(text.get(1..).unwrap_or_default().to_owned());
            if !text.starts_with('-') || reply.lines.len() >= LINES_MAX {
                return Ok(reply);
            }
        }
    }
}

/// The reply to what was written. A listener that closes the connection says why before, so that there may
/// be a reply although not all was written.
fn replied(
    reply: Result<ClientReply, SendmailFailure>,
    written: io::Result<()>,
) -> Result<ClientReply, SendmailFailure> {
    reply.map_err(|failure| match written {
        Err(error) => lost(&error),
        Ok(()) => failure,
    })
}

/// The failure to connect: what was to be sent can be sent later.
pub fn unreachable(path: &Path, error: &io::Error) -> SendmailFailure {
    let path = path.display();
    let text = format!(
        "cannot connect to {path}: {error}; postern serve listens there, with POSTERN_SUBMIT_SOCKET"
    );
    SendmailFailure::new(EX_TEMPFAIL, text)
}

/// The failure of a connection that is lost: the mail can be sent again.
fn lost(error: &io::Error) -> SendmailFailure {
    let text = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the listener did not reply in time".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "the listener closed the connection".to_owned(),
        _ => format!("the connection to the listener was lost: {error}"),
    };
    SendmailFailure::new(EX_TEMPFAIL, text)
}

/// The mail with dots stuffed (RFC 5321 section 4.5.2) and its end.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(mail.len() + mail.len() / 64 + 5);
    for line in (Lines { rest: mail }) {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}
