//! One client connection: its requests, and how it is closed.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::Response;
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

use super::head_timeout::HeadTimeout;
use super::limits::Limits;
use super::waiting::{Activity, Waiting};

/// How long, and how many bytes, a client may still send after the last response. A client that sends
/// when its connection is reset may lose a response that it has not read.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_MAX: u64 = 64 * 1024 * 1024;

type ClientStream = HeadTimeout<Pin<Box<TimeoutStream<TcpStream>>>>;

/// A connection that was accepted.
pub struct Connection {
    http: http1::Connection<TokioIo<ClientStream>, Requests>,
    activity: Arc<Activity>,
    requests: Arc<Seen>,
}

/// What was seen of the requests of a connection.
#[derive(Default)]
struct Seen {
    any: AtomicBool,
    /// Whether the last one has a body, which may not have been read.
    body: AtomicBool,
}

impl Connection {
    pub fn new(
        http: &http1::Builder,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        limits: &Limits,
        waiting: Arc<Waiting>,
    ) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write));
        let activity = Activity::new(waiting);
        let stream = HeadTimeout::new(Box::pin(stream), activity.clone(), limits.head);
        let requests = Arc::<Seen>::default();
        let service = Requests {
            router: TowerToHyperService::new(router),
            peer,
            seen: requests.clone(),
            activity: activity.clone(),
        };
        Self {
            http: http.serve_connection(TokioIo::new(stream), service),
            activity,
            requests,
        }
    }

    /// Serves requests until the connection ends. The client learns of errors by itself.
    pub async fn run(self, mut stopped: watch::Receiver<bool>) {
        let Self {
            mut http,
            activity,
            requests,
        } = self;
        let leave = async {
            tokio::select! {
                () = activity.closed() => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        };
        tokio::select! {
            biased;
            _ = poll_fn(|context| http.poll_without_shutdown(context)) => {}
            () = leave => {
                // hyper would wait for the rest of a first head.
                if !requests.any.load(Ordering::Relaxed) {
                    return;
                }
                Pin::new(&mut http).graceful_shutdown();
                let _ = poll_fn(|context| http.poll_without_shutdown(context)).await;
            }
        }
        let mut stream = http.into_parts().io.into_inner();
        activity.finish();
        if stream.shutdown().await.is_err() || !requests.body.load(Ordering::Relaxed) {
            return;
        }
        let rest = async {
            let mut rest = stream.take(LINGER_MAX);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        };
        tokio::select! {
            _ = tokio::time::timeout(LINGER, rest) => {}
            () = activity.closed() => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    }
}

/// The router as hyper's service. Each request carries the address of the client.
struct Requests {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    seen: Arc<Seen>,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<ResponseBody>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let has_body = !request.body().is_end_stream();
        self.seen.any.store(true, Ordering::Relaxed);
        self.seen.body.store(has_body, Ordering::Relaxed);
        self.activity.request();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let responding = self.router.call(request);
        let activity = self.activity.clone();
        Box::pin(async move {
            let response = responding.await?;
            Ok(response.map(|body| ResponseBody { body, activity }))
        })
    }
}

/// The body of a response. When hyper drops it, the response has ended.
struct ResponseBody {
    body: Body,
    activity: Arc<Activity>,
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.activity.respond();
    }
}
