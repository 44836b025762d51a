//! What is recorded of a handshake, however it ends.

use std::sync::Arc;
use std::time::Duration;

use domain::certificate::Handshake;
use domain::stage::CertificateFault;
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

use crate::smtp::wire::tls::{Tls, explain, told};

/// What the other end does.
enum Relay {
    Shows(TlsAcceptor),
    Says(&'static [u8]),
    Waits,
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

    fn shows(&self, chain: Vec<CertificateDer<'static>>) -> Relay {
        self.shows_by(chain, &self.key, rustls::DEFAULT_VERSIONS)
    }

    fn shows_by(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Relay {
        self.shows_and_asks(chain, key, versions, Arc::new(NoClientAuth))
    }

    fn shows_and_asks(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &KeyPair,
        versions: &[&'static SupportedProtocolVersion],
        asks: Arc<dyn ClientCertVerifier>,
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
            .with_client_cert_verifier(asks)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Relay::Shows(TlsAcceptor::from(Arc::new(config)))
    }

    /// Asks for a certificate, and may do without.
    fn asking(&self, required: bool) -> Arc<dyn ClientCertVerifier> {
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
        Relay::Waits => Duration::from_millis(50),
        _ => Duration::from_secs(10),
    };
    let other_end = async move {
        let (mut tcp, _) = listener.accept().await.expect("a connection");
        match relay {
            Relay::Shows(acceptor) => drop(acceptor.accept(tcp).await),
            Relay::Says(bytes) => {
                let _ = tcp.read(&mut [0; 4096]).await;
                let _ = tcp.write_all(bytes).await;
            }
            Relay::Waits => while tcp.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {},
        }
    };
    let this_end = async {
        let tcp = TcpStream::connect(port).await.expect("a connection");
        let deadline = Instant::now() + within;
        let (seen, attempt) = tls.handshake(tcp, &settings, deadline).await;
        let told = told(&seen, &settings, &attempt);
        let fault = match attempt {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(explain(&error).0),
            Err(_) => Some(Fault::TimedOut),
        };
        (told, fault)
    };
    tokio::join!(this_end, other_end).0
}

#[tokio::test]
async fn a_handshake_that_succeeds_tells_what_was_agreed() {
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
        let relay = pki.shows_by(chain.clone(), &pki.key, versions);
        let (told, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, None);
        assert_eq!(told.version.as_deref(), Some(version));
        assert_eq!(told.cipher.as_deref(), Some(cipher));
        assert_eq!(told.chain[0].names, ["relay.test"]);
        assert!(told.chain[1].authority);
        assert!(told.checked && told.fault.is_none());
        assert!(told.verdict.contains("for this host"), "{}", told.verdict);
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_whether_or_not_it_ends_the_session() {
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
            let relay = pki.shows_by(chain, key, rustls::DEFAULT_VERSIONS);
            let (told, fault) = handshake(&pki.tls(), relay, check).await;
            let ended = (check == "Verify" || !goes_on).then_some(Fault::Certificate(wrong));
            assert_eq!(fault, ended, "{}", told.verdict);
            assert_eq!(told.fault, Some(wrong));
            assert_eq!(told.checked, check == "Verify");
            assert_eq!(told.version.as_deref(), Some("TLS 1.3"));
            assert_eq!(told.chain.len(), shown);
            assert!(told.verdict.contains(words), "{}", told.verdict);
            assert_eq!(told.cipher.is_some(), fault.is_none());
        }
    }
}

#[tokio::test]
async fn a_handshake_without_a_certificate_tells_that() {
    let pki = Pki::new();
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    // A ServerHello that answers with TLS 1.1.
    let old = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\xc0\x13\x00";
    for (relay, expected, words) in [
        (
            Relay::Says(alert),
            Fault::TlsTooOld,
            "neither TLS 1.2 nor 1.3",
        ),
        (
            Relay::Says(old),
            Fault::TlsTooOld,
            "neither TLS 1.2 nor 1.3",
        ),
        (
            Relay::Says(b"220 hello\r\n"),
            Fault::NotTls,
            ": the answer was not TLS: 220 hello.",
        ),
        (
            Relay::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Fault::NotSmtp,
            "a web server answered, and not with TLS: HTTP/1.1 400 Bad Request.",
        ),
        (Relay::Says(b""), Fault::Closed, "closed"),
        (Relay::Waits, Fault::TimedOut, "in time"),
    ] {
        let (told, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, Some(expected), "{}", told.verdict);
        assert!(told.chain.is_empty() && told.version.is_none());
        assert!(told.verdict.contains(words), "{}", told.verdict);
    }
}

#[tokio::test]
async fn a_relay_that_asks_for_a_certificate_is_told_of() {
    use rustls::version::{TLS12, TLS13};
    let pki = Pki::new();
    let chain = vec![pki.certificate("relay.test", 2999)];
    let wanted = Some(Fault::ClientCertificateRequired);
    for (version, required, expected) in [
        (&TLS12, true, wanted),
        (&TLS12, false, None),
        // The relay says no when the handshake is over.
        (&TLS13, true, None),
        (&TLS13, false, None),
    ] {
        let asks = pki.asking(required);
        let relay = pki.shows_and_asks(chain.clone(), &pki.key, &[version], asks);
        let (told, fault) = handshake(&pki.tls(), relay, "Verify").await;
        assert_eq!(fault, expected, "{version:?}");
        assert!(told.client_certificate_requested, "{version:?}");
        assert!(told.facts()[1].contains("asked for a client certificate"));
    }
    let relay = pki.shows(chain);
    let (told, _) = handshake(&pki.tls(), relay, "Verify").await;
    assert!(!told.client_certificate_requested);
    assert!(!told.facts().iter().any(|fact| fact.contains("client")));
}

#[tokio::test]
async fn a_chain_without_end_is_cut() {
    let pki = Pki::new();
    let chain = vec![pki.certificate("relay.test", 2999); 50];
    let (told, fault) = handshake(&pki.tls(), pki.shows(chain), "Off").await;
    assert_eq!((fault, told.chain.len()), (None, 10));
}
