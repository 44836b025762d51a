//! One client connection: TLS, and the version of HTTP that it speaks.

use hyper::server::conn::{http1 as hyper1, http2 as hyper2};
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{http1, http2};
use crate::http::listener::client::{Client, drained};
use crate::http::listener::limits::Limits;
use crate::http::listener::stream::ClientStream;
use crate::tls::HTTP2;

/// What connections speak: HTTP/1.1, in TLS where there is a certificate, and then also HTTP/2.
#[derive(Clone)]
pub struct Protocols {
    tls: Option<TlsAcceptor>,
    http1: hyper1::Builder,
    http2: hyper2::Builder<TokioExecutor>,
}

impl Protocols {
    pub fn new(tls: Option<TlsAcceptor>, limits: &Limits) -> Self {
        Self {
            tls,
            http1: http1::builder(limits),
            http2: http2::builder(),
        }
    }

    /// Serves a connection until it ends.
    pub async fn serve(&self, stream: TcpStream, mut client: Client) {
        let Some(tls) = &self.tls else {
            return http1::serve(&self.http1, ClientStream::Plain(stream), client).await;
        };
        // A handshake has the time of a request head, and once the process stops that of a last request.
        let handshake = timeout(client.limits.head, tls.accept(stream));
        let secured = tokio::select! {
            secured = handshake => secured,
            () = client.activity.closed() => return,
            () = drained(&mut client.stopped, client.limits.drain) => return,
        };
        // The client learns of a failure by its alert.
        let Ok(Ok(stream)) = secured else { return };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        let stream = ClientStream::Tls(Box::new(stream));
        match is_http2 {
            true => http2::serve(&self.http2, stream, client).await,
            false => http1::serve(&self.http1, stream, client).await,
        }
    }
}
