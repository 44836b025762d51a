//! A small SMTP client that submits mails over one connection.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Limit for one reply: longer than a busy machine takes, shorter than a hang.
const REPLY_TIMEOUT: Duration = Duration::from_secs(120);

pub struct SmtpClient {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct SmtpReply {
    pub code: u16,
    /// The text behind the code. Lines are separated by LF.
    pub text: String,
}

/// A mail with its envelope.
pub struct SmtpMail<'a> {
    pub from: &'a str,
    pub to: &'a [String],
    /// Header and body. Its last line ends with CRLF, and none begins with a dot.
    pub content: &'a [u8],
}

/// How the content of a mail is sent.
#[derive(Clone, Copy, Debug)]
pub enum SmtpTransfer {
    Data,
    /// In two chunks (RFC 3030), of which the first has so many octets.
    Chunks(usize),
}

impl SmtpReply {
    /// Returns the reply if it has this code, else an error.
    fn with_code(self, code: u16) -> io::Result<Self> {
        if self.code == code {
            return Ok(self);
        }
        let text = format!("{} {}", self.code, self.text);
        Err(io::Error::new(ErrorKind::InvalidData, text))
    }
}

impl SmtpClient {
    pub fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        client.reply()?.with_code(220)?;
        client.command("EHLO xtask.test")?.with_code(250)?;
        Ok(client)
    }

    /// Submits a mail. Returns the reply that accepts it, or the first one that does not. After an error
    /// the outcome is unknown.
    pub fn submit(&mut self, mail: &SmtpMail<'_>, transfer: SmtpTransfer) -> io::Result<SmtpReply> {
        let mut envelope = format!("MAIL FROM:<{}>\r\n", mail.from);
        for to in mail.to {
            envelope.push_str(&format!("RCPT TO:<{to}>\r\n"));
        }
        self.send(envelope.as_bytes())?;
        let mut refusal = None;
        for _ in 0..=mail.to.len() {
            let reply = self.reply()?;
            if reply.code != 250 && refusal.is_none() {
                refusal = Some(reply);
            }
        }
        if let Some(refusal) = refusal {
            self.command("RSET")?.with_code(250)?;
            return Ok(refusal);
        }
        match transfer {
            SmtpTransfer::Data => {
                self.command("DATA")?.with_code(354)?;
                self.send(&[mail.content, b".\r\n"].concat())?;
                self.reply()
            }
            SmtpTransfer::Chunks(octets) => {
                let (first, rest) = mail.content.split_at(octets.min(mail.content.len()));
                let commands = [
                    format!("BDAT {}\r\n", first.len()),
                    format!("BDAT {} LAST\r\n", rest.len()),
                ];
                let [begin, end] = commands.each_ref().map(String::as_bytes);
                self.send(&[begin, first, end, rest].concat())?;
                let (first, last) = (self.reply()?, self.reply()?);
                Ok(if first.code == 250 { last } else { first })
            }
        }
    }

    fn command(&mut self, line: &str) -> io::Result<SmtpReply> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    fn reply(&mut self) -> io::Result<SmtpReply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, line))?;
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(SmtpReply { code, text });
            }
            text.push('\n');
        }
    }
}

#[test]
fn mails_are_submitted_with_data_and_in_chunks() {
    let script = super::chunking_relay().refuse("nobody", "550 5.1.1 No such user");
    let relay = testkit::Relay::start(script);
    let mut client = SmtpClient::connect(relay.address).expect("a session");
    let content = b"Subject: A\r\n\r\nText.\r\n";
    for (to, transfer, code) in [
        ("desk@example.net", SmtpTransfer::Data, 250),
        ("desk@example.net", SmtpTransfer::Chunks(5), 250),
        ("nobody@example.net", SmtpTransfer::Data, 550),
        ("desk@example.net", SmtpTransfer::Chunks(0), 250),
    ] {
        let to = ["first@example.net".to_owned(), to.to_owned()];
        let mail = SmtpMail {
            from: "alerts@example.org",
            to: &to,
            content,
        };
        let reply = client.submit(&mail, transfer).expect("a reply");
        assert_eq!(reply.code, code, "{to:?} {transfer:?} {}", reply.text);
    }
    assert_eq!(relay.record().mails, vec![content.to_vec(); 3]);
    assert_eq!(relay.accepted()[2].to.len(), 2);
}
