//! Listens on TCP, with TLS from the first octet or without, and on a Unix socket.

use std::io;
use std::sync::Arc;

use engine::OpenInterface;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::client::SubmissionPeer;
use super::protocol::replies::{self, SmtpReply};
use super::service::SubmissionService;
use super::slots::ConnectionSlots;
use super::transport::connection::{SubmissionConnection, stopping};
use super::transport::stream::SubmissionStream;
use crate::sockets::accept::next_connection;
use crate::sockets::peer;
use crate::sockets::unix_listener::SocketFile;

/// A socket that listens.
pub enum SubmissionListener {
    /// For clients that begin TLS with STARTTLS, or do without.
    Plain(TcpListener),
    /// For clients that begin with TLS.
    Implicit(TcpListener, TlsAcceptor),
    Unix(UnixListener),
}

impl SubmissionListener {
    /// The next connection. Nothing is lost where the future is dropped.
    async fn accept(&self) -> io::Result<(SubmissionStream, SubmissionPeer)> {
        match self {
            Self::Plain(listener) | Self::Implicit(listener, _) => {
                let (stream, address) = listener.accept().await?;
                // A reply does not wait for the next one.
                let _ = stream.set_nodelay(true);
                let client = SubmissionPeer::tcp(address.ip());
                Ok((SubmissionStream::Tcp(stream), client))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = peer::of(&stream)?;
                let client = SubmissionPeer::Unix(peer.uid);
                Ok((SubmissionStream::Unix(stream), client))
            }
        }
    }

    /// Accepts connections until the process stops, and waits until all have ended. `file` is that of a Unix
    /// socket, which is removed before the socket is closed.
    pub async fn serve(
        self,
        service: Arc<SubmissionService>,
        interface: OpenInterface,
        slots: ConnectionSlots,
        file: Option<SocketFile>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let acceptor = match &self {
            Self::Implicit(_, acceptor) => Some(acceptor.clone()),
            Self::Plain(_) | Self::Unix(_) => None,
        };
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let fault = "no submission connection can be accepted";
            let (stream, client) = tokio::select! {
                accepted = next_connection(fault, || self.accept()) => accepted,
                () = stopping(&mut stopped) => break,
            };
            match slots.take(client.key()) {
                Some(slot) => {
                    let connection = NewConnection {
                        service: service.clone(),
                        interface: interface.clone(),
                        client,
                        stopped: stopped.clone(),
                    };
                    let acceptor = acceptor.clone();
                    connections.spawn(async move {
                        connection.run(stream, acceptor).await;
                        drop(slot);
                    });
                }
                None if acceptor.is_none() => {
                    let limit = service.limits.write;
                    connections.spawn(async move {
                        stream.refuse(&replies::TOO_MANY_CONNECTIONS, limit).await;
                    });
                }
                None => {}
            }
        }
        drop(file);
        drop(self);
        while connections.join_next().await.is_some() {}
    }
}

/// An accepted connection, before its TLS handshake.
struct NewConnection {
    service: Arc<SubmissionService>,
    interface: OpenInterface,
    client: SubmissionPeer,
    stopped: watch::Receiver<bool>,
}

impl NewConnection {
    async fn run(mut self, stream: SubmissionStream, acceptor: Option<TlsAcceptor>) {
        let limit = self.service.limits.write;
        let stream = match acceptor {
            None => stream,
            Some(acceptor) => {
                let secured = tokio::select! {
                    secured = timeout(limit, stream.secure(&acceptor)) => secured,
                    // A session would end with its first reply.
                    () = stopping(&mut self.stopped) => return,
                };
                match secured {
                    Ok(Ok(secured)) => secured,
                    Ok(Err(error)) => {
                        tracing::debug!(client = %self.client, %error, "TLS failed");
                        return;
                    }
                    Err(_) => return,
                }
            }
        };
        let local = match self.service.local_actor(self.client).await {
            Ok(local) => local,
            Err(refusal) => {
                let refused = SmtpReply {
                    code: 421,
                    status: "4.3.0",
                    ..replies::refused(&refusal)
                };
                stream.refuse(&refused, limit).await;
                return;
            }
        };
        let connection = SubmissionConnection::new(
            self.service,
            self.interface,
            self.client,
            stream,
            local,
            self.stopped,
        );
        connection.run().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_reply_is_sent_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("a connection");
        let accepted = SubmissionListener::Plain(listener).accept().await;
        let Ok((SubmissionStream::Tcp(stream), _)) = accepted else {
            panic!("not a connection over TCP");
        };
        assert!(stream.nodelay().expect("a socket option"));
    }
}
