//! A stream that fails where a request head does not arrive within a time of its first octet.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::waiting::Activity;

/// The stream of a connection, with the time limit of its request heads.
pub struct HeadTimeout<S> {
    stream: S,
    activity: Arc<Activity>,
    /// `None` for HTTP/2, whose frames are more than request heads.
    limit: Option<HeadLimit>,
}

struct HeadLimit {
    time: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl<S> HeadTimeout<S> {
    pub fn new(stream: S, activity: Arc<Activity>, limit: Option<Duration>) -> Self {
        Self {
            stream,
            activity,
            limit: limit.map(|time| HeadLimit {
                time,
                deadline: Box::pin(sleep(time)),
            }),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeout<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.activity.received();
        }
        if read.is_pending()
            && let Some(limit) = &mut this.limit
            && let Some(begun) = this.activity.head_begun()
        {
            let end = begun + limit.time;
            if limit.deadline.deadline() != end {
                limit.deadline.as_mut().reset(end);
            }
            ready!(limit.deadline.as_mut().poll(context));
            return Poll::Ready(Err(Error::from(ErrorKind::TimedOut)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> HeadTimeout<S> {
    fn sent(&self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.activity.sent();
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
