//! Tests of what is recorded of a handshake, whether it succeeds or fails.

use std::sync::Arc;
use std::time::Duration;

use domain::smtp::certificate::Handshake;
use domain::smtp::stage::CertificateFault;
use domain::{Fault, Form, Label};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::Tls;
use super::failure::explain;

/// What the relay does.
enum Relay {
    Presents(TlsAcceptor),
    Sends(&'static [u8]),
    IsSilent,
}

struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self {
            authority: CertifiedIssuer::self_signed(params, key).expect("an authority"),
            key: KeyPair::generate().expect("a key"),
        }
    }

    fn certificate(&self, name: &str, until: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([name.to_owned()]).expect("names");
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&self.key, &self.authority);
        certificate.expect("a certificate").der().clone()
    }

    fn presenting(&self, chain: Vec<CertificateDer<'static>>) -> Relay {
        self.presenting_by(chain, &self.key, rustls::DEFAULT_VERSIONS)
    }

    fn presenting_by(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Relay {
        self.presenting_and_requesting(chain, key, versions, Arc::new(NoClientAuth))
    }

    fn presenting_and_requesting(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
        versions: &[&'static SupportedProtocolVersion],
        requests: Arc<dyn ClientCertVerifier>,
    ) -> Relay {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = provider
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("a private key");
        let certified = Arc::new(CertifiedKey::new(chain, key));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_client_cert_verifier(requests)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Relay::Presents(TlsAcceptor::from(Arc::new(config)))
    }

    /// Requests a client certificate, and with `required` demands it.
    fn requesting(&self, required: bool) -> Arc<dyn ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let asking = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let asking = match required {
            true => asking,
            false => asking.allow_unauthenticated(),
        };
        asking.build().expect("a verifier")
    }

    fn tls(&self) -> Tls {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("a root");
        Tls::new(roots).expect("TLS")
    }
}

/// A handshake with a relay that is called `relay.test`.
async fn handshake(tls: &Tls, relay: Relay, check: &str) -> (Handshake, Option<Fault>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let settings = Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Host, "relay.test")
        .with(Label::Port, "465")
        .with(Label::ConnectionType, "SSL")
        .with(Label::CertificateCheck, check)
        .parse()
        .expect("valid");
    let port = listener.local_addr().expect("an address");
    let within = match &relay {
        Relay::IsSilent => Duration::from_millis(50),
        _ => Duration::from_secs(10),
    };
    let other_end = async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        match relay {
            Relay::Presents(acceptor) => drop(acceptor.accept(tcp).await),
            Relay::Sends(bytes) => {
                let _ = tcp.read(&mut [0; 4096]).await;
                let _ = tcp.write_all(bytes).await;
            }
            Relay::IsSilent => while tcp.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {},
        }
    };
    let this_end = async {
        let tcp = TcpStream::connect(port).await.expect("a connection");
        let deadline = Instant::now() + within;
        let handshake = tls.handshake(tcp, &settings, deadline).await;
        let described = handshake.describe(&settings);
        let fault = match handshake.outcome {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(explain(&error).0),
            Err(_) => Some(Fault::TimedOut),
        };
        (described, fault)
    };
    tokio::join!(this_end, other_end).0
}

#[tokio::test]
async fn a_handshake_that_succeeds_records_what_was_agreed() {
    let pki = Pki::new();
    let chain = vec![
        pki.certificate("relay.test", 2999),
        pki.authority.der().clone(),
    ];
    for (versions, version, cipher) in [
        (
            rustls::DEFAULT_VERSIONS,
            "TLS 1.3",
            "TLS_AES_256_GCM_SHA384",
        ),
        (
            &[&rustls::version::TLS12],
            "TLS 1.2",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        ),
    ] {
        let relay = pki.presenting_by(chain.clone(), &pki.key, versions);
        let (handshake, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, None);
        assert_eq!(handshake.version.as_deref(), Some(version));
        assert_eq!(handshake.cipher.as_deref(), Some(cipher));
        assert_eq!(handshake.chain[0].names, ["relay.test"]);
        assert!(handshake.chain[1].authority);
        assert!(handshake.checked && handshake.fault.is_none());
        assert!(
            handshake.verdict.contains("for this host"),
            "{}",
            handshake.verdict
        );
    }
}

#[tokio::test]
async fn a_fault_is_recorded_whether_or_not_it_ends_the_session() {
    use CertificateFault::{Expired, Invalid, OtherName};
    let pki = Pki::new();
    let strangers_key = KeyPair::generate().expect("a key");
    let garbage = CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 1]);
    let right = pki.certificate("relay.test", 2999);
    for (certificate, key, wrong, words, shown, goes_on) in [
        (
            pki.certificate("relay.test", 2021),
            &pki.key,
            Expired,
            "has expired on 2021-01-01.",
            1,
            true,
        ),
        (
            pki.certificate("other.test", 2999),
            &pki.key,
            OtherName,
            "is for other.test, not for relay.test.",
            1,
            true,
        ),
        (
            right,
            &strangers_key,
            Invalid,
            "cannot be verified",
            1,
            false,
        ),
        (garbage, &pki.key, Invalid, "cannot be read.", 0, false),
    ] {
        for check in ["Verify", "Off"] {
            let chain = vec![certificate.clone()];
            let relay = pki.presenting_by(chain, key, rustls::DEFAULT_VERSIONS);
            let (handshake, fault) = handshake(&pki.tls(), relay, check).await;
            let ended = (check == "Verify" || !goes_on).then_some(Fault::Certificate(wrong));
            assert_eq!(fault, ended, "{}", handshake.verdict);
            assert_eq!(handshake.fault, Some(wrong));
            assert_eq!(handshake.checked, check == "Verify");
            assert_eq!(handshake.version.as_deref(), Some("TLS 1.3"));
            assert_eq!(handshake.chain.len(), shown);
            assert!(handshake.verdict.contains(words), "{}", handshake.verdict);
            assert_eq!(handshake.cipher.is_some(), fault.is_none());
        }
    }
}

#[tokio::test]
async fn a_handshake_without_a_certificate_is_described() {
    let pki = Pki::new();
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    // A ServerHello that answers with TLS 1.1.
    let old = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";
    for (relay, expected, words) in [
        (
            Relay::Sends(alert),
            Fault::TlsTooOld,
            "neither TLS 1.2 nor 1.3",
        ),
        (
            Relay::Sends(old),
            Fault::TlsTooOld,
            "neither TLS 1.2 nor 1.3",
        ),
        (
            Relay::Sends(b"220 hello\r\n"),
            Fault::NotTls,
            ": the answer was not TLS: 220 hello.",
        ),
        (
            Relay::Sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Fault::NotSmtp,
            "a web server answered, and not with TLS: HTTP/1.1 400 Bad Request.",
        ),
        (Relay::Sends(b""), Fault::Closed, "closed"),
        (Relay::IsSilent, Fault::TimedOut, "in time"),
    ] {
        let (handshake, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, Some(expected), "{}", handshake.verdict);
        assert!(handshake.chain.is_empty() && handshake.version.is_none());
        assert!(handshake.verdict.contains(words), "{}", handshake.verdict);
    }
}

#[tokio::test]
async fn a_request_for_a_client_certificate_is_recorded() {
    use rustls::version::{TLS12, TLS13};
    let pki = Pki::new();
    let chain = vec![pki.certificate("relay.test", 2999)];
    let wanted = Some(Fault::ClientCertificateRequired);
    for (version, required, expected) in [
        (&TLS12, true, wanted),
        (&TLS12, false, None),
        // The relay refuses after the handshake.
        (&TLS13, true, None),
        (&TLS13, false, None),
    ] {
        let asks = pki.requesting(required);
        let relay = pki.presenting_and_requesting(chain.clone(), &pki.key, &[version], asks);
        let (handshake, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, expected, "{version:?}");
        assert!(handshake.client_certificate_requested, "{version:?}");
        assert!(handshake.facts()[1].contains("asked for a client certificate"));
    }
    let relay = pki.presenting(chain);
    let (handshake, _) = handshake(&pki.tls(), relay, "Verify").await;
    assert!(!handshake.client_certificate_requested);
    assert!(!handshake.facts().iter().any(|fact| fact.contains("client")));
}

#[tokio::test]
async fn an_endless_chain_is_cut() {
    let pki = Pki::new();
    let chain = vec![pki.certificate("relay.test", 2999); 50];
    let (handshake, fault) = handshake(&pki.tls(), pki.presenting(chain), "Off").await;
    assert_eq!((fault, handshake.chain.len()), (None, 10));
}
