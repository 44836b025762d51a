//! The server's side of one SMTP session (RFC 5321).

use crate::{
    record::{AcceptedMail, Transaction},
    script::{Action, RelayScript},
    state::{BusyConnection, Shared},
    transport::Transport,
};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{IpAddr, TcpStream},
    thread::sleep,
    time::Duration,
};

/// Size of the input buffer in bytes: a client's writes arrive in one read.
const BUFFER: usize = 64 * 1024;

/// Pause before a reset in place of the greeting.
const RESET_DELAY: Duration = Duration::from_millis(250);

const GREETING: &str = "220 relay.test ESMTP";

/// The challenge of RFC 2195. LOGIN accepts it as well.
const CHALLENGE: &str = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";

/// Serves a connection until the client leaves, or performs `refusal` in the place of the greeting.
pub(crate) fn run(
    tcp: TcpStream,
    script: RelayScript,
    refusal: Option<Action>,
    shared: &Shared,
    busy: BusyConnection,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let relay = tcp.local_addr()?.ip();
    let mut session = Session {
        stream: BufReader::with_capacity(BUFFER, Transport::Tcp(tcp)),
        replies: Vec::new(),
        script,
        shared,
        relay,
        busy: Some(busy),
        challenges: 0,
        in_auth: false,
        from: String::new(),
        recipients: Vec::new(),
        line: Vec::new(),
        content: Vec::new(),
        end_unsent: false,
        is_mute: false,
    };
    if let Some(refusal) = refusal {
        session.shared.event("GREETING");
        return session.perform(refusal);
    }
    if !session.script.implicit_tls {
        session.answer("GREETING", "GREETING", GREETING)?;
        if !session.serve()? {
            return Ok(());
        }
    }
    #[cfg(feature = "tls")]
    session.start_tls()?;
    Ok(())
}

struct Session<'a> {
    stream: BufReader<Transport>,
    /// Not sent yet: replies to pipelined commands go out together.
    replies: Vec<u8>,
    script: RelayScript,
    shared: &'a Shared,
    /// The address that the client connected to.
    relay: IpAddr,
    /// Until QUIT.
    busy: Option<BusyConnection>,
    /// Challenges that the current AUTH still sends.
    challenges: usize,
    /// Whether the next line is a response to a challenge.
    in_auth: bool,
    from: String,
    recipients: Vec<String>,
    line: Vec<u8>,
    /// Of the current mail; with chunks, those received so far.
    content: Vec<u8>,
    /// Whether `replies` has one to the end of a mail.
    end_unsent: bool,
    /// Replies are lost, and the connection is closed once all input is read.
    is_mute: bool,
}

impl Session<'_> {
    /// Handles commands until the client leaves; `true` when TLS follows.
    fn serve(&mut self) -> io::Result<bool> {
        loop {
            let line = self.read_command()?;
            let command = line.split([' ', ':']).next().unwrap_or_default();
            match command {
                "EHLO" => {
                    let after_starttls = self.is_encrypted() && !self.script.implicit_tls;
                    let point = if after_starttls { "EHLO-TLS" } else { "EHLO" };
                    let extensions = self.extensions();
                    self.answer(point, &line, &extensions)?;
                }
                "STARTTLS" => {
                    if self.answer(command, &line, "220 go ahead")? == "220" {
                        return Ok(true);
                    }
                }
                "AUTH" => {
                    self.challenges = match line.as_str() {
                        "AUTH LOGIN" => 2,
                        "AUTH PLAIN" | "AUTH CRAM-MD5" => 1,
                        _ => 0,
                    };
                    self.authenticate(command, &line)?;
                }
                "HELO" => drop(self.answer(command, &line, "250 relay.test")?),
                "NOOP" => drop(self.answer(command, &line, "250 2.0.0 Ok")?),
                "MAIL" => {
                    let more = self.has_more();
                    self.shared.record(|record| record.pipelined = more);
                    address(&line).clone_into(&mut self.from);
                    self.recipients.clear();
                    self.content.clear();
                    self.answer(command, &line, "250 2.1.0 Ok")?;
                }
                "RSET" => {
                    let more = self.has_more();
                    self.shared.record(|record| record.reset_with_more = more);
                    self.recipients.clear();
                    self.content.clear();
                    self.answer(command, &line, "250 2.0.0 Ok")?;
                }
                "RCPT" => self.recipient(&line)?,
                "DATA" => self.data(&line)?,
                "BDAT" => self.chunk(&line)?,
                "QUIT" => {
                    self.busy = None;
                    self.answer(command, &line, "221 2.0.0 Bye")?;
                    self.flush()?;
                    self.stream.get_mut().shut_down()?;
                    return Ok(false);
                }
                _ if self.in_auth => {
                    self.challenges = self.challenges.saturating_sub(1);
                    self.authenticate("RESPONSE", &line)?;
                }
                _ => drop(self.answer("UNKNOWN", &line, "500 5.5.2 Unknown command")?),
            }
        }
    }

    #[cfg(feature = "tls")]
    fn start_tls(mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(action) = self.script.next("TLS") {
            self.perform(action)?;
            self.flush()?;
        }
        let Some(tls) = self.script.tls.clone() else {
            return Ok(());
        };
        let transport = self.stream.into_inner().accept_tls(tls)?;
        self.stream = BufReader::with_capacity(BUFFER, transport);
        if self.script.implicit_tls {
            self.answer("GREETING", "GREETING", GREETING)?;
        }
        self.serve().map(drop)
    }

    fn recipient(&mut self, line: &str) -> io::Result<()> {
        let refusal = self.script.refusal(address(line));
        let expected = match self.shared.allows_recipient(self.recipients.len()) {
            true => refusal.unwrap_or("250 2.1.5 Ok"),
            false => "452 4.5.3 Error: too many recipients",
        };
        if self.answer("RCPT", line, expected)?.starts_with('2') {
            self.recipients.push(address(line).to_owned());
        }
        Ok(())
    }

    fn data(&mut self, line: &str) -> io::Result<()> {
        let expected = match self.recipients.is_empty() {
            true => "503 5.5.1 No recipients",
            false => "354 Go ahead",
        };
        if self.answer("DATA", line, expected)? != "354" {
            return Ok(());
        }
        if self.shared.resets_within(&self.recipients) {
            self.read_line()?;
            return self.perform(Action::Reset);
        }
        self.read_content()?;
        self.end_of_mail()
    }

    /// Receives a chunk (RFC 3030 section 2). One that is refused by its reply is not discarded: a
    /// relay that does not know the command takes its octets for commands.
    fn chunk(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split(' ').skip(1);
        let size: Option<usize> = words.next().and_then(|size| size.parse().ok());
        let Some(size) = size.filter(|_| self.offers_chunking()) else {
            return self
                .answer("BDAT", line, "500 5.5.2 Unknown command")
                .map(drop);
        };
        let is_last = words.next() == Some("LAST");
        if let Some(action) = self.scripted("BDAT", line) {
            return self.perform(action);
        }
        if self.shared.resets_within(&self.recipients) {
            self.read_octets(1)?;
            return self.perform(Action::Reset);
        }
        self.read_octets(size)?;
        if self.recipients.is_empty() {
            self.content.clear();
            let refusal = b"503 5.5.1 No recipients\r\n".to_vec();
            return self.perform(Action::Reply(refusal));
        }
        if !is_last {
            return self.perform(Action::Reply(b"250 2.0.0 Continue\r\n".to_vec()));
        }
        let ahead = usize::from(self.end_unsent);
        self.shared.record(|record| record.ahead += ahead);
        self.end_of_mail()
    }

    /// Takes the mail that was received, or does what the script says.
    fn end_of_mail(&mut self) -> io::Result<()> {
        if let Some(accept) = &self.shared.callback {
            accept(&Transaction {
                relay: self.relay,
                from: &self.from,
                recipients: &self.recipients,
                content: &self.content,
            });
            self.recipients.clear();
            self.content.clear();
            self.replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
            return Ok(());
        }
        let (more, content) = (self.has_more(), std::mem::take(&mut self.content));
        let data = String::from_utf8_lossy(&content).into_owned();
        self.shared.record(|record| {
            record.grouped += usize::from(more);
            record.mails.push(content);
        });
        if self.shared.discards_pipelined() {
            self.discard();
        }
        let subject = data.lines().find(|line| line.starts_with("Subject: "));
        let event = format!("END {}", subject.unwrap_or_default());
        if self.shared.loses_replies_at(&event) {
            self.flush()?;
            self.is_mute = true;
        }
        let action = self.action("END", &event, "250 2.0.0 queued");
        if self.shared.is_stalled() {
            self.flush()?;
            self.shared.wait_while_stalled();
        }
        if code(&action).starts_with('2') {
            let mail = AcceptedMail {
                from: self.from.clone(),
                to: std::mem::take(&mut self.recipients),
                data,
            };
            self.shared.record(|record| record.accepted.push(mail));
            self.shared.notify();
        }
        self.recipients.clear();
        if more && self.shared.ends_on_pipelined() {
            return self.perform(Action::Close);
        }
        self.end_unsent = true;
        self.perform(action)
    }

    fn offers_chunking(&self) -> bool {
        self.script.extensions.iter().any(|name| name == "CHUNKING")
    }

    fn extensions(&self) -> String {
        let mut lines = vec!["250-relay.test".to_owned()];
        let offered = self.script.extensions.iter();
        let offered = offered.filter(|name| !(self.is_encrypted() && *name == "STARTTLS"));
        lines.extend(offered.map(|name| format!("250-{name}")));
        lines.push("250 HELP".to_owned());
        lines.join("\r\n")
    }

    /// Answers AUTH or a response with the next challenge or the result.
    fn authenticate(&mut self, point: &str, line: &str) -> io::Result<()> {
        let expected = match self.challenges {
            0 => "235 2.7.0 Authenticated",
            _ => CHALLENGE,
        };
        self.in_auth = self.answer(point, line, expected)? == "334";
        Ok(())
    }

    /// Performs the action of this point, or sends the expected reply. Returns the reply code.
    fn answer(&mut self, point: &str, event: &str, expected: &str) -> io::Result<String> {
        let action = self.action(point, event, expected);
        let code = code(&action);
        self.perform(action)?;
        Ok(code)
    }

    /// The action of a rule or of the script, else the expected reply.
    fn action(&mut self, point: &str, event: &str, expected: &str) -> Action {
        let scripted = self.scripted(point, event);
        scripted.unwrap_or_else(|| Action::Reply(format!("{expected}\r\n").into_bytes()))
    }

    /// The reply of a rule, else the action of the script. A rule with 421 also closes the connection
    /// (RFC 5321 section 3.8).
    fn scripted(&mut self, point: &str, event: &str) -> Option<Action> {
        match self.shared.event(event) {
            Some(rule) if rule.is_empty() => Some(Action::Close),
            Some(rule) => {
                let reply = format!("{rule}\r\n").into_bytes();
                Some(match rule.starts_with("421") {
                    true => Action::ReplyAndClose(reply),
                    false => Action::Reply(reply),
                })
            }
            None => self.script.next(point),
        }
    }

    /// Performs an action; an error when the session is over.
    fn perform(&mut self, action: Action) -> io::Result<()> {
        if !matches!(action, Action::Reply(_)) {
            self.flush()?;
        }
        let over = Err(io::ErrorKind::NotConnected.into());
        match action {
            Action::Reply(bytes) => self.replies.extend_from_slice(&bytes),
            Action::ReplyToInput(bytes) => {
                self.stream.fill_buf()?;
                self.replies.extend_from_slice(&bytes);
            }
            Action::DiscardAndReply(bytes) => {
                self.discard();
                self.replies.extend_from_slice(&bytes);
            }
            Action::ReplyAndClose(bytes) => {
                self.stream.get_mut().write_all(&bytes)?;
                self.stream.get_mut().shut_down()?;
                return over;
            }
            Action::Close => {
                self.stream.get_mut().shut_down()?;
                return over;
            }
            Action::Reset => {
                if self.line.is_empty() {
                    // A reset before the client's connect returns would be a failed connect.
                    sleep(RESET_DELAY);
                }
                self.stream.get_ref().reset_on_close()?;
                return over;
            }
            Action::Silence => loop {
                self.read_line()?;
            },
            Action::Repeat(bytes, pause) => loop {
                self.stream.get_mut().write_all(&bytes)?;
                self.stream.get_mut().flush()?;
                self.shared.record(|record| record.repeated += bytes.len());
                if pause > Duration::ZERO {
                    sleep(pause);
                }
            },
        }
        Ok(())
    }

    fn is_encrypted(&self) -> bool {
        self.stream.get_ref().is_encrypted()
    }

    fn has_more(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    fn discard(&mut self) {
        let length = self.stream.buffer().len();
        self.stream.consume(length);
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_mute {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if !self.replies.is_empty() {
            self.stream.get_mut().write_all(&self.replies)?;
            self.stream.get_mut().flush()?;
            self.replies.clear();
            self.end_unsent = false;
        }
        Ok(())
    }

    fn read_command(&mut self) -> io::Result<String> {
        self.read_line()?;
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.shared.record(|record| record.lines.push(line.clone()));
        Ok(line)
    }

    /// Reads a line into `line`, after sending the replies if it has to wait for input.
    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        loop {
            if !self.has_more() {
                self.flush()?;
            }
            let input = self.stream.fill_buf()?;
            if input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let found = memchr::memchr(b'\n', input);
            let length = found.map_or(input.len(), |at| at + 1);
            self.line.extend_from_slice(&input[..length]);
            self.stream.consume(length);
            if found.is_some() {
                break;
            }
        }
        if !self.is_encrypted() {
            let line = &self.line;
            self.shared
                .record(|record| record.clear.extend_from_slice(line));
        }
        Ok(())
    }

    /// Appends so many octets to `content`.
    fn read_octets(&mut self, size: usize) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            if !self.has_more() {
                self.flush()?;
            }
            let input = self.stream.fill_buf()?;
            if input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = input.len().min(left);
            self.content.extend_from_slice(&input[..taken]);
            self.stream.consume(taken);
            left -= taken;
        }
        Ok(())
    }

    /// Reads a mail up to the line with the lone dot into `content` (RFC 5321, section 4.1.1.4).
    fn read_content(&mut self) -> io::Result<()> {
        self.content.clear();
        loop {
            self.read_line()?;
            if self.line == b".\r\n" {
                return Ok(());
            }
            self.content.extend_from_slice(&self.line);
        }
    }
}

/// The reply code of an action; empty for one that does not reply and continue.
fn code(action: &Action) -> String {
    match action {
        Action::Reply(bytes) => String::from_utf8_lossy(bytes).chars().take(3).collect(),
        _ => String::new(),
    }
}

/// The text in angle brackets.
fn address(line: &str) -> &str {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(address, _)| address)
}
