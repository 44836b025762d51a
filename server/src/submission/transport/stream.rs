//! The stream of a client: TCP, TLS or a Unix socket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::submission::protocol::replies::SmtpReply;

/// A stream of octets to and from a client.
pub enum SubmissionStream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl SubmissionStream {
    /// Waits for the TLS handshake of the client.
    ///
    /// # Errors
    /// Where it fails, and where the stream is not plain TCP.
    pub async fn secure(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => {
                let stream = acceptor.accept(stream).await?;
                Ok(Self::Tls(Box::new(stream)))
            }
            Self::Tls(_) | Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends a reply within a time, and closes the connection. The client learns of errors by itself.
    pub async fn refuse(mut self, reply: &SmtpReply, limit: Duration) {
        let mut text = Vec::new();
        reply.write_to(&mut text);
        let sending = async {
            self.write_all(&text).await?;
            self.shutdown().await
        };
        let _ = timeout(limit, sending).await;
    }
}

/// Closes the sending half within a time: TLS sends a last record, which a client may not read.
///
/// # Errors
/// Where the client is gone, or the time has passed.
pub async fn shut_down(stream: &mut (impl AsyncWrite + Unpin), limit: Duration) -> io::Result<()> {
    timeout(limit, stream.shutdown()).await?
}

impl AsyncRead for SubmissionStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for SubmissionStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that reads nothing.
    struct StuckStream;

    impl AsyncWrite for StuckStream {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_does_not_hold_the_end() {
        let closed = shut_down(&mut StuckStream, Duration::from_secs(9)).await;
        let error = closed.expect_err("the time has passed");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
