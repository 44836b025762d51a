//! Encryption: TLS 1.2 and 1.3 by rustls and ring, and what a failed handshake means.

use std::io;
use std::sync::Arc;

use domain::stage::CertificateFault;
use domain::{CertificateCheck, Fault, Host};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, InvalidMessage, ProtocolVersion, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::{Untrusted, Verifier};
use super::names;

/// How handshakes are made, with and without a check of the certificate.
pub(super) struct Tls {
    verify: TlsConnector,
    off: TlsConnector,
}

impl Tls {
    pub fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let roots = Arc::new(roots);
        Ok(Self {
            verify: connector(CertificateCheck::Verify, &roots)?,
            off: connector(CertificateCheck::Off, &roots)?,
        })
    }

    /// Shakes hands, and verifies `host`: its name, or its very address (RFC 5280 section
    /// 4.2.1.6).
    ///
    /// # Errors
    /// Those that [`explain`] explains.
    pub async fn handshake(
        &self,
        tcp: TcpStream,
        host: &Host,
        check: CertificateCheck,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = match host {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => names::to_ascii(name)
                .and_then(|ascii| ServerName::try_from(ascii).ok())
                .ok_or_else(|| io::Error::other("this name cannot stand in a certificate"))?,
        };
        let connector = match check {
            CertificateCheck::Verify => &self.verify,
            CertificateCheck::Off => &self.off,
        };
        connector.connect(name, tcp).await
    }
}

fn connector(
    check: CertificateCheck,
    roots: &Arc<RootCertStore>,
) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(check, roots.clone(), &provider);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Every connection checks the certificate anew.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// As in `TLS 1.3`.
pub(super) fn version(stream: &TlsStream<TcpStream>) -> &'static str {
    match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    }
}

/// What an error of a connection, encrypted or not, means.
pub(super) fn explain(error: &io::Error) -> (Fault, String) {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return explain_tls(tls);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => (Fault::Closed, "the connection was closed".to_owned()),
        io::ErrorKind::Other => (Fault::Handshake, error.to_string()),
        _ => (Fault::Reset, format!("the connection was cut: {error}")),
    }
}

fn explain_tls(error: &rustls::Error) -> (Fault, String) {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<Untrusted>() {
                Some(untrusted) => (Fault::Certificate(untrusted.fault), untrusted.to_string()),
                None => (
                    Fault::Certificate(CertificateFault::Invalid),
                    error.to_string(),
                ),
            }
        }
        rustls::Error::InvalidCertificate(_) => (
            Fault::Certificate(CertificateFault::Invalid),
            error.to_string(),
        ),
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => (Fault::NotTls, "the answer was not TLS".to_owned()),
        _ => (Fault::Handshake, error.to_string()),
    }
}
