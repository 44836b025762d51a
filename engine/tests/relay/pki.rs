//! Certificates of the tests: right ones, and wrong ones of every kind.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

type Authority = CertifiedIssuer<'static, KeyPair>;
type Chain = Vec<CertificateDer<'static>>;

const KNOWN: &str = "Authority of the tests";

/// The authority that the tests' dialer trusts.
fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| new_authority(KNOWN))
}

pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(authority().der().clone()).expect("a root");
    roots
}

/// For these names, in date, by the trusted authority.
pub fn trusted(names: &[&str]) -> TlsAcceptor {
    dated(names, 2020, 2999)
}

/// By the trusted authority, valid from the one year to the other.
pub fn dated(names: &[&str], from: i32, to: i32) -> TlsAcceptor {
    issued(names, from, to, authority())
}

/// By an authority that nobody knows, and that is called as the trusted one.
pub fn by_a_namesake(names: &[&str]) -> TlsAcceptor {
    issued(names, 2020, 2999, &new_authority(KNOWN))
}

/// By an authority that nobody knows.
pub fn by_a_stranger(names: &[&str], from: i32, to: i32) -> TlsAcceptor {
    issued(names, from, to, &new_authority("A stranger"))
}

/// A house with an authority of its own, which this machine does not know.
pub struct House(Authority);

impl House {
    pub fn new() -> Self {
        Self(new_authority("A house's own"))
    }

    /// The authority's certificate.
    pub fn pem(&self) -> String {
        pem(self.0.der())
    }

    /// A relay of the house and its certificate, valid from the one year to the other.
    pub fn relay(&self, names: &[&str], from: i32, to: i32) -> (TlsAcceptor, String) {
        let (chain, key) = signed(names, from, to, &self.0);
        let pem = pem(&chain[0]);
        (acceptor(chain, &key), pem)
    }
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    let body = STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// By itself; as an authority's certificate, which is what a plain `openssl req -x509` makes, or
/// as a server's.
pub fn by_itself(names: &[&str], as_authority: bool) -> (TlsAcceptor, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = params(names, 2020, 2999);
    if as_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let certificate = params.self_signed(&key).expect("a certificate");
    let der = certificate.der().clone();
    (acceptor(vec![der.clone()], &key), der)
}

/// As [`trusted`], by a relay that knows nothing newer.
pub fn only_tls_1_2(names: &[&str]) -> TlsAcceptor {
    let (chain, key) = signed(names, 2020, 2999, authority());
    acceptor_of(chain, &key, &[&rustls::version::TLS12])
}

/// X.509 version 1, by itself, for the subject `relay.test`: what `openssl x509 -req -signkey` made
/// of old devices' certificates. rcgen does not make them.
pub fn version_1(versions: &[&'static SupportedProtocolVersion]) -> (TlsAcceptor, String) {
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
    let pem = pem(&certificate);
    (acceptor_of(vec![certificate], &key, versions), pem)
}

/// A right certificate in the hands of somebody without its key.
pub fn with_another_key(names: &[&str]) -> (TlsAcceptor, String) {
    let (chain, _) = signed(names, 2020, 2999, authority());
    let pem = pem(&chain[0]);
    (acceptor(chain, &KeyPair::generate().expect("a key")), pem)
}

/// Not a certificate at all.
pub fn garbage() -> TlsAcceptor {
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

fn issued(names: &[&str], from: i32, to: i32, authority: &Authority) -> TlsAcceptor {
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

fn acceptor(chain: Chain, key: &KeyPair) -> TlsAcceptor {
    acceptor_of(chain, key, rustls::DEFAULT_VERSIONS)
}

fn acceptor_of(
    chain: Chain,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider
        .key_provider
        .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a private key");
    // Not `with_single_cert`, which would look at the certificate.
    let certified = Arc::new(CertifiedKey::new(chain, key));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    TlsAcceptor::from(Arc::new(config))
}
