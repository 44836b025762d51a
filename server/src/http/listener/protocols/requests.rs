//! The requests of a connection: the router as hyper's service.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Response, Uri, Version};
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use crate::http::listener::client::Client;
use crate::http::listener::waiting::{Activity, RequestInProgress};

/// What was seen of the requests of a connection.
#[derive(Default)]
pub struct SeenRequests {
    any: AtomicBool,
    /// Whether the last one has a body, which may not have been read.
    body: AtomicBool,
}

impl SeenRequests {
    pub fn are_any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    pub fn last_has_body(&self) -> bool {
        self.body.load(Ordering::Relaxed)
    }
}

/// The router as hyper's service. Each request carries the address of the client.
pub struct Requests {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
    seen: Arc<SeenRequests>,
    activity: Arc<Activity>,
    stopped: watch::Receiver<bool>,
}

impl Requests {
    pub fn of(client: &Client) -> Self {
        Self {
            router: TowerToHyperService::new(client.router.clone()),
            peer: client.peer,
            seen: Arc::default(),
            activity: client.activity.clone(),
            stopped: client.stopped.clone(),
        }
    }

    pub fn seen(&self) -> Arc<SeenRequests> {
        self.seen.clone()
    }
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<ResponseBody>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let is_http2 = request.version() == Version::HTTP_2;
        if is_http2 {
            name_host(&mut request);
        }
        let has_body = !request.body().is_end_stream();
        self.seen.any.store(true, Ordering::Relaxed);
        self.seen.body.store(has_body, Ordering::Relaxed);
        let mut progress = self.activity.begin_request();
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let responding = self.router.call(request);
        let stopped = self.stopped.clone();
        Box::pin(async move {
            let mut response = responding.await?;
            progress.respond();
            // HTTP/2 has a frame for that.
            if !is_http2 && *stopped.borrow() {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok(response.map(|body| ResponseBody {
                body,
                _progress: progress,
            }))
        })
    }
}

/// Gives a request of HTTP/2 the Host and the target that it would have over HTTP/1.1, from its
/// pseudo-header fields (RFC 9113 section 8.3.1): no handler has to distinguish the two.
fn name_host<B>(request: &mut Request<B>) {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(target);
    }
}

/// The body of a response. When hyper drops it, the response has ended.
pub struct ResponseBody {
    body: Body,
    _progress: RequestInProgress,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_http2_has_its_authority_as_host() {
        for (target, given, host, expected) in [
            ("https://gate:8443/a?b=c", None, Some("gate:8443"), "/a?b=c"),
            ("https://gate", Some("other"), Some("gate"), "/"),
            ("/a", Some("gate"), Some("gate"), "/a"),
            ("/a", None, None, "/a"),
        ] {
            let mut request = Request::builder().uri(target);
            if let Some(given) = given {
                request = request.header(HOST, given);
            }
            let mut request = request.body(()).expect("a request");
            name_host(&mut request);
            let found = request.headers().get(HOST).map(HeaderValue::as_bytes);
            assert_eq!(found, host.map(str::as_bytes), "{target}");
            assert_eq!(request.uri(), expected, "{target}");
            assert_eq!(request.headers().len(), usize::from(host.is_some()));
        }
    }
}
