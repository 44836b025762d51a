//! The console of the binary in TLS: what clients offer by ALPN, and a certificate that is renewed.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::manager::{DEADLINE, Manager, Running};

mod manager;

/// The names of ALPN.
const HTTP2: &[u8] = b"h2";
const HTTP11: &[u8] = b"http/1.1";

const NAME: &str = "gate.test";

const URL: &str = "https://gate.test";

/// A certificate with its key.
type Certified = rcgen::CertifiedKey<rcgen::KeyPair>;

fn self_signed() -> Certified {
    rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).expect("a certificate")
}

/// Puts a certificate and its key in the place of those before, and returns their paths.
fn put_certificate(manager: &Manager, made: &Certified) -> [String; 2] {
    [
        ("cert.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ]
    .map(|(name, pem)| {
        let (path, new) = (manager.path(name), manager.path("new.pem"));
        fs::write(&new, pem).expect("written");
        fs::rename(&new, &path).expect("renamed");
        path.to_str().expect("text").to_owned()
    })
}

fn start(manager: &Manager, made: &Certified) -> Running {
    let [certificate, key] = &put_certificate(manager, made);
    manager.start(&[
        "--tls-cert",
        certificate,
        "--tls-key",
        key,
        "--public-url",
        URL,
    ])
}

/// A client that trusts these certificates, and offers these protocols.
fn client_config(trusted: &[CertificateDer<'static>], offered: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.clone()).expect("a root");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|name| Vec::from(*name)).collect();
    Arc::new(config)
}

fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a name")
}

async fn within<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let found = timeout(DEADLINE, wait).await;
    found.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

async fn connect(
    address: SocketAddr,
    trusted: &[CertificateDer<'static>],
    offered: &[&[u8]],
) -> TlsStream<TcpStream> {
    let connector = TlsConnector::from(client_config(trusted, offered));
    let stream = TcpStream::connect(address).await.expect("connects");
    let connecting = connector.connect(server_name(), stream);
    within("a handshake", connecting).await.expect("TLS")
}

/// The certificate of the server on a connection.
fn shown(stream: &TlsStream<TcpStream>) -> Option<CertificateDer<'static>> {
    let chain = stream.get_ref().1.peer_certificates()?;
    chain.first().cloned()
}

/// Speaks HTTP/2 on a connection, until what is returned is dropped.
async fn http2(stream: TlsStream<TcpStream>) -> SendRequest<Body> {
    let begun = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (requests, connection) = begun.expect("HTTP/2");
    tokio::spawn(async move { drop(connection.await) });
    requests
}

async fn ask_health(requests: &mut SendRequest<Body>) -> Response<Incoming> {
    let request = Request::get(format!("{URL}/healthz")).body(Body::empty());
    let sent = requests.send_request(request.expect("a request"));
    within("a response", sent).await.expect("a response")
}

#[test]
fn the_console_speaks_https_with_a_certificate() {
    let manager = Manager::new();
    let made = self_signed();
    let running = start(&manager, &made);

    let config = client_config(&[made.cert.der().clone()], &[]);
    let client = ClientConnection::new(config, server_name()).expect("a client");
    let connect = || {
        let stream = std::net::TcpStream::connect(manager.address()).expect("connects");
        stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
        stream
    };
    let mut stream = StreamOwned::new(client, connect());
    let request = b"GET /healthz HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let has_hsts = answer.contains("strict-transport-security: max-age=31536000");
    assert!(has_hsts, "{answer}");

    let mut plain = connect();
    plain.write_all(request).expect("sent");
    let mut answer = Vec::new();
    // The connection may be reset.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(manager.stop(running).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_offers_http2_gets_it() {
    let manager = Manager::new();
    let made = self_signed();
    let running = start(&manager, &made);
    let trusted = [made.cert.der().clone()];
    for (offered, chosen) in [
        (vec![HTTP2, HTTP11], Some(HTTP2)),
        (vec![HTTP11, HTTP2], Some(HTTP2)),
        (vec![HTTP11], Some(HTTP11)),
        (vec![], None),
    ] {
        let stream = connect(manager.address(), &trusted, &offered).await;
        let found = stream.get_ref().1.alpn_protocol();
        assert_eq!(found, chosen, "{offered:?}");
    }

    let stream = connect(manager.address(), &trusted, &[HTTP2, HTTP11]).await;
    let mut requests = http2(stream).await;
    let response = ask_health(&mut requests).await;
    let (status, version) = (response.status().as_u16(), response.version());
    assert_eq!((status, version), (200, Version::HTTP_2));
    let hsts = &response.headers()["strict-transport-security"];
    assert_eq!(hsts, "max-age=31536000");
    let body = to_bytes(Body::new(response.into_body()), 1024);
    let body = within("a body", body).await.expect("a body");
    assert_eq!(&body[..], br#"{"status":"ok"}"#);
    drop(requests);
    assert!(manager.stop(running).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn new_connections_have_a_renewed_certificate() {
    let manager = Manager::new();
    let made = [self_signed(), self_signed()];
    let running = start(&manager, &made[0]);
    let trusted = made.each_ref().map(|made| made.cert.der().clone());
    let offered = [HTTP2];
    let old = connect(manager.address(), &trusted, &offered).await;
    assert_eq!(shown(&old).as_ref(), Some(&trusted[0]));
    let mut old = http2(old).await;
    assert_eq!(ask_health(&mut old).await.status(), 200);

    put_certificate(&manager, &made[1]);
    let deadline = Instant::now() + DEADLINE;
    let new = loop {
        let new = connect(manager.address(), &trusted, &offered).await;
        if shown(&new).as_ref() == Some(&trusted[1]) {
            break new;
        }
        let is_late = Instant::now() >= deadline;
        assert!(!is_late, "still the one before: {}", manager.log());
    };
    let log = manager.log();
    let renewed = log.matches("the renewed certificate of HTTP is used");
    assert_eq!(renewed.count(), 1, "{log}");
    let mut new = http2(new).await;
    for requests in [&mut old, &mut new] {
        assert_eq!(ask_health(requests).await.status(), 200);
    }
    drop((old, new));
    assert!(manager.stop(running).success());
}

#[test]
fn a_certificate_needs_its_key_and_a_public_url_of_https() {
    let manager = Manager::new();
    let [certificate, key] = &put_certificate(&manager, &self_signed());
    for (arguments, expected) in [
        (
            vec!["--tls-cert", certificate],
            "--tls-cert and --tls-key belong together",
        ),
        (
            vec!["--tls-cert", certificate, "--tls-key", "absent.pem"],
            "absent.pem cannot be read",
        ),
        (
            vec![
                "--tls-cert",
                certificate,
                "--tls-key",
                key,
                "--public-url",
                "http://gate.test",
            ],
            "with --tls-cert the public URL begins with https://",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(manager.path("data"))
            .args(&arguments)
            .output()
            .expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}
