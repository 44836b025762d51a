//! Writing to a relay while listening to it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;
use super::unwritten::Unwritten;
use crate::smtp::wire::reply::Framer;

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// Everything is written and flushed.
    All,
    /// Bytes from the relay came first, or the end of its stream.
    Interrupted,
    /// No more of the mail may be written.
    Withheld,
}

/// Writes all of `rest`, which keeps what is not written. While more than `unheard` bytes are left it
/// listens to the relay, and asks `may_write` before each write. Where `unheard` is 0 it listens also
/// while flushing.
pub(crate) async fn write(
    stream: &mut Stream,
    framer: &mut Framer,
    rest: &mut &[u8],
    unheard: usize,
    may_write: impl Fn() -> bool,
) -> io::Result<WriteOutcome> {
    poll_fn(|context| {
        loop {
            if rest.len() > unheard && !may_write() {
                return Poll::Ready(Ok(WriteOutcome::Withheld));
            }
            let progress = if rest.is_empty() {
                Pin::new(&mut *stream).poll_flush(context).map_ok(|()| 0)
            } else {
                Pin::new(&mut *stream).poll_write(context, rest)
            };
            match progress {
                Poll::Ready(Ok(_)) if rest.is_empty() => return Poll::Ready(Ok(WriteOutcome::All)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => *rest = &rest[count..],
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if rest.len() > unheard || unheard == 0 => {
                    return poll_read(stream, framer, context)
                        .map_ok(|_| WriteOutcome::Interrupted);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// What happened first on a connection that is written to and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A piece was written, or the last one flushed.
    Written,
    /// Everything up to the limit is written and flushed.
    Withheld,
    /// Bytes from the relay are in the framer.
    Read,
    /// The relay ended its stream.
    Closed,
}

/// Writes what there is to write and reads what the relay sends, whichever is possible: a relay that
/// stops reading until its replies are read must not wait for ever. After an error of writing it only
/// reads: the reply that explains the error may be there.
///
/// `limit` is called before each write with the number of octets written, and returns the number up to which
/// may be written.
pub(crate) async fn advance(
    stream: &mut Stream,
    framer: &mut Framer,
    unwritten: &mut Unwritten,
    limit: impl Fn(u64) -> u64,
) -> io::Result<Progress> {
    poll_fn(|context| {
        loop {
            match poll_read(stream, framer, context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Progress::Closed)),
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(Progress::Read)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if unwritten.is_done() => return Poll::Pending,
                Poll::Pending => {}
            }
            match poll_write(stream, unwritten, &limit, context) {
                Poll::Ready(Ok(progress)) => return Poll::Ready(Ok(progress)),
                Poll::Ready(Err(error)) => unwritten.fail(error),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// Writes a piece up to the limit, or flushes where all that may be is written.
fn poll_write(
    stream: &mut Stream,
    unwritten: &mut Unwritten,
    limit: &impl Fn(u64) -> u64,
    context: &mut Context<'_>,
) -> Poll<io::Result<Progress>> {
    while !unwritten.piece().is_empty() {
        let written = unwritten.written();
        let allowed = limit(written).saturating_sub(written);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        let piece = unwritten.piece();
        let piece = &piece[..piece.len().min(allowed)];
        if piece.is_empty() {
            // The relay answers what it has.
            ready!(Pin::new(&mut *stream).poll_flush(context))?;
            return Poll::Ready(Ok(Progress::Withheld));
        }
        let count = ready!(Pin::new(&mut *stream).poll_write(context, piece))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        if unwritten.wrote(count) {
            return Poll::Ready(Ok(Progress::Written));
        }
    }
    ready!(Pin::new(stream).poll_flush(context))?;
    unwritten.set_flushed();
    Poll::Ready(Ok(Progress::Written))
}

/// Reads what is there into the framer. Returns the number of bytes, 0 at the end of the stream.
pub(crate) fn poll_read(
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
