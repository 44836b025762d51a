//! Tests of connections in TLS: HTTP/2 and HTTP/1.1 by ALPN, and the limits of HTTP/2.

use axum::body::{Body, to_bytes};
use axum::http::header::HOST;
use axum::http::{HeaderMap, Request, Response, Uri, Version};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::waiting::MOST_CANCELLED;
use super::*;
use crate::http::origin::address::TrustedProxies;
use crate::tls::{self, CertificateFiles, CertificateUse, HTTP2};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(50);
/// Longer than a client takes from its handshake to its request.
const IDLE: Duration = Duration::from_secs(3);
/// More than the windows of a client have room for.
const LARGE: usize = 64 * 1024 * 1024;

/// A listener with a certificate.
struct SecureServer {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    /// How many requests for `/pending` have begun.
    begun: watch::Receiver<usize>,
    /// Ends the requests for `/pending`.
    end: watch::Sender<bool>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

struct Http2Client {
    requests: SendRequest<Body>,
    connection: JoinHandle<()>,
}

fn limits(idle: Duration) -> Limits {
    Limits {
        idle,
        write: SHORT,
        ..Limits::new(100, 100, TrustedProxies::default())
    }
}

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let found = timeout(Duration::from_secs(30), wait).await;
    found.unwrap_or_else(|_| panic!("{what}: not within 30 s"))
}

impl SecureServer {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]);
        let made = made.expect("a certificate");
        let files = CertificateFiles {
            certificate: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, made.cert.pem()).expect("written");
        std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
        let acceptor = tls::acceptor(files, CertificateUse::Http).expect("a certificate");
        let (begin, begun) = watch::channel(0);
        let (end, ended) = watch::channel(false);
        let pending = move || {
            let (begin, mut ended) = (begin.clone(), ended.clone());
            async move {
                begin.send_modify(|number| *number += 1);
                let _ = ended.wait_for(|end| *end).await;
                "ended"
            }
        };
        let router = Router::new()
            .route("/seen", get(seen))
            .route("/large", get(async || vec![b'x'; LARGE]))
            .route("/pending", get(pending));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let served = tokio::spawn(serve(listener, Some(acceptor), router, limits, stopped));
        Self {
            address,
            certificate: made.cert.der().clone(),
            begun,
            end,
            stop,
            served,
            _folder: folder,
        }
    }

    async fn connect(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_owned()];
        let stream = TcpStream::connect(self.address).await.expect("connects");
        let name = ServerName::try_from("gate.test").expect("a name");
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        within("a handshake", connecting).await.expect("TLS")
    }

    async fn http2(&self) -> Http2Client {
        let stream = TokioIo::new(self.connect(HTTP2).await);
        let (requests, connection) = handshake(TokioExecutor::new(), stream)
            .await
            .expect("HTTP/2");
        Http2Client {
            requests,
            connection: tokio::spawn(async move { drop(connection.await) }),
        }
    }

    /// Waits until so many requests for `/pending` have begun.
    async fn until_begun(&mut self, number: usize) {
        let begun = self.begun.wait_for(|begun| *begun >= number);
        within("a request", begun).await.expect("it is served");
    }
}

async fn seen(version: Version, uri: Uri, headers: HeaderMap) -> String {
    let host = headers[HOST].to_str().expect("a host");
    format!("{version:?} {host} {uri}")
}

impl Http2Client {
    fn send(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let mut request = Request::get(format!("https://gate.test{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        self.requests.send_request(request)
    }

    async fn text(&mut self, path: &str) -> String {
        let sent = self.send(path, &[]);
        text(within("a response", sent).await.expect("a response")).await
    }
}

async fn text(response: Response<Incoming>) -> String {
    let body = Body::new(response.into_body());
    let bytes = to_bytes(body, LARGE).await.expect("a body");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn the_client_chooses_the_version_of_http() {
    let server = SecureServer::start(limits(LONG)).await;
    let mut client = server.http2().await;
    let text = client.text("/seen?a=b").await;
    assert_eq!(text, "HTTP/2.0 gate.test /seen?a=b");

    let mut stream = server.connect(b"http/1.1").await;
    let request = b"GET /seen HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    within("a response", read).await.expect("text");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("HTTP/1.1 gate.test /seen"), "{text}");
}

#[tokio::test]
async fn a_client_that_cancels_again_and_again_is_cut_off() {
    let mut server = SecureServer::start(limits(LONG)).await;
    let mut client = server.http2().await;
    let half = MOST_CANCELLED as usize / 2;
    for number in 1..=half {
        let request = client.send("/pending", &[]);
        server.until_begun(number).await;
        drop(request);
    }
    assert!(client.text("/seen").await.starts_with("HTTP/2.0 "));
    // One more, for the request that was answered.
    for number in half + 1..=2 * half + 1 {
        let request = client.send("/pending", &[]);
        server.until_begun(number).await;
        drop(request);
    }
    within("the end", client.connection).await.expect("it ends");
}

#[tokio::test]
async fn a_stop_waits_for_the_requests_of_http2() {
    let mut server = SecureServer::start(limits(LONG)).await;
    let (mut client, idle) = (server.http2().await, server.http2().await);
    let request = client.send("/pending", &[]);
    server.until_begun(1).await;
    drop(server.stop);
    within("the idle one", idle.connection).await.expect("ends");
    assert!(!server.served.is_finished());
    server.end.send_replace(true);
    let response = within("a response", request).await.expect("a response");
    assert_eq!(text(response).await, "ended");
    within("the end", server.served).await.expect("it ends");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_handshake() {
    let limits = Limits {
        head: LONG,
        drain: SHORT,
        ..limits(LONG)
    };
    let server = SecureServer::start(limits).await;
    let _silent = TcpStream::connect(server.address).await.expect("connects");
    // The silent one was accepted before.
    let mut client = server.http2().await;
    assert!(client.text("/seen").await.starts_with("HTTP/2.0 "));
    drop(server.stop);
    within("the end", server.served).await.expect("it ends");
}

#[tokio::test]
async fn a_connection_of_http2_ends_where_nothing_moves() {
    let server = SecureServer::start(limits(IDLE)).await;
    let idle = server.http2().await;
    let mut deaf = server.http2().await;
    let _unread = deaf.send("/large", &[]).await.expect("a response");
    within("the idle one", idle.connection).await.expect("ends");
    within("the deaf one", deaf.connection).await.expect("ends");
}

#[tokio::test]
async fn a_connection_of_http2_waits_for_a_response() {
    let mut server = SecureServer::start(limits(IDLE)).await;
    let mut patient = server.http2().await;
    let request = patient.send("/pending", &[]);
    server.until_begun(1).await;
    // It was opened later, and is closed although this one is not.
    let idle = server.http2().await;
    within("the idle one", idle.connection).await.expect("ends");
    server.end.send_replace(true);
    let response = within("a response", request).await.expect("a response");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_client_without_a_request_gives_its_slot_up() {
    let limits = Limits {
        connections: 1,
        write: LONG,
        drain: SHORT,
        ..limits(LONG)
    };
    let server = SecureServer::start(limits).await;
    // It answers no frame, and so never to the one that asks it to leave.
    let mut deaf = server.connect(HTTP2).await;
    let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    deaf.write_all(begin).await.expect("sent");
    let mut frame = [0; 9];
    let read = deaf.read_exact(&mut frame);
    within("its settings", read).await.expect("a frame");
    let mut client = server.http2().await;
    assert!(client.text("/seen").await.starts_with("HTTP/2.0 "));
}

#[tokio::test]
async fn a_head_of_http2_is_at_most_16_kib() {
    let server = SecureServer::start(limits(LONG)).await;
    let mut client = server.http2().await;
    for (length, expected) in [(15 * 1024, 200), (17 * 1024, 431)] {
        let value = "x".repeat(length);
        let response = client.send("/seen", &[("x", &value)]);
        let response = within("a response", response).await.expect("a response");
        assert_eq!(response.status(), expected, "{length}");
    }
}
