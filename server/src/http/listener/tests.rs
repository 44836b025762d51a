//! Tests of the listener over real sockets.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::http::origin::address::TrustedProxies;

const LONG: Duration = Duration::from_secs(3600);
/// More than the system keeps for a client that does not read.
const LARGE: usize = 64 * 1024 * 1024;
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
    fn serve(self, idle: Duration) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        self.serve_within(Limits {
            idle,
            head: LONG,
            ..Limits::new(100, 100, TrustedProxies::default())
        })
    }

    fn serve_within(self, limits: Limits) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let router = Router::new()
            .route(
                "/peer",
                get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
            )
            .route("/body", post(async |body: String| body))
            .route("/refused", post(async || StatusCode::FORBIDDEN))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/endless", get(async || Body::from_stream(endless())));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        (
            stop,
            tokio::spawn(serve(self.listener, None, router, limits, stopped)),
        )
    }
}

/// A response that never ends: its connection is never idle.
fn endless() -> impl futures::Stream<Item = Result<String, std::io::Error>> {
    futures::stream::once(async { Ok("begun".to_owned()) }).chain(futures::stream::pending())
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

/// Waits less long than any time limit of a connection that is not the subject of a test.
async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let found = timeout(Duration::from_secs(5), wait).await;
    found.unwrap_or_else(|_| panic!("{what}: not within 5 s"))
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

#[tokio::test]
async fn a_stop_refuses_no_client_that_is_connected() {
    let listener = TestListener::new().await;
    let (mut silent, mut idle) = (listener.client("").await, listener.client(WHOLE).await);
    let (stop, served) = listener.serve_within(Limits {
        idle: LONG,
        drain: LONG,
        ..Limits::new(100, 100, TrustedProxies::default())
    });
    let peer = idle.local_addr().expect("an address").to_string();
    read_until(&mut idle, &peer).await;
    drop(stop);
    for client in [&mut silent, &mut idle] {
        send(client, WHOLE).await;
    }
    for client in [silent, idle] {
        let answer = read_to_end(client).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    served.await.expect("it ends");
}

#[tokio::test]
async fn idle_connections_make_room_and_busy_ones_do_not() {
    let listener = TestListener::new().await;
    let address = listener.address;
    let _served = listener.serve_within(Limits {
        idle: LONG,
        ..Limits::new(2, 100, TrustedProxies::default())
    });
    let endless = WHOLE.replace("/peer", "/endless");
    let mut busy = client(address, &endless).await;
    read_until(&mut busy, "begun\r\n").await;
    let mut idle = client(address, WHOLE).await;
    let peer = idle.local_addr().expect("an address").to_string();
    read_until(&mut idle, &peer).await;
    let mut second = client(address, &endless).await;
    read_until(&mut second, "begun\r\n").await;
    assert_eq!(read_to_end(idle).await, "", "it is closed");
    let mut waiting = client(address, WHOLE).await;
    drop(busy);
    let peer = waiting.local_addr().expect("an address").to_string();
    read_until(&mut waiting, &peer).await;
}

#[tokio::test]
async fn incomplete_heads_make_room_the_oldest_first() {
    let listener = TestListener::new().await;
    let address = listener.address;
    let _served = listener.serve_within(Limits {
        idle: LONG,
        head: LONG,
        ..Limits::new(2, 100, TrustedProxies::default())
    });
    let mut oldest = client(address, "G").await;
    let mut younger = client(address, HALF).await;
    let mut other = client(address, WHOLE).await;
    let peer = other.local_addr().expect("an address").to_string();
    within("a slot", read_until(&mut other, &peer)).await;
    let closed = within("the oldest to be closed", oldest.read(&mut [0])).await;
    assert_eq!(closed.unwrap_or(0), 0);
    send(&mut younger, "no more\r\n\r\n").await;
    let peer = younger.local_addr().expect("an address").to_string();
    within("the younger one", read_until(&mut younger, &peer)).await;
}

#[tokio::test]
async fn a_head_has_a_time_limit_from_its_first_octet() {
    let listener = TestListener::new().await;
    let clients = [HALF, WHOLE, ""].map(|request| listener.client(request));
    let [half, mut next, mut silent] = futures::future::join_all(clients)
        .await
        .try_into()
        .expect("three clients");
    let address = listener.address;
    let _served = listener.serve_within(Limits {
        idle: LONG,
        head: SHORT,
        ..Limits::new(100, 100, TrustedProxies::default())
    });
    assert_eq!(within("the first head", read_to_end(half)).await, "");
    let peer = next.local_addr().expect("an address").to_string();
    read_until(&mut next, &peer).await;
    send(&mut next, HALF).await;
    assert_eq!(within("the second head", read_to_end(next)).await, "");
    // The silent connection outlived both, and a body takes longer.
    send(&mut silent, WHOLE).await;
    let peer = silent.local_addr().expect("an address").to_string();
    read_until(&mut silent, &peer).await;
    let head = "POST /body HTTP/1.1\r\nHost: gate.example\r\nContent-Length: 4\r\n\r\n";
    let mut body = client(address, head).await;
    send(&mut silent, HALF).await;
    within("the third head", read_to_end(silent)).await;
    send(&mut body, "late").await;
    within("the body", read_until(&mut body, "late")).await;
}

#[tokio::test]
async fn a_client_that_still_sends_makes_room_after_its_response() {
    let listener = TestListener::new().await;
    let address = listener.address;
    let _served = listener.serve_within(Limits {
        idle: LONG,
        ..Limits::new(1, 100, TrustedProxies::default())
    });
    let head = "POST /refused HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\nContent-Length: 8\r\n\r\nx";
    let mut sender = client(address, head).await;
    read_until(&mut sender, "\r\n\r\n").await;
    let mut other = client(address, WHOLE).await;
    let peer = other.local_addr().expect("an address").to_string();
    within("a slot", read_until(&mut other, &peer)).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_responses_is_closed() {
    let listener = TestListener::new().await;
    let address = listener.address;
    let (_stop, _) = listener.serve_within(Limits {
        write: SHORT,
        ..Limits::new(1, 100, TrustedProxies::default())
    });
    let _deaf = client(address, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let other = client(
        address,
        "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    let answer = read_to_end(other.await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn an_address_has_a_limited_number_of_connections() {
    let listener = TestListener::new().await;
    let address = listener.address;
    let _served = listener.serve_within(Limits::new(100, 1, TrustedProxies::default()));
    let mut first = client(address, WHOLE).await;
    let peer = first.local_addr().expect("an address").to_string();
    read_until(&mut first, &peer).await;
    let mut second = TcpStream::connect(address).await.expect("a connection");
    assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    send(&mut first, WHOLE).await;
    read_until(&mut first, &peer).await;
}

#[tokio::test]
async fn a_head_is_at_most_16_kib() {
    let listener = TestListener::new().await;
    let head = |octets| {
        format!(
            "GET /peer HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\nX: {}\r\n\r\n",
            "x".repeat(octets)
        )
    };
    let fits = listener.client(&head(15 * 1024)).await;
    let large = listener.client(&head(17 * 1024)).await;
    let _served = listener.serve(LONG);
    assert!(read_to_end(fits).await.starts_with("HTTP/1.1 200 "));
    assert!(read_to_end(large).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_client_that_still_sends_reads_the_response() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let listener = TestListener::new().await;
    let head =
        format!("POST /refused HTTP/1.1\r\nHost: gate.example\r\nContent-Length: {LENGTH}\r\n\r\n");
    let mut sender = listener.client(&head).await;
    let _served = listener.serve(LONG);
    let body = vec![b'x'; LENGTH];
    sender.write_all(&body).await.expect("the body is sent");
    assert!(read_to_end(sender).await.starts_with("HTTP/1.1 403 "));
}
