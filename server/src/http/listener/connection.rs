//! One client connection: its requests, and how it is closed.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Response;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;

/// How long, and how many bytes, a client may still send after the last response. A client that sends
/// when its connection is reset may lose a response that it has not read.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_MAX: u64 = 64 * 1024 * 1024;

/// A connection that was accepted.
pub struct Connection {
    http: http1::Connection<TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>, Requests>,
    has_body: Arc<AtomicBool>,
}

/// How long a new connection may wait for its first request although others wait for room.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// When a connection ends after the request in progress, or at once if it is idle.
pub struct Leave {
    full: OwnedNotified,
    /// Not earlier than this where others wait for room.
    earliest: Instant,
    stopped: watch::Receiver<bool>,
}

impl Leave {
    /// Ends when `full` is notified from now on, or `stopped` becomes true.
    pub fn new(full: &Arc<Notify>, stopped: watch::Receiver<bool>) -> Self {
        Self {
            full: full.clone().notified_owned(),
            earliest: Instant::now() + FIRST_REQUEST,
            stopped,
        }
    }
}

impl Connection {
    /// A client that takes nothing of a response for the time `write` is gone.
    pub fn new(
        http: &http1::Builder,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        write: Duration,
    ) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(write));
        let stream = Box::pin(stream);
        let has_body = Arc::new(AtomicBool::new(false));
        let requests = Requests {
            router: TowerToHyperService::new(router),
            peer,
            has_body: has_body.clone(),
        };
        Self {
            http: http.serve_connection(TokioIo::new(stream), requests),
            has_body,
        }
    }

    /// Serves requests until the connection ends. The client learns of errors by itself.
    pub async fn run(self, leave: Leave) {
        let Self { mut http, has_body } = self;
        let Leave {
            full,
            earliest,
            mut stopped,
        } = leave;
        let make_room = async {
            full.await;
            tokio::time::sleep_until(earliest).await;
        };
        tokio::select! {
            _ = poll_fn(|context| http.poll_without_shutdown(context)) => {}
            () = async {
                tokio::select! {
                    () = make_room => {}
                    _ = stopped.wait_for(|stopped| *stopped) => {}
                }
            } => {
                Pin::new(&mut http).graceful_shutdown();
                let _ = poll_fn(|context| http.poll_without_shutdown(context)).await;
            }
        }
        let mut stream = http.into_parts().io.into_inner();
        if stream.shutdown().await.is_err() || !has_body.load(Ordering::Relaxed) {
            return;
        }
        let rest = async {
            let mut rest = stream.take(LINGER_MAX);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        };
        tokio::select! {
            _ = tokio::time::timeout(LINGER, rest) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// The router as hyper's service. Each request carries the address of the client.
struct Requests {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    /// Whether the last request has a body, which may not have been read.
    has_body: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let has_body = !request.body().is_end_stream();
        self.has_body.store(has_body, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        Box::pin(self.router.call(request))
    }
}
