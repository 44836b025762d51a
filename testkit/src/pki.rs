//! Certificates for relays in tests: valid ones and each kind of invalid one.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// The server's side of TLS: a certificate chain and its key.
pub type ServerTls = Arc<ServerConfig>;

type Authority = CertifiedIssuer<'static, KeyPair>;
type Chain = Vec<CertificateDer<'static>>;

/// The common name of the trusted authority.
const TRUSTED: &str = "Test authority";

/// The authority in [`roots`].
fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| new_authority(TRUSTED))
}

/// Roots that contain the trusted authority only.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority().der().clone()).expect("a root");
    roots
}

/// A valid certificate for these names by the trusted authority.
pub fn trusted(names: &[&str]) -> ServerTls {
    dated(names, 2020, 2999)
}

/// A certificate by the trusted authority, valid between these years.
pub fn dated(names: &[&str], from: i32, to: i32) -> ServerTls {
    issued(names, from, to, authority())
}

/// A certificate by an unknown authority with the name of the trusted one.
pub fn by_namesake(names: &[&str]) -> ServerTls {
    issued(names, 2020, 2999, &new_authority(TRUSTED))
}

/// A certificate by an unknown authority.
pub fn by_unknown_authority(names: &[&str], from: i32, to: i32) -> ServerTls {
    issued(names, from, to, &new_authority("Unknown authority"))
}

/// A private authority, which is not in [`roots`].
pub struct PrivateAuthority(Authority);

impl PrivateAuthority {
    #[allow(
        clippy::new_without_default,
        reason = "each is another authority, and a default would be the same each time"
    )]
    pub fn new() -> Self {
        Self(new_authority("Private authority"))
    }

    /// The authority's certificate.
    pub fn pem(&self) -> String {
        to_pem(self.0.der())
    }

    /// A certificate by this authority, valid between these years, and its PEM.
    pub fn issue(&self, names: &[&str], from: i32, to: i32) -> (ServerTls, String) {
        let (chain, key) = signed(names, from, to, &self.0);
        let pem = to_pem(&chain[0]);
        (acceptor(chain, &key), pem)
    }
}

fn to_pem(certificate: &CertificateDer<'_>) -> String {
    let body = STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// A self-signed certificate: of an authority, as a plain `openssl req -x509` creates it, or of a
/// server.
pub fn self_signed(names: &[&str], as_authority: bool) -> (ServerTls, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = params(names, 2020, 2999);
    if as_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let certificate = params.self_signed(&key).expect("a certificate");
    let der = certificate.der().clone();
    (acceptor(vec![der.clone()], &key), der)
}

/// As [`trusted`], with TLS 1.2 as the newest version.
pub fn only_tls_1_2(names: &[&str]) -> ServerTls {
    let (chain, key) = signed(names, 2020, 2999, authority());
    acceptor_of(chain, &key, &[&rustls::version::TLS12])
}

/// A self-signed X.509 version 1 certificate for the subject `relay.test`, as old devices have them.
/// rcgen does not create this version; `openssl x509 -req -signkey` does.
pub fn version_1(versions: &[&'static SupportedProtocolVersion]) -> (ServerTls, String) {
    let decode = |text| STANDARD.decode(text).expect("base64");
    let certificate = decode(concat!(
        "MIIBJzCBzQIUE1Ih9SQv7SPuAQcV1d1d6djSCAgwCgYIKoZIzj0EAwIwFTETMBEGA1UEAwwKcmVsYXkudGVz",
        "dDAgFw0yNjExMjAwNTU3MjdaGA8yMTI2MTAyNzA1NTcyN1owFTETMBEGA1UEAwwKcmVsYXkudGVzdDBZMBMG",
        "ByqGSM49AgEGCCqGSM49AwEHA0IABAaYFIF3U0j2kQlVAfJyEAbMDdY5xgLh8ASeg4UEAHhtG3yPT8KZFKta",
        "nqLZHcPzebcNF0+0TtBlz+TyIk0HRoIwCgYIKoZIzj0EAwIDSQAwRgIhAIOAYlo2SYcx7x/5GcL6Q/bPKR6p",
        "qntYGf8sdWcdSIiTAiEA5EuOxv596q8c5trB2XqY4A3/SBPLOx3TfQAZJ10Z0ko=",
    ));
    let key = decode(concat!(
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRSwHsJxiDFZK+6QNwDWeKJJZIcxznMTtgb/Y",
        "YIWtW4qhRANCAAQGmBSBd1NI9pEJVQHychAGzA3WOcYC4fAEnoOFBAB4bRt8j0/CmRSrWp6i2R3D83m3DRdP",
        "tE7QZc/k8iJNB0aC",
    ));
    let key = KeyPair::try_from(key).expect("a key");
    let certificate = CertificateDer::from(certificate);
    let pem = to_pem(&certificate);
    (acceptor_of(vec![certificate], &key, versions), pem)
}

/// A valid certificate with the key of another one.
pub fn with_another_key(names: &[&str]) -> (ServerTls, String) {
    let (chain, _) = signed(names, 2020, 2999, authority());
    let pem = to_pem(&chain[0]);
    (acceptor(chain, &KeyPair::generate().expect("a key")), pem)
}

/// Bytes that are not a certificate.
pub fn garbage() -> ServerTls {
    let key = KeyPair::generate().expect("a key");
    acceptor(
        vec![CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 1])],
        &key,
    )
}

fn new_authority(name: &str) -> Authority {
    let mut params = params(&[], 2000, 2999);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

fn issued(names: &[&str], from: i32, to: i32, authority: &Authority) -> ServerTls {
    let (chain, key) = signed(names, from, to, authority);
    acceptor(chain, &key)
}

fn signed(names: &[&str], from: i32, to: i32, authority: &Authority) -> (Chain, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let certificate = params(names, from, to)
        .signed_by(&key, authority)
        .expect("a certificate");
    (vec![certificate.der().clone()], key)
}

fn params(names: &[&str], from: i32, to: i32) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

fn acceptor(chain: Chain, key: &KeyPair) -> ServerTls {
    acceptor_of(chain, key, rustls::DEFAULT_VERSIONS)
}

fn acceptor_of(
    chain: Chain,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerTls {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a private key");
    // Not `with_single_cert`, which would refuse invalid certificates.
    let certified = Arc::new(CertifiedKey::new(chain, key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    Arc::new(config)
}
