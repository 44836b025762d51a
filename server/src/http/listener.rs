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

    const LONG: Duration = Duration::from_secs(3600);
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

        async fn client(&self, request: &str) -> TcpStream {
            client(self.address, request).await
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

    async fn client(address: SocketAddr, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        send(&mut stream, request).await;
        stream
    }

    async fn send(stream: &mut TcpStream, bytes: &str) {
        stream
            .write_all(bytes.as_bytes())
            .await
            .expect("the request is sent");
    }

    /// Reads until the data ends with `end`.
    async fn read_until(stream: &mut TcpStream, end: &str) {
        let mut data = Vec::new();
        while !data.ends_with(end.as_bytes()) {
            let octet = stream.read_u8().await;
            data.push(octet.unwrap_or_else(|_| panic!("{:?}", String::from_utf8_lossy(&data))));
        }
    }

    /// Reads until the connection is closed.
    async fn read_to_end(mut stream: TcpStream) -> String {
        let mut data = String::new();
        stream.read_to_string(&mut data).await.expect("text");
        data
    }

    const HALF: &str = "GET /peer HTTP/1.1\r\nHost: gate.example\r\nX-Slow: ";
    const WHOLE: &str = "GET /peer HTTP/1.1\r\nHost: gate.example\r\n\r\n";

    #[tokio::test]
    async fn a_small_write_is_sent_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = accept(&listener).await;
        assert!(stream.nodelay().expect("a socket option"));
    }

    #[tokio::test]
    async fn incomplete_heads_and_silent_connections_are_closed() {
        let listener = TestListener::new().await;
        let requests = ["", HALF, WHOLE, &format!("{WHOLE}{HALF}")];
        let mut clients = Vec::new();
        for request in requests {
            clients.push((request, listener.client(request).await));
        }
        let _served = listener.serve(SHORT);
        for (request, client) in clients {
            let answers = read_to_end(client).await.matches("HTTP/1.1 200 OK").count();
            assert_eq!(answers, request.matches(WHOLE).count(), "{request:?}");
        }
    }

    #[tokio::test]
    async fn other_clients_are_served_meanwhile_with_their_address() {
        let listener = TestListener::new().await;
        let (address, mut slow) = (listener.address, listener.client(HALF).await);
        let _served = listener.serve(LONG);
        let mut other = client(address, WHOLE).await;
        let peer = other.local_addr().expect("an address").to_string();
        read_until(&mut other, &peer).await;
        send(&mut other, WHOLE).await;
        read_until(&mut other, &peer).await;
        send(&mut slow, "no more\r\n\r\n").await;
        let peer = slow.local_addr().expect("an address").to_string();
        read_until(&mut slow, &peer).await;
    }

    #[tokio::test]
    async fn a_body_has_no_head_time_limit() {
        let listener = TestListener::new().await;
        let head = "POST /body HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 12\r\n\r\n";
        let mut slow = listener.client(&format!("{head}slow ")).await;
        let silent = listener.client("").await;
        let _served = listener.serve(SHORT);
        // The time for a head is over.
        read_to_end(silent).await;
        send(&mut slow, "but all").await;
        read_until(&mut slow, "slow but all").await;
    }

    #[tokio::test]
    async fn a_stop_waits_for_requests_and_not_for_idle_clients() {
        let listener = TestListener::new().await;
        let (address, silent) = (listener.address, listener.client("").await);
        let head = "POST /body HTTP/1.1\r\nHost: gate.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
        let mut waiting = listener.client(head).await;
        let (stop, served) = listener.serve(LONG);
        read_until(&mut waiting, "100 Continue\r\n\r\n").await;
        drop(stop);
        read_to_end(silent).await;
        assert!(!served.is_finished());
        assert!(
            TcpStream::connect(address).await.is_err(),
            "no connection is accepted"
        );
        send(&mut waiting, "done").await;
        assert!(read_to_end(waiting).await.ends_with("done"));
        served.await.expect("it ends");
    }
}
