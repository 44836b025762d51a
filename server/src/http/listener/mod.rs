//! Accepts connections within limits of their number, and serves them.
//!
//! The loop that axum brings gives hyper no timer and has no limits: a client that sends half a head,
//! or vanishes silently, would keep a descriptor for ever.

mod addresses;
mod connection;

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
use tokio::sync::{Notify, Semaphore, watch};

use super::address::TrustedProxies;
use addresses::Addresses;
use connection::{Connection, Leave};

/// How long a client may take to send a request head: the first, or the next after a response.
/// Proxies keep idle connections open for a minute.
const HEAD: Duration = Duration::from_secs(75);

/// How long a client may take nothing of a response. One that does not read would keep its connection
/// for ever, and be busy where others wait for room.
const WRITE: Duration = Duration::from_secs(10);

/// The largest request head, in bytes. A larger one is answered 431.
const HEAD_MAX: usize = 16 * 1024;

/// The pause after an accept failed.
const RETRY_ACCEPT: Duration = Duration::from_secs(1);

/// How many connections are served at once, and for how long one may be silent.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all. Where they are used up, idle ones are closed, and new ones wait.
    pub connections: usize,
    /// Connections of one address, or of one IPv6 network of 64 bits. Further ones are closed.
    pub per_address: usize,
    /// Proxies, whose connections are those of many clients.
    pub proxies: TrustedProxies,
    /// The time for a request head.
    pub head: Duration,
    /// The time in which a client takes a part of a response.
    pub write: Duration,
}

impl Limits {
    pub fn new(connections: usize, per_address: usize, proxies: TrustedProxies) -> Self {
        Self {
            connections,
            per_address,
            proxies,
            head: HEAD,
            write: WRITE,
        }
    }
}

/// Serves connections until `stop` completes, and then until the requests in progress have ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_MAX);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::new(limits.per_address, limits.proxies.clone());
    let full = Arc::new(Notify::new());
    let (stopping, stopped) = watch::channel(false);
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            // Dropping the stream closes it.
            let Some(place) = addresses.enter(peer.ip()) else {
                continue;
            };
            if slots.available_permits() == 0 {
                full.notify_waiters();
            }
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return;
            };
            let connection = Connection::new(&http, stream, peer, router.clone(), limits.write);
            let leave = Leave::new(&full, stopped.clone());
            tokio::spawn(async move {
                connection.run(leave).await;
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
