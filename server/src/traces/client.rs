//! The HTTP client of the exporter: a connection for each request, with TLS for https.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::HeaderValue;
use axum::http::header::HOST;
use axum::http::uri::{Authority, PathAndQuery};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The time for a request, from the look-up of the host to the end of the response.
const EXCHANGE: Duration = Duration::from_secs(10);

/// The largest response that is read, in octets.
const RESPONSE_MAX: usize = 64 * 1024;

/// Sends requests on the runtime of the server: the exporter has a thread of its own.
#[derive(Debug)]
pub struct ExportClient {
    runtime: Handle,
    tls: Arc<ClientConfig>,
    is_failing: AtomicBool,
}

impl ExportClient {
    /// Trusts the certificate authorities of this machine (`SSL_CERT_FILE`).
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            runtime: Handle::current(),
            tls: Arc::new(tls),
            is_failing: AtomicBool::new(false),
        })
    }

    /// Logs the first of several failures, and the end of them.
    fn log(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let failure = match outcome {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("status {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => {
                tracing::warn!(
                    error,
                    "spans are not exported (OTEL_EXPORTER_OTLP_ENDPOINT)"
                );
            }
            None if was_failing => tracing::info!("spans are exported again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for ExportClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let tls = TlsConnector::from(self.tls.clone());
        let exchange = async move { timeout(EXCHANGE, exchange(request, tls)).await };
        let outcome = match self.runtime.spawn(exchange).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(error) => Err(error.into()),
        };
        self.log(&outcome);
        outcome
    }
}

async fn exchange(
    request: Request<Bytes>,
    tls: TlsConnector,
) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri();
    let host = uri.host().ok_or("the URL of the collector has no host")?;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let is_encrypted = uri.scheme_str() == Some("https");
    let port = uri
        .port_u16()
        .unwrap_or(if is_encrypted { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    if is_encrypted {
        let name = ServerName::try_from(host)?;
        post(tls.connect(name, tcp).await?, request).await
    } else {
        post(tcp, request).await
    }
}

async fn post(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    // Dropped, the connection is closed.
    let mut connection = JoinSet::new();
    // Its failure is that of the request.
    connection.spawn(async move { drop(driver.await) });
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map_or("", Authority::as_str);
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(authority)?;
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    head.uri = target.parse()?;
    head.headers.insert(HOST, host);
    let request = Request::from_parts(head, Body::from(body));
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), RESPONSE_MAX).await?;
    drop((sender, connection));
    Ok(Response::from_parts(head, body))
}
