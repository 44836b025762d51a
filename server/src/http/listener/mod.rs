//! Accepts connections within limits of their number, and serves them.
//!
//! The loop that axum brings gives hyper no timer and has no limits: a client that sends half a head,
//! or vanishes silently, would keep a descriptor for ever.

mod addresses;
mod client;
mod head_timeout;
mod limits;
mod protocols;
mod stream;
mod waiting;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use addresses::Addresses;
pub use addresses::network as client_network;
use client::Client;
pub use limits::Limits;
use protocols::connection::Protocols;
use waiting::{Activity, Waiting};

use crate::sockets::accept::next_connection;

/// How long one connection may take to close before another one is closed to make room.
const CLOSE: Duration = Duration::from_millis(100);

/// Serves connections, in TLS where there is an acceptor, until `stop` completes, and then until the
/// requests in progress have ended. A connection that was accepted is served, also when `stop` completes at
/// that moment.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let protocols = Protocols::new(tls, &limits);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::new(limits.per_address, limits.proxies.clone());
    let waiting = Arc::<Waiting>::default();
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    let mut is_stopping = false;
    while !is_stopping {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        // Dropping the stream closes it.
        let Some(permit) = addresses.enter(peer.ip()) else {
            continue;
        };
        let mut free = pin!(slot(&slots, &waiting));
        let slot = tokio::select! {
            biased;
            slot = &mut free => slot,
            () = &mut stop => {
                // The others make room.
                is_stopping = true;
                stopping.send_replace(true);
                free.await
            }
        };
        let Some(slot) = slot else { break };
        let client = Client {
            peer,
            router: router.clone(),
            limits: limits.clone(),
            activity: Activity::new(waiting.clone()),
            stopped: stopped.clone(),
        };
        let protocols = protocols.clone();
        tokio::spawn(async move {
            protocols.serve(stream, client).await;
            drop((slot, permit));
        });
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

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let accepted = next_connection("no connection can be accepted", || listener.accept());
    let (stream, peer) = accepted.await;
    // A line of a stream does not wait for the next one.
    let _ = stream.set_nodelay(true);
    (stream, peer)
}

#[cfg(test)]
mod http2_tests;
#[cfg(test)]
mod tests;
