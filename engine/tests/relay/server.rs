//! A relay of the tests: serves one connection after the other and keeps what it heard.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use crate::conduct::{Act, Conduct};

/// What a relay heard and did.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Command lines, those of challenges too.
    pub lines: Vec<String>,
    /// Every byte that came outside TLS, up to a handshake.
    pub clear: Vec<u8>,
    /// The mails exactly as they came, dots stuffed, without the end.
    pub mails: Vec<Vec<u8>>,
    /// How many bytes it could repeat before nobody listened.
    pub repeated: usize,
    pub connections: usize,
    /// Whether more was there already when MAIL was read.
    pub pipelined: bool,
    /// Of how many mails the end was read with more there already.
    pub grouped: usize,
    /// Whether more was there already when RSET was read.
    pub reset_with_more: bool,
}

impl Record {
    pub fn heard(&self, verb: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(verb))
    }

    /// The commands of mails, without what they name.
    pub fn verbs(&self) -> Vec<&str> {
        let verbs = self.lines.iter().filter_map(|line| line.split(' ').next());
        let of_mails = |verb: &&str| matches!(*verb, "MAIL" | "RCPT" | "DATA" | "RSET");
        verbs.filter(of_mails).collect()
    }
}

/// A running relay. It ends with the test.
pub struct Relay {
    pub address: SocketAddr,
    pub keeps_waiting: bool,
    record: Arc<Mutex<Record>>,
    ended: Arc<Notify>,
}

impl Relay {
    pub async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let keeps_waiting = conduct.keeps_waiting();
        let record = Arc::new(Mutex::new(Record::default()));
        let ended = Arc::new(Notify::new());
        let (shared, over) = (record.clone(), ended.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                lock(&shared).connections += 1;
                let (conduct, record, over) = (conduct.clone(), shared.clone(), over.clone());
                tokio::spawn(async move {
                    // However the client ends it: what matters is recorded.
                    greet(tcp, conduct, &record).await.ok();
                    over.notify_one();
                });
            }
        });
        Self {
            address,
            keeps_waiting,
            record,
            ended,
        }
    }

    /// A connection has ended, and all that was said on it is recorded.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    pub fn record(&self) -> Record {
        lock(&self.record).clone()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock()
}

async fn greet(tcp: TcpStream, mut conduct: Conduct, record: &Mutex<Record>) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let mut talk = Talk::new(tcp, record, false);
    if !conduct.implicit {
        talk.answer(&mut conduct, "GREETING", "220 relay.test ESMTP")
            .await?;
        if !talk.serve(&mut conduct).await? {
            return Ok(());
        }
    }
    if let Some(act) = conduct.act("TLS") {
        talk.perform(act).await?;
    }
    let Some(acceptor) = conduct.tls.clone() else {
        return Ok(());
    };
    let tls = acceptor.accept(talk.stream.into_inner()).await?;
    let mut talk = Talk::new(tls, record, true);
    if conduct.implicit {
        talk.answer(&mut conduct, "GREETING", "220 relay.test ESMTP")
            .await?;
    }
    talk.serve(&mut conduct).await.map(drop)
}

trait Connection: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Connection for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

struct Talk<'a, S> {
    stream: BufReader<S>,
    record: &'a Mutex<Record>,
    encrypted: bool,
    /// How many more challenges a sign-in has.
    challenges: usize,
}

impl<'a, S: Connection> Talk<'a, S> {
    fn new(stream: S, record: &'a Mutex<Record>, encrypted: bool) -> Self {
        Self {
            stream: BufReader::new(stream),
            record,
            encrypted,
            challenges: 0,
        }
    }

    /// Answers commands until the client leaves; `true` when it is to be encrypted.
    async fn serve(&mut self, conduct: &mut Conduct) -> io::Result<bool> {
        loop {
            let line = String::from_utf8_lossy(&self.read_line().await?)
                .trim_end()
                .to_owned();
            lock(self.record).lines.push(line.clone());
            let verb = line.split(' ').next().unwrap_or_default();
            match verb {
                "EHLO" if self.encrypted && !conduct.implicit => {
                    let offers = self.offers(conduct);
                    self.answer(conduct, "EHLO-TLS", &offers).await?;
                }
                "EHLO" => {
                    let offers = self.offers(conduct);
                    self.answer(conduct, "EHLO", &offers).await?;
                }
                "STARTTLS" => {
                    if self.answer(conduct, "STARTTLS", "220 go").await? == "220" {
                        return Ok(true);
                    }
                }
                "AUTH" => {
                    self.challenges = match line.as_str() {
                        "AUTH LOGIN" => 2,
                        "AUTH PLAIN" | "AUTH CRAM-MD5" => 1,
                        _ => 0,
                    };
                    let reply = self.sign_in();
                    self.answer(conduct, "AUTH", reply).await?;
                }
                "HELO" => drop(self.answer(conduct, "HELO", "250 relay.test").await?),
                "MAIL" => {
                    lock(self.record).pipelined = !self.stream.buffer().is_empty();
                    self.answer(conduct, "MAIL", "250 2.1.0 Ok").await?;
                }
                "RSET" => {
                    lock(self.record).reset_with_more = !self.stream.buffer().is_empty();
                    self.answer(conduct, "RSET", "250 2.0.0 Ok").await?;
                }
                "RCPT" => drop(self.answer(conduct, "RCPT", "250 2.1.5 Ok").await?),
                "DATA" => {
                    if self.answer(conduct, "DATA", "354 go on").await? == "354" {
                        self.read_mail().await?;
                        self.answer(conduct, "END", "250 2.0.0 queued").await?;
                    }
                }
                "QUIT" => {
                    self.answer(conduct, "QUIT", "221 bye").await?;
                    self.stream.shutdown().await?;
                    return Ok(false);
                }
                _ => {
                    self.challenges = self.challenges.saturating_sub(1);
                    let reply = self.sign_in();
                    self.answer(conduct, "RESPONSE", reply).await?;
                }
            }
        }
    }

    fn offers(&self, conduct: &Conduct) -> String {
        let mut lines = vec!["250-relay.test".to_owned()];
        for offer in &conduct.offers {
            if !(self.encrypted && offer == "STARTTLS") {
                lines.push(format!("250-{offer}"));
            }
        }
        lines.push("250 HELP".to_owned());
        lines.join("\r\n")
    }

    /// The challenge of RFC 2195, which serves LOGIN just as well.
    fn sign_in(&self) -> &'static str {
        match self.challenges {
            0 => "235 2.7.0 welcome",
            _ => "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
        }
    }

    /// The act of this point, or what is expected; gives the code that was said.
    async fn answer(
        &mut self,
        conduct: &mut Conduct,
        point: &str,
        expected: &str,
    ) -> io::Result<String> {
        let act = conduct
            .act(point)
            .unwrap_or_else(|| Act::Say(format!("{expected}\r\n").into_bytes()));
        let said = match &act {
            Act::Say(bytes) => String::from_utf8_lossy(bytes).chars().take(3).collect(),
            _ => String::new(),
        };
        self.perform(act).await?;
        Ok(said)
    }

    /// Does it; an error where nothing can follow.
    async fn perform(&mut self, act: Act) -> io::Result<()> {
        let done = Err(io::ErrorKind::NotConnected.into());
        match act {
            Act::Say(bytes) => self.stream.write_all(&bytes).await?,
            Act::Interrupt(bytes) => {
                self.stream.fill_buf().await?;
                self.stream.write_all(&bytes).await?;
            }
            Act::Flush(bytes) => {
                let here = self.stream.buffer().len();
                self.stream.consume(here);
                self.stream.write_all(&bytes).await?;
            }
            Act::SayAndClose(bytes) => {
                self.stream.write_all(&bytes).await?;
                self.stream.shutdown().await?;
                return done;
            }
            Act::Close => {
                self.stream.get_mut().shutdown().await?;
                return done;
            }
            Act::Reset => {
                self.stream.get_ref().tcp().set_zero_linger()?;
                return done;
            }
            Act::Silence => loop {
                self.read_line().await?;
            },
            Act::Repeat(bytes, pause) => loop {
                self.stream.write_all(&bytes).await?;
                self.stream.flush().await?;
                lock(self.record).repeated += bytes.len();
                if pause > Duration::ZERO {
                    sleep(pause).await;
                }
            },
        }
        self.stream.flush().await
    }

    async fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let count = self.stream.read_until(b'\n', &mut line).await?;
        if !self.encrypted {
            lock(self.record).clear.extend_from_slice(&line);
        }
        match count {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    async fn read_mail(&mut self) -> io::Result<()> {
        let mut mail = Vec::new();
        loop {
            let line = self.read_line().await?;
            if line == b".\r\n" {
                let mut record = lock(self.record);
                record.mails.push(mail);
                record.grouped += usize::from(!self.stream.buffer().is_empty());
                return Ok(());
            }
            mail.extend_from_slice(&line);
        }
    }
}
