//! A TCP connection that keeps its first bytes, to name a server that does not answer in TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How many bytes are kept: enough for the first line of a web server's answer.
const KEPT: usize = 80;

/// A TCP connection and the first bytes that were read from it.
pub(crate) struct FirstBytes {
    tcp: TcpStream,
    kept: Vec<u8>,
}

impl FirstBytes {
    pub fn new(tcp: TcpStream) -> Self {
        Self {
            tcp,
            kept: Vec::new(),
        }
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The first line that was read, without its line end, cut to 80 bytes.
    pub fn first_line(&self) -> &[u8] {
        let mut lines = self.kept.split(|byte| matches!(byte, b'\r' | b'\n'));
        lines.next().unwrap_or_default()
    }
}

impl AsyncRead for FirstBytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.tcp).poll_read(context, buffer);
        let free = KEPT - self.kept.len();
        let read = buffer.filled()[before..].iter().take(free);
        self.kept.extend(read);
        outcome
    }
}

impl AsyncWrite for FirstBytes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
