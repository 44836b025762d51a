//! The connection to a relay: commands out, replies in, each within its deadline.

mod deadline;
mod error;
pub mod greeting;
mod line;
mod reply;
mod stream;
mod tls;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use domain::diagnosis::event::Side;
use domain::{Event, Failure, SmtpSettings, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use zeroize::Zeroizing;

use crate::smtp::observer::SessionObserver;

use reply::redaction::Secrets;
use reply::{Framer, Malformed};
use stream::Stream;
use stream::duplex::{self, Progress, WriteOutcome, poll_read};

pub(super) use deadline::Deadline;
pub(super) use error::WireError;
pub(super) use line::push_line;
pub(super) use reply::RawReply;
pub(super) use reply::capabilities::Capabilities;
pub(super) use reply::redaction::REDACTED;
pub(super) use stream::unwritten::{PIECE_SIZE, Unwritten};
pub(super) use tls::Tls;

/// The result of writing and reading at once.
pub(super) enum Advance {
    /// A whole reply.
    Reply(RawReply),
    /// A piece was written.
    Written,
    /// The limit is reached.
    Withheld,
}

/// A connection to a relay, encrypted or not. It notices every reply that no command asked for.
pub(super) struct Wire {
    stream: Stream,
    framer: Framer,
    peer: SocketAddr,
    observer: SessionObserver,
    secrets: Secrets,
}

impl Wire {
    /// Takes over a connection that is not encrypted yet.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub fn new(tcp: TcpStream, observer: SessionObserver) -> io::Result<Self> {
        Ok(Self {
            peer: tcp.peer_addr()?,
            stream: Stream::Plain(tcp),
            framer: Framer::new(),
            observer,
            secrets: Secrets::default(),
        })
    }

    pub fn observer(&self) -> &SessionObserver {
        &self.observer
    }

    /// The secrets that are removed from every reply from now on.
    pub fn secrets(&mut self) -> &mut Secrets {
        &mut self.secrets
    }

    /// The local address of the connection.
    ///
    /// # Errors
    /// Where the system does not know it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.tcp().local_addr()
    }

    /// The TLS version, as in `TLS 1.3`; `None` while the connection is not encrypted.
    pub fn encryption(&self) -> Option<&'static str> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(tls) => Some(tls::version(tls)),
        }
    }

    /// Encrypts the connection. Bytes that were read and not returned are dropped; the caller
    /// has made sure that there are none.
    ///
    /// # Errors
    /// Where the handshake fails, the certificate is not trusted, or the deadline passes.
    pub async fn secure(
        self,
        tls: &Tls,
        settings: &SmtpSettings,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let Stream::Plain(tcp) = self.stream else {
            return Ok(self);
        };
        let handshake = tls.handshake(tcp, settings, deadline.at).await;
        self.observer
            .emit(|| Event::Handshake(handshake.describe(settings)));
        let stream = match handshake.outcome {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(WireError::from(error).at(Stage::Tls, self.peer)),
            Err(_) => {
                let late = WireError::TimedOut(deadline.within);
                return Err(late.at(Stage::Tls, self.peer));
            }
        };
        self.observer.encrypted(tls::version(&stream));
        Ok(Self {
            stream: Stream::Tls(Box::new(stream)),
            framer: Framer::new(),
            peer: self.peer,
            observer: self.observer,
            secrets: self.secrets,
        })
    }

    /// Sends one command and reads its reply. `shown` is the command as the observer gets it.
    ///
    /// # Errors
    /// Where the command contains CR, LF or NUL; otherwise those of [`Wire::send_commands`] and [`Wire::reply`].
    pub async fn exchange(
        &mut self,
        stage: Stage,
        command: &str,
        shown: &str,
        within: Duration,
    ) -> Result<RawReply, Failure> {
        self.observer.line(Side::Postern, || shown.to_owned());
        let deadline = Deadline::after(within);
        let mut line = Zeroizing::new(Vec::with_capacity(command.len() + 2));
        let outcome = async {
            push_line(&mut line, &[command])?;
            self.send_commands(&line, deadline).await?;
            self.reply(deadline).await
        };
        let outcome = outcome.await;
        outcome.map_err(|error| error.at(stage, self.peer))
    }

    /// Writes command lines, provided that nothing came since the last reply.
    ///
    /// # Errors
    /// [`WireError::Extra`] and [`WireError::Refused`] where a reply came before; otherwise where the
    /// connection fails or the deadline passes.
    pub async fn send_commands(
        &mut self,
        lines: &[u8],
        deadline: Deadline,
    ) -> Result<(), WireError> {
        if let Some(reply) = self.unsolicited(deadline).await? {
            return Err(WireError::before_command(reply));
        }
        let mut rest = lines;
        let written = self.write(&mut rest, usize::MAX, deadline, || true);
        match written.await {
            Err(WireError::Refused(reply)) => Err(WireError::before_command(reply)),
            other => other,
        }
    }

    /// Writes a piece of a body and the `commands` bytes of command lines behind it; `piece` keeps
    /// what was not written. The relay may refuse the mail while parts of the body are left; any
    /// other reply before then is an error. `may_write` is asked before each write of the body.
    ///
    /// # Errors
    /// [`WireError::Refused`] and [`WireError::Extra`] where a reply came before the body was written, and
    /// [`WireError::GivenUp`] where it may not be; otherwise where the connection fails or the deadline
    /// passes.
    pub async fn send_body(
        &mut self,
        piece: &mut &[u8],
        commands: usize,
        deadline: Deadline,
        may_write: impl Fn() -> bool,
    ) -> Result<(), WireError> {
        match self.unsolicited(deadline).await? {
            None => self.write(piece, commands, deadline, may_write).await,
            Some(reply) => Err(WireError::within_body(reply)),
        }
    }

    /// A reply that is there without a command. Waits only for the rest of one that has begun.
    ///
    /// # Errors
    /// Where the connection has ended, and those of [`Wire::reply`] for a reply that has begun.
    pub async fn unsolicited(&mut self, deadline: Deadline) -> Result<Option<RawReply>, WireError> {
        if self.has_unread().await? {
            return self.reply(deadline).await.map(Some);
        }
        Ok(None)
    }

    /// Writes all of `rest`. While more than `unheard` bytes are left it listens, and asks `may_write` before
    /// each write.
    async fn write(
        &mut self,
        rest: &mut &[u8],
        unheard: usize,
        deadline: Deadline,
        may_write: impl Fn() -> bool,
    ) -> Result<(), WireError> {
        let writing = duplex::write(&mut self.stream, &mut self.framer, rest, unheard, may_write);
        match timeout_at(deadline.at, writing).await {
            Ok(Ok(WriteOutcome::All)) => Ok(()),
            Ok(Ok(WriteOutcome::Withheld)) => Err(WireError::GivenUp),
            Ok(Ok(WriteOutcome::Interrupted)) => {
                Err(WireError::within_body(self.reply(deadline).await?))
            }
            // A relay that closes the connection over a refusal sends the refusal before.
            Ok(Err(error)) => match self.reply(deadline).await {
                Ok(reply) if reply.code >= 400 => Err(WireError::Refused(reply)),
                _ => Err(error.into()),
            },
            Err(_) => Err(WireError::TimedOut(deadline.within)),
        }
    }

    /// The next whole reply.
    ///
    /// # Errors
    /// Where the connection ends, the reply is malformed, or the deadline passes.
    pub async fn reply(&mut self, deadline: Deadline) -> Result<RawReply, WireError> {
        let reading = async {
            loop {
                if let Some(reply) = self.framer.next()? {
                    return Ok(reply);
                }
                match self.stream.read(self.framer.space()).await? {
                    0 => return Err(WireError::Closed),
                    count => self.framer.filled(count),
                }
            }
        };
        let read = timeout_at(deadline.at, reading)
            .await
            .unwrap_or(Err(WireError::TimedOut(deadline.within)));
        read.map(|reply| self.received(reply))
            .map_err(|error| self.unreceived(error))
    }

    /// Writes what there is to write until a whole reply came, a piece is written, or `limit` is reached. It is
    /// called before each write with the number of octets written, and returns the number up to which may be
    /// written. Nothing is lost where the future is dropped.
    ///
    /// # Errors
    /// As for [`Wire::reply`]; where the relay ended its stream after an error of writing, that error.
    pub async fn advance(
        &mut self,
        unwritten: &mut Unwritten,
        limit: impl Fn(u64) -> u64,
        deadline: Deadline,
    ) -> Result<Advance, WireError> {
        let advancing = async {
            loop {
                if let Some(reply) = self.framer.next()? {
                    return Ok(Advance::Reply(reply));
                }
                let (stream, framer) = (&mut self.stream, &mut self.framer);
                match duplex::advance(stream, framer, unwritten, &limit).await? {
                    Progress::Written => return Ok(Advance::Written),
                    Progress::Withheld => return Ok(Advance::Withheld),
                    Progress::Read => {}
                    Progress::Closed => {
                        let error = unwritten.take_error().map(WireError::Io);
                        return Err(error.unwrap_or(WireError::Closed));
                    }
                }
            }
        };
        let advanced = timeout_at(deadline.at, advancing)
            .await
            .unwrap_or(Err(WireError::TimedOut(deadline.within)));
        match advanced {
            Ok(Advance::Reply(reply)) => Ok(Advance::Reply(self.received(reply))),
            Ok(other) => Ok(other),
            Err(error) => Err(self.unreceived(error)),
        }
    }

    /// A reply without secrets, which the observer gets too.
    fn received(&mut self, mut reply: RawReply) -> RawReply {
        self.secrets.redact(&mut reply.bytes);
        self.observe(&reply);
        reply
    }

    /// Why there is no reply. The observer gets what came of it.
    fn unreceived(&mut self, error: WireError) -> WireError {
        if let WireError::Malformed(Malformed::Tls) = error {
            return error;
        }
        let mut unfinished = self.framer.unfinished();
        self.secrets.redact(&mut unfinished.bytes);
        self.observe(&unfinished);
        match error {
            WireError::TimedOut(within) if !unfinished.bytes.is_empty() => {
                WireError::Unfinished(within)
            }
            other => other,
        }
    }

    fn observe(&self, reply: &RawReply) {
        if !self.observer.is_active() {
            return;
        }
        for line in reply.shown_lines() {
            // A challenge of a sign-in may hold a secret.
            let challenge = reply.code == 334;
            self.observer.line(Side::Relay, || match challenge {
                true => format!("334 {REDACTED}"),
                false => line,
            });
        }
    }

    /// Whether bytes are there that no command asked for. Does not wait.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub async fn has_unread(&mut self) -> Result<bool, WireError> {
        if !self.framer.is_empty() {
            return Ok(true);
        }
        poll_fn(|context| {
            Poll::Ready(
                match poll_read(&mut self.stream, &mut self.framer, context) {
                    Poll::Pending => Ok(false),
                    Poll::Ready(Ok(0)) => Err(WireError::Closed),
                    Poll::Ready(Ok(_)) => Ok(true),
                    Poll::Ready(Err(error)) => Err(error.into()),
                },
            )
        })
        .await
    }

    /// The failure of a session at `stage`, with the relay's address.
    pub fn failure(&self, stage: Stage, error: WireError) -> Failure {
        error.at(stage, self.peer)
    }

    /// Closes the connection, within TLS with a `close_notify` alert.
    ///
    /// # Errors
    /// Where the connection fails before.
    pub async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use domain::Fault;
    use tokio::net::TcpListener;
    use tokio::task::yield_now;
    use tokio::time::{Instant, advance, timeout};

    use super::*;

    /// More than the buffers of both sockets hold.
    const LARGE: usize = 32 * 1024 * 1024;

    /// A connection to a relay, and the relay's end of it.
    async fn connected() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (near, relay) = tokio::join!(TcpStream::connect(address), listener.accept());
        let wire = Wire::new(near.expect("connects"), SessionObserver::none());
        (wire.expect("a peer"), relay.expect("a client").0)
    }

    #[tokio::test]
    async fn a_command_that_the_relay_does_not_read_ends_at_the_deadline() {
        let (mut wire, relay) = connected().await;
        let command = "x".repeat(LARGE);
        let within = Duration::from_millis(200);
        let exchange = wire.exchange(Stage::Mail, &command, "", within);
        let ended = timeout(Duration::from_secs(60), exchange).await;
        let failure = ended.expect("it ends").expect_err("no reply");
        assert_eq!(
            (failure.stage, failure.fault),
            (Stage::Mail, Fault::TimedOut)
        );
        drop(relay);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_and_its_reply_have_one_deadline() {
        let (mut wire, mut relay) = connected().await;
        let command = "x".repeat(LARGE);
        let within = Duration::from_secs(100);
        let is_read = Cell::new(false);
        let slow_relay = async {
            relay.read_u8().await.expect("the command begins");
            advance(within * 3 / 4).await;
            let mut rest = vec![0; LARGE + 1];
            relay.read_exact(&mut rest).await.expect("the command");
            is_read.set(true);
        };
        // The paused clock advances while no task is ready; before the relay has read the command it must not.
        let busy = async {
            while !is_read.get() {
                yield_now().await;
            }
        };
        let begun = Instant::now();
        let exchange = wire.exchange(Stage::Mail, &command, "", within);
        let (ended, (), ()) = tokio::join!(exchange, slow_relay, busy);
        let failure = ended.expect_err("no reply");
        assert_eq!(
            (failure.stage, failure.fault),
            (Stage::Mail, Fault::TimedOut)
        );
        assert_eq!(begun.elapsed().as_secs(), within.as_secs());
    }
}
