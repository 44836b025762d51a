//! Commands out, replies in: each within its time, and no reply nobody asked for.

pub(super) mod capabilities;
pub(super) mod error;
pub(super) mod first_bytes;
pub(super) mod reply;
pub(super) mod secrets;
pub(super) mod stream;
pub(super) mod tls;
pub(super) mod tls_failure;
#[cfg(test)]
mod tls_tests;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::event::Side;
use domain::{Event, Failure, SmtpSettings, Stage};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::smtp::observer::SessionObserver;
use crate::smtp::wire::error::WireError;
use crate::smtp::wire::reply::{Framer, Malformed, RawReply};
use crate::smtp::wire::secrets::{STRUCK, Secrets};
use crate::smtp::wire::stream::Stream;
use crate::smtp::wire::tls::Tls;

/// When something must be over: a whole command and its whole reply, however they trickle.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    within: Duration,
}

impl Deadline {
    pub fn after(within: Duration) -> Self {
        Self {
            at: Instant::now() + within,
            within,
        }
    }
}

/// A connection to a relay.
pub(crate) struct Wire {
    stream: Stream,
    framer: Framer,
    peer: SocketAddr,
    observer: SessionObserver,
    secrets: Secrets,
}

impl Wire {
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

    /// What is kept secret is struck out of every reply from now on.
    pub fn secrets(&mut self) -> &mut Secrets {
        &mut self.secrets
    }

    /// This end's address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.tcp().local_addr()
    }

    /// The TLS version, as in `TLS 1.3`; none while nothing is encrypted.
    pub fn encryption(&self) -> Option<&'static str> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(tls) => Some(tls::version(tls)),
        }
    }

    /// The TLS handshake. What was read in the clear and not handed out is thrown away; whoever
    /// calls has made sure that there is nothing.
    pub async fn secure(
        self,
        tls: &Tls,
        settings: &SmtpSettings,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let Stream::Plain(tcp) = self.stream else {
            return Ok(self);
        };
        let (seen, attempt) = tls.handshake(tcp, settings, deadline.at).await;
        self.observer
            .tell(|| Event::Handshake(tls::told(&seen, settings, &attempt)));
        let stream = match attempt {
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

    /// One command, one reply. `told` is the command as it may be shown.
    pub async fn exchange(
        &mut self,
        stage: Stage,
        command: &str,
        told: &str,
        within: Duration,
    ) -> Result<RawReply, Failure> {
        self.observer.line(Side::Postern, || told.to_owned());
        let deadline = Deadline::after(within);
        let mut line = Zeroizing::new(Vec::with_capacity(command.len() + 2));
        let outcome = match push_line(&mut line, &[command]) {
            Ok(()) => self.converse(&line, deadline).await,
            Err(error) => Err(error),
        };
        outcome.map_err(|error| error.at(stage, self.peer))
    }

    async fn converse(&mut self, line: &[u8], deadline: Deadline) -> Result<RawReply, WireError> {
        self.ask(line, deadline).await?;
        self.reply(deadline).await
    }

    /// Writes commands, provided that nothing came since the last reply.
    pub async fn ask(&mut self, lines: &[u8], deadline: Deadline) -> Result<(), WireError> {
        match self.unasked(deadline).await? {
            None => match self.write(&mut &lines[..], usize::MAX, deadline).await {
                Err(WireError::Refused(reply)) => Err(notice(reply)),
                other => other,
            },
            Some(reply) => Err(notice(reply)),
        }
    }

    /// Writes a piece of mail, of which `piece` keeps what could not be written, and the commands
    /// behind it. A relay may refuse the mail before it has all of it; nothing else may come before
    /// only the commands are left.
    pub async fn pour(
        &mut self,
        piece: &mut &[u8],
        commands: usize,
        deadline: Deadline,
    ) -> Result<(), WireError> {
        match self.unasked(deadline).await? {
            None => self.write(piece, commands, deadline).await,
            Some(reply) => Err(interjection(reply)),
        }
    }

    /// A reply that is here without having been asked for. Waits only for the rest of one.
    pub async fn unasked(&mut self, deadline: Deadline) -> Result<Option<RawReply>, WireError> {
        if self.has_unread().await? {
            return self.reply(deadline).await.map(Some);
        }
        Ok(None)
    }

    /// Writes all of `rest`, and listens until no more than `deaf` bytes are left.
    async fn write(
        &mut self,
        rest: &mut &[u8],
        deaf: usize,
        deadline: Deadline,
    ) -> Result<(), WireError> {
        let writing = write(&mut self.stream, &mut self.framer, rest, deaf);
        match timeout_at(deadline.at, writing).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(interjection(self.reply(deadline).await?)),
            // A relay that has had enough says so before it hangs up.
            Ok(Err(error)) => match self.reply(deadline).await {
                Ok(said) if said.code >= 400 => Err(WireError::Refused(said)),
                _ => Err(error.into()),
            },
            Err(_) => Err(WireError::TimedOut(deadline.within)),
        }
    }

    /// The next reply, whole.
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
        match read {
            Ok(mut reply) => {
                self.secrets.strike(&mut reply.bytes);
                self.overheard(&reply);
                Ok(reply)
            }
            Err(WireError::Malformed(Malformed::Tls)) => Err(Malformed::Tls.into()),
            Err(interruption) => {
                let mut unfinished = self.framer.unfinished();
                self.secrets.strike(&mut unfinished.bytes);
                self.overheard(&unfinished);
                match interruption {
                    WireError::TimedOut(within) if !unfinished.bytes.is_empty() => {
                        Err(WireError::Unfinished(within))
                    }
                    other => Err(other),
                }
            }
        }
    }

    fn overheard(&self, reply: &RawReply) {
        if !self.observer.listens() {
            return;
        }
        for line in reply.shown_lines() {
            // A challenge may hold what only the two know.
            let challenge = reply.code == 334;
            self.observer.line(Side::Relay, || match challenge {
                true => format!("334 {STRUCK}"),
                false => line,
            });
        }
    }

    /// Whether something is here that no command asked for. Does not wait.
    pub async fn has_unread(&mut self) -> Result<bool, WireError> {
        if !self.framer.is_empty() {
            return Ok(true);
        }
        poll_fn(|context| {
            Poll::Ready(match read(&mut self.stream, &mut self.framer, context) {
                Poll::Pending => Ok(false),
                Poll::Ready(Ok(0)) => Err(WireError::Closed),
                Poll::Ready(Ok(_)) => Ok(true),
                Poll::Ready(Err(error)) => Err(error.into()),
            })
        })
        .await
    }

    /// What a person is told of an interruption.
    pub fn failure(&self, stage: Stage, interruption: WireError) -> Failure {
        interruption.at(stage, self.peer)
    }

    /// Ends the connection in good order.
    pub async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// Adds a command, which may come in parts, and its line end. Nothing that could begin another
/// command passes.
pub(crate) fn push_line(lines: &mut Vec<u8>, command: &[&str]) -> Result<(), WireError> {
    for part in command {
        if memchr::memchr3(b'\r', b'\n', 0, part.as_bytes()).is_some() {
            return Err(WireError::LineBreak);
        }
        lines.extend_from_slice(part.as_bytes());
    }
    lines.extend_from_slice(b"\r\n");
    Ok(())
}

/// Said before a command could be.
fn notice(reply: RawReply) -> WireError {
    match reply.code {
        421 => WireError::Refused(reply),
        _ => WireError::Extra(reply),
    }
}

/// Said in the middle of a mail.
fn interjection(reply: RawReply) -> WireError {
    match reply.code {
        400.. => WireError::Refused(reply),
        _ => WireError::Extra(reply),
    }
}

/// Writes all of `rest`. Where it listens it ends early, with `false`, when the relay speaks.
async fn write(
    stream: &mut Stream,
    framer: &mut Framer,
    rest: &mut &[u8],
    deaf: usize,
) -> io::Result<bool> {
    poll_fn(|context| {
        loop {
            let progress = if rest.is_empty() {
                Pin::new(&mut *stream).poll_flush(context).map_ok(|()| 0)
            } else {
                Pin::new(&mut *stream).poll_write(context, rest)
            };
            match progress {
                Poll::Ready(Ok(_)) if rest.is_empty() => return Poll::Ready(Ok(true)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => *rest = &rest[count..],
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // Flushing is part of what was written last.
                Poll::Pending if rest.len() > deaf || deaf == 0 => {
                    return read(stream, framer, context).map_ok(|_| false);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

fn read(
    stream: &mut Stream,
    framer: &mut Framer,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(framer.space());
    let outcome = Pin::new(stream).poll_read(context, &mut buffer);
    let count = buffer.filled().len();
    framer.filled(count);
    outcome.map_ok(|()| count)
}
