//! Accepts connections and serves them with a time limit for request heads.
//!
//! The loop that axum brings gives hyper no timer: a client that sends half a head, or vanishes
//! silently, would keep a descriptor for ever.

use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send a request head: the first, or the next after a response.
/// Proxies keep idle connections open for a minute.
pub const HEAD: Duration = Duration::from_secs(75);

/// The pause after an accept failed.
const RETRY_ACCEPT: Duration = Duration::from_secs(1);

/// Serves connections until `stop` completes, and then until the requests in progress have ended.
/// `head` limits the time for a request head.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    head: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head);
    let router = TowerToHyperService::new(router);
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.call(request)
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    connections.shutdown().await;
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
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const NO_HURRY: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(50);

    /// A listener that is not served yet: what clients send first is there from the start.
    struct TestListener {
        listener: TcpListener,
        address: SocketAddr,
    }

    impl TestListener {
        async fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            Self { listener, address }
        }

        async fn comes(&self, says: &str) -> TcpStream {
            said(self.address, says).await
        }

        /// Serves until the returned sender is dropped.
        fn serve(self, head: Duration) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
            let router = Router::new()
                .route(
                    "/peer",
                    get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
                )
                .route("/body", post(async |body: String| body));
            let (stop, stopped) = oneshot::channel();
            let stopped = async { drop(stopped.await) };
            (
                stop,
                tokio::spawn(serve(self.listener, router, head, stopped)),
            )
        }
    }

    async fn said(address: SocketAddr, says: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("is let in");
        say(&mut stream, says).await;
        stream
    }

    async fn say(stream: &mut TcpStream, says: &str) {
        stream.write_all(says.as_bytes()).await.expect("is heard");
    }

    /// Reads until the data ends with `end`.
    async fn hears(stream: &mut TcpStream, end: &str) {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let octet = stream.read_u8().await;
            heard.push(octet.unwrap_or_else(|_| panic!("{:?}", String::from_utf8_lossy(&heard))));
        }
    }

    /// Reads until the connection is closed.
    async fn to_the_end(mut stream: TcpStream) -> String {
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.expect("text");
        heard
    }

    const HALF: &str = "GET /peer HTTP/1.1\r\nHost: gate.example\r\nX-Slow: ";
    const WHOLE: &str = "GET /peer HTTP/1.1\r\nHost: gate.example\r\n\r\n";

    #[tokio::test]
    async fn a_small_write_is_sent_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("is let in");
        let (stream, _) = accept(&listener).await;
        assert!(stream.nodelay().expect("a socket option"));
    }

    #[tokio::test]
    async fn incomplete_heads_and_silent_connections_are_closed() {
        let door = TestListener::new().await;
        let says = ["", HALF, WHOLE, &format!("{WHOLE}{HALF}")];
        let mut clients = Vec::new();
        for says in says {
            clients.push((says, door.comes(says).await));
        }
        let _served = door.serve(SHORT);
        for (says, client) in clients {
            let answers = to_the_end(client).await.matches("HTTP/1.1 200 OK").count();
            assert_eq!(answers, says.matches(WHOLE).count(), "{says:?}");
        }
    }

    #[tokio::test]
    async fn other_clients_are_served_meanwhile_with_their_address() {
        let door = TestListener::new().await;
        let (address, mut slow) = (door.address, door.comes(HALF).await);
        let _served = door.serve(NO_HURRY);
        let mut other = said(address, WHOLE).await;
        let peer = other.local_addr().expect("an address").to_string();
        hears(&mut other, &peer).await;
        say(&mut other, WHOLE).await;
        hears(&mut other, &peer).await;
        say(&mut slow, "no more\r\n\r\n").await;
        let peer = slow.local_addr().expect("an address").to_string();
        hears(&mut slow, &peer).await;
    }

    #[tokio::test]
    async fn a_body_has_no_head_time_limit() {
        let door = TestListener::new().await;
        let head = "POST /body HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 12\r\n\r\n";
        let mut slow = door.comes(&format!("{head}slow ")).await;
        let silent = door.comes("").await;
        let _served = door.serve(SHORT);
        // The time for a head is over.
        to_the_end(silent).await;
        say(&mut slow, "but all").await;
        hears(&mut slow, "slow but all").await;
    }

    #[tokio::test]
    async fn a_stop_waits_for_requests_and_not_for_idle_clients() {
        let door = TestListener::new().await;
        let (address, silent) = (door.address, door.comes("").await);
        let head = "POST /body HTTP/1.1\r\nHost: gate.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        let mut asks = door.comes(head).await;
        let (stop, served) = door.serve(NO_HURRY);
        hears(&mut asks, "100 Continue\r\n\r\n").await;
        drop(stop);
        to_the_end(silent).await;
        assert!(!served.is_finished());
        assert!(
            TcpStream::connect(address).await.is_err(),
            "nobody else is let in"
        );
        say(&mut asks, "done").await;
        assert!(to_the_end(asks).await.ends_with("done"));
        served.await.expect("it ends");
    }
}
