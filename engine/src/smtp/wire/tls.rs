//! Encryption: TLS 1.2 and 1.3 by rustls and ring, and what a failed handshake means.

use std::io;
use std::sync::Arc;

use domain::certificate::{Handshake, UNCHECKED};
use domain::stage::CertificateFault;
use domain::{CertificateCheck, ConnectionType, Fault, Host, SmtpSettings};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, InvalidMessage,
    PeerIncompatible, ProtocolVersion, RootCertStore, WantsVerifier,
};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::smtp::certificate::description;
use crate::smtp::certificate::fault::InvalidCertificate;
use crate::smtp::certificate::trust_store::TrustStore;
use crate::smtp::certificate::validation::CertificateValidator;
use crate::smtp::certificate::verifier::{Seen, Verifier};
use crate::smtp::names;
use crate::smtp::wire::first_bytes::FirstBytes;
use crate::smtp::wire::tls_failure::TlsFailure;

/// How handshakes are made, with and without a check of the certificate.
pub(crate) struct Tls {
    roots: Arc<RootCertStore>,
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
}

/// A connection, an error of it, or none of both in time.
pub(crate) type Attempt = Result<io::Result<TlsStream<FirstBytes>>, Elapsed>;

impl Tls {
    pub fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Self {
            roots: Arc::new(roots),
            builder: ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?,
        })
    }

    /// Shakes hands, and verifies the host of the settings: its name, or its very address
    /// (RFC 5280 section 4.2.1.6). What the relay showed is there whatever comes of it, for [`told`];
    /// errors are those that [`explain`] explains.
    pub async fn handshake(
        &self,
        tcp: TcpStream,
        settings: &SmtpSettings,
        deadline: Instant,
    ) -> (Seen, Attempt) {
        let verifier = Arc::new(Verifier::new(
            self.validator(settings),
            is_checked(settings),
        ));
        let attempt = match server_name(&settings.host) {
            Ok(name) => {
                let connector = self.connector(verifier.clone());
                let connecting = connector.connect(name, FirstBytes::of(tcp)).into_fallible();
                let connected = timeout_at(deadline, connecting).await;
                connected.map(|connected| {
                    connected.map_err(|(error, opening)| {
                        // What follows StartTLS in plain text is another matter, whatever it says.
                        let implicit = settings.connection == ConnectionType::Ssl;
                        let line = implicit.then(|| opening.first_line());
                        match TlsFailure::of(&error, verifier.seen().asked, line) {
                            Some(unsecured) => io::Error::other(unsecured),
                            None => error,
                        }
                    })
                })
            }
            Err(error) => Ok(Err(error)),
        };
        (verifier.seen(), attempt)
    }

    fn validator(&self, settings: &SmtpSettings) -> CertificateValidator {
        CertificateValidator {
            trust_store: TrustStore::of(settings, &self.roots),
            algorithms: self
                .builder
                .crypto_provider()
                .signature_verification_algorithms,
        }
    }

    /// For one handshake: to make a configuration takes about a microsecond.
    fn connector(&self, verifier: Arc<Verifier>) -> TlsConnector {
        let mut config = self
            .builder
            .clone()
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(verifier);
        // Every connection checks the certificate anew.
        config.resumption = Resumption::disabled();
        TlsConnector::from(Arc::new(config))
    }
}

fn server_name(host: &Host) -> io::Result<ServerName<'static>> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => names::to_ascii(name)
            .and_then(|ascii| ServerName::try_from(ascii).ok())
            .ok_or_else(|| io::Error::other("this name cannot stand in a certificate")),
    }
}

/// Whether a fault of the certificate ends the handshake.
fn is_checked(settings: &SmtpSettings) -> bool {
    settings.certificate_check != CertificateCheck::Off
}

/// A handshake with these settings in words, as far as it came.
pub(crate) fn told(seen: &Seen, settings: &SmtpSettings, attempt: &Attempt) -> Handshake {
    let cipher = match attempt {
        Ok(Ok(stream)) => stream.get_ref().1.negotiated_cipher_suite(),
        _ => None,
    };
    let verdict = match (&seen.wrong, seen.right, attempt) {
        (Some(wrong), _, Ok(Ok(_))) => sentence(&wrong.words) + UNCHECKED,
        (Some(wrong), _, _) => sentence(&wrong.words),
        (None, Some(right), _) => right.to_owned(),
        (None, None, Ok(Err(error))) => {
            format!("The relay showed no certificate: {}.", explain(error).1)
        }
        (None, None, _) => "The relay showed no certificate in time.".to_owned(),
    };
    Handshake {
        version: seen.version.map(str::to_owned),
        cipher: cipher.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")),
        chain: seen
            .chain
            .iter()
            .filter_map(|der| description::in_words(der))
            .collect(),
        fault: seen.wrong.as_ref().map(|wrong| wrong.fault),
        checked: is_checked(settings),
        client_certificate_requested: seen.asked,
        verdict,
    }
}

/// With a capital and a full stop.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// As in `TLS 1.3`.
pub(crate) fn version(stream: &TlsStream<FirstBytes>) -> &'static str {
    match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    }
}

/// What an error of a connection, encrypted or not, means.
pub(crate) fn explain(error: &io::Error) -> (Fault, String) {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return explain_tls(tls);
    }
    if let Some(unsecured) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        let unsecured: &TlsFailure = unsecured;
        return (unsecured.fault(), unsecured.to_string());
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
            match other.0.downcast_ref::<InvalidCertificate>() {
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
        // With TLS 1.3 it comes when the handshake is over.
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => (
            Fault::ClientCertificateRequired,
            TlsFailure::ClientCertificate(error.clone()).to_string(),
        ),
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => (
            Fault::TlsTooOld,
            "the relay speaks neither TLS 1.2 nor 1.3".to_owned(),
        ),
        _ => (Fault::Handshake, error.to_string()),
    }
}
