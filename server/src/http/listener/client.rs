//! What a connection is served with: its client, the router and the limits.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;

use super::head_timeout::HeadTimeout;
use super::limits::Limits;
use super::stream::ClientStream;
use super::waiting::Activity;

/// The stream of a client within the time limits, as hyper takes it.
pub type LimitedStream = TokioIo<HeadTimeout<Pin<Box<TimeoutStream<ClientStream>>>>>;

/// A client that connected, and what serves it.
pub struct Client {
    pub peer: SocketAddr,
    pub router: Router,
    pub limits: Limits,
    pub activity: Arc<Activity>,
    /// True once the process stops.
    pub stopped: watch::Receiver<bool>,
}

impl Client {
    /// The stream within the limit of time for a part of a response, and within `head` for a request head.
    pub fn limit(&self, stream: ClientStream, head: Option<Duration>) -> LimitedStream {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write));
        let activity = self.activity.clone();
        TokioIo::new(HeadTimeout::new(Box::pin(stream), activity, head))
    }
}

/// Waits until the process stops, and then so long.
pub async fn drained(stopped: &mut watch::Receiver<bool>, time: Duration) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
    sleep(time).await;
}
