//! Helpers of the listener's tests: a Postern that listens, and a client that speaks raw SMTP.

use std::net::SocketAddr;
use std::time::Duration;

use domain::SecretString;
use domain::account::Role;
use engine::{Actor, Config, NewToken, Postern};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::BoundSubmission;
use super::protocol::limits::SessionLimits;
use crate::cli::SubmissionArgs;
use crate::sockets::inherited::InheritedSockets;

/// Longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

pub const ANN: &str = "ann@example.org";

/// A mail with a dot at the beginning of a line, as it is sent.
pub const DATA: &str = "From: ann@example.org\r\nTo: desk@example.net\r\nSubject: Fire\r\n\r\n\
                        Leave.\r\n..now\r\n.\r\n";

/// A Postern whose submission listeners are served.
pub struct TestSubmission {
    _folder: tempfile::TempDir,
    pub postern: Postern,
    pub addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// Arguments for a listener on a free port of this machine.
pub fn on_tcp() -> SubmissionArgs {
    SubmissionArgs {
        submission: Some(([127, 0, 0, 1], 0).into()),
        ..SubmissionArgs::default()
    }
}

impl TestSubmission {
    pub async fn open(args: SubmissionArgs) -> Self {
        Self::open_within(args, SessionLimits::default(), 100).await
    }

    pub async fn open_within(
        args: SubmissionArgs,
        limits: SessionLimits,
        connections: usize,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let mut sockets = InheritedSockets::default();
        let bound = BoundSubmission::bind(&args, connections, &mut sockets).await;
        let bound = bound.expect("listens").with_limits(limits, connections);
        let addresses = bound.addresses();
        let (stop, stopped) = watch::channel(false);
        let served = postern.clone();
        let serving = tokio::spawn(async move { bound.serve(served, "gate.test", stopped).await });
        Self {
            _folder: folder,
            postern,
            addresses,
            stop,
            serving,
        }
    }

    /// A client of the first listener that has read the banner.
    pub async fn client(&self) -> SmtpTestClient<TcpStream> {
        let mut client = self.silent_client().await;
        let banner = client.reply().await;
        assert_eq!(banner, "220 gate.test ESMTP Postern");
        client
    }

    pub async fn silent_client(&self) -> SmtpTestClient<TcpStream> {
        let stream = TcpStream::connect(self.addresses[0]).await;
        SmtpTestClient::new(stream.expect("connects"))
    }

    /// Creates an account, and returns the secret of a token of it.
    pub async fn account(&self, email: &str) -> String {
        let (operator, accounts) = (Actor::local(0), self.postern.accounts());
        let password = SecretString::new("correct horse battery staple");
        let created = accounts.create(&operator, email, Role::User, password);
        created.await.expect("an account");
        let token = accounts.create_token(&operator, NewToken::new(email, "test"));
        token.await.expect("a token")
    }

    /// Who submitted the mail with the id in a reply, and its octets.
    pub async fn mail(&self, reply: &str) -> (String, String) {
        let id = reply.strip_prefix("250 2.0.0 Queued as ").expect(reply);
        let (operator, outbox) = (Actor::local(0), self.postern.outbox());
        let view = outbox.message(&operator, id).await.expect("a mail");
        let octets = outbox.message_bytes(&operator, id).await;
        let octets = String::from_utf8(octets.expect("kept")).expect("text");
        (view.by, octets)
    }

    /// Begins to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until every session has ended.
    pub async fn stopped(self) {
        self.stop();
        within(self.serving).await.expect("ends");
    }
}

/// Waits for a future, but not for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

/// A client that sends the lines of a test.
pub struct SmtpTestClient<S> {
    pub stream: S,
    /// What was read and belongs to later replies.
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> SmtpTestClient<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.send_octets(text.as_bytes()).await;
    }

    /// The other end may have closed the connection; then the reply says so.
    pub async fn send_octets(&mut self, octets: &[u8]) {
        let _ = within(self.stream.write_all(octets)).await;
        let _ = within(self.stream.flush()).await;
    }

    /// The next reply, its lines separated by LF; empty where the connection is closed.
    pub async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let line = within(self.line()).await;
            let goes_on = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !goes_on {
                return lines.join("\n");
            }
        }
    }

    async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let line = std::mem::replace(&mut self.unread, rest);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            match self.stream.read_buf(&mut self.unread).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return String::new(),
            }
        }
    }

    /// Sends a line, and checks how the reply begins.
    pub async fn expect(&mut self, line: &str, start: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.expect_reply(line, start).await
    }

    /// Checks how the next reply begins.
    pub async fn expect_reply(&mut self, to: &str, start: &str) -> String {
        let reply = self.reply().await;
        assert!(reply.starts_with(start), "{to}: {reply}");
        reply
    }

    /// Checks that the connection is closed.
    pub async fn expect_end(&mut self) {
        assert_eq!(self.reply().await, "");
    }

    /// Sends the commands of a mail from an address, up to DATA.
    pub async fn begin_mail(&mut self, from: &str) {
        self.expect(&format!("MAIL FROM:<{from}>"), "250 2.1.0")
            .await;
        self.expect("RCPT TO:<desk@example.net>", "250 2.1.5").await;
        self.expect("DATA", "354 ").await;
    }

    /// Sends a mail from an address, and returns the reply to it.
    pub async fn send_mail(&mut self, from: &str) -> String {
        self.begin_mail(from).await;
        self.send(DATA).await;
        self.reply().await
    }
}
