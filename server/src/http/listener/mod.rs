//! Accepts connections within limits of their number, and serves them.
//!
//! The loop that axum brings gives hyper no timer and has no limits: a client that sends half a head,
//! or vanishes silently, would keep a descriptor for ever.

mod addresses;
mod connection;
mod head_timeout;
mod limits;
mod waiting;

use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use addresses::Addresses;
pub use addresses::network as client_network;
use connection::Connection;
pub use limits::Limits;
use waiting::Waiting;

/// The largest request head, in bytes. A larger one is answered 431.
const HEAD_MAX: usize = 16 * 1024;

/// How long one connection may take to close before another one is closed to make room.
const CLOSE: Duration = Duration::from_millis(100);

/// The pause after an accept failed.
const RETRY_ACCEPT: Duration = Duration::from_secs(1);

/// Serves connections until `stop` completes, and then until the requests in progress have ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(HEAD_MAX);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::new(limits.per_address, limits.proxies.clone());
    let waiting = Arc::<Waiting>::default();
    let (stopping, stopped) = watch::channel(false);
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            // Dropping the stream closes it.
            let Some(place) = addresses.enter(peer.ip()) else {
                continue;
            };
            let Some(slot) = slot(&slots, &waiting).await else {
                return;
            };
            let router = router.clone();
            let connection = Connection::new(&http, stream, peer, router, &limits, waiting.clone());
            let stopped = stopped.clone();
            tokio::spawn(async move {
                connection.run(stopped).await;
                drop((slot, place));
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = pin!(stop) => {}
    }
    drop(listener);
    stopping.send_replace(true);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let _ = slots.acquire_many(all).await;
}

/// A slot for a connection. Where all are in use, connections that wait for a request are closed, one
/// after the other until a slot is free.
async fn slot(slots: &Arc<Semaphore>, waiting: &Waiting) -> Option<OwnedSemaphorePermit> {
    let mut slot = pin!(slots.clone().acquire_owned());
    loop {
        tokio::select! {
            biased;
            slot = &mut slot => return slot.ok(),
            () = waiting.close_oldest() => {}
        }
        if let Ok(slot) = timeout(CLOSE, &mut slot).await {
            return slot.ok();
        }
    }
}

/// The next connection. Where accept fails, as when every descriptor is in use, it tries again after
/// a pause.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A line of a stream does not wait for the next one.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // The client was gone before it was accepted.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "no connection can be accepted; trying again in a second"
                );
                tokio::time::sleep(RETRY_ACCEPT).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
