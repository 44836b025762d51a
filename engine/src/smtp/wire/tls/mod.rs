//! TLS 1.2 and 1.3 by rustls and ring: the handshake with a relay, and its description.

pub(super) mod failure;
pub(super) mod first_bytes;

use std::io;
use std::sync::Arc;

use domain::smtp::certificate::{Handshake, UNCHECKED};
use domain::{CertificateCheck, ConnectionType, Host, SmtpSettings};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, ProtocolVersion, RootCertStore, WantsVerifier};
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::smtp::certificate::{
    CertificateValidator, HandshakeRecord, TrustStore, Verifier, parse_certificate,
};
use crate::smtp::names;
use failure::{TlsFailure, explain};
use first_bytes::FirstBytes;

/// The configuration that all handshakes share.
pub(crate) struct Tls {
    roots: Arc<RootCertStore>,
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
}

/// A handshake, as far as it came.
pub(super) struct TlsHandshake {
    /// What the relay presented, also where the handshake failed.
    pub record: HandshakeRecord,
    pub outcome: HandshakeOutcome,
}

/// An encrypted stream, an error that [`explain`] explains, or neither before the deadline.
pub(super) type HandshakeOutcome = Result<io::Result<TlsStream<FirstBytes>>, Elapsed>;

impl Tls {
    /// Validates certificates against these roots, except where the settings of a relay list some.
    ///
    /// # Errors
    /// Where rustls supports no TLS version with this provider.
    pub fn new(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(Self {
            roots: Arc::new(roots),
            builder: ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?,
        })
    }

    /// Performs the handshake. The certificate must be for the host of the settings: its name, or
    /// its exact address (RFC 5280 section 4.2.1.6).
    pub(super) async fn handshake(
        &self,
        tcp: TcpStream,
        settings: &SmtpSettings,
        deadline: Instant,
    ) -> TlsHandshake {
        let verifier = Arc::new(Verifier::new(
            self.validator(settings),
            is_checked(settings),
        ));
        let outcome = match server_name(&settings.host) {
            Ok(name) => {
                let connector = self.connector(verifier.clone());
                let connecting = connector
                    .connect(name, FirstBytes::new(tcp))
                    .into_fallible();
                let connected = timeout_at(deadline, connecting).await;
                connected.map(|connected| {
                    connected.map_err(|(error, stream)| {
                        // Plain text after STARTTLS is response injection, whatever it says.
                        let implicit = settings.connection == ConnectionType::Ssl;
                        let line = implicit.then(|| stream.first_line());
                        let asked = verifier.record().client_certificate_requested;
                        match TlsFailure::find(&error, asked, line) {
                            Some(failure) => io::Error::other(failure),
                            None => error,
                        }
                    })
                })
            }
            Err(error) => Ok(Err(error)),
        };
        TlsHandshake {
            record: verifier.record(),
            outcome,
        }
    }

    /// Performs the handshake with a web server, whose certificate must be for the host.
    ///
    /// # Errors
    /// Why it failed, for people.
    pub async fn handshake_with_web(
        &self,
        tcp: TcpStream,
        host: &Host,
    ) -> Result<TlsStream<FirstBytes>, String> {
        let validator = self.validator_by(TrustStore::System(self.roots.clone()));
        let verifier = Arc::new(Verifier::new(validator, true));
        let connecting = async {
            let name = server_name(host)?;
            let connector = self.connector(verifier);
            connector.connect(name, FirstBytes::new(tcp)).await
        };
        // The texts are about relays.
        let failed = |error: io::Error| explain(&error).1.replace("the relay", "the server");
        connecting.await.map_err(failed)
    }

    fn validator(&self, settings: &SmtpSettings) -> CertificateValidator {
        self.validator_by(TrustStore::new(settings, &self.roots))
    }

    fn validator_by(&self, trust_store: TrustStore) -> CertificateValidator {
        CertificateValidator {
            trust_store,
            algorithms: self
                .builder
                .crypto_provider()
                .signature_verification_algorithms,
        }
    }

    /// For one handshake: making a configuration takes about 1 µs.
    fn connector(&self, verifier: Arc<Verifier>) -> TlsConnector {
        let mut config = self
            .builder
            .clone()
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(verifier);
        // Every connection validates the certificate anew.
        config.resumption = Resumption::disabled();
        TlsConnector::from(Arc::new(config))
    }
}

impl TlsHandshake {
    /// The handshake as an observer gets it.
    pub fn describe(&self, settings: &SmtpSettings) -> Handshake {
        let Self { record, outcome } = self;
        let cipher = match outcome {
            Ok(Ok(stream)) => stream.get_ref().1.negotiated_cipher_suite(),
            _ => None,
        };
        let verdict = match (&record.invalid, record.valid, outcome) {
            (Some(invalid), _, Ok(Ok(_))) => sentence(&invalid.reason) + UNCHECKED,
            (Some(invalid), _, _) => sentence(&invalid.reason),
            (None, Some(valid), _) => valid.to_owned(),
            (None, None, Ok(Err(error))) => {
                format!("The relay showed no certificate: {}.", explain(error).1)
            }
            (None, None, _) => "The relay showed no certificate in time.".to_owned(),
        };
        Handshake {
            version: record.version.map(str::to_owned),
            cipher: cipher.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")),
            chain: record
                .chain
                .iter()
                .filter_map(|der| parse_certificate(der))
                .collect(),
            fault: record.invalid.as_ref().map(|invalid| invalid.fault),
            checked: is_checked(settings),
            client_certificate_requested: record.client_certificate_requested,
            verdict,
        }
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

/// Whether an invalid certificate ends the handshake.
fn is_checked(settings: &SmtpSettings) -> bool {
    settings.certificate_check != CertificateCheck::Off
}

/// Makes a sentence of a reason: with a capital and a full stop.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// As in `TLS 1.3`.
pub(super) fn version(stream: &TlsStream<FirstBytes>) -> &'static str {
    match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    }
}

#[cfg(test)]
mod handshake_tests;
