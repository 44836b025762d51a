//! The submission listener in TLS: from the first octet, and by STARTTLS.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::protocol::limits::SessionLimits;
use super::test_client::{ANN, SmtpTestClient, TestSubmission, on_tcp, within};
use crate::cli::SubmissionArgs;

/// A listener with a certificate, and what its clients trust.
struct Secured {
    gate: TestSubmission,
    connector: TlsConnector,
    _folder: tempfile::TempDir,
}

impl Secured {
    async fn open() -> Self {
        Self::open_within(SessionLimits::default()).await
    }

    async fn open_within(limits: SessionLimits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["gate.test".to_owned()]);
        let made = made.expect("a certificate");
        let (certificate, key) = (
            folder.path().join("cert.pem"),
            folder.path().join("key.pem"),
        );
        std::fs::write(&certificate, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let args = SubmissionArgs {
            submissions: Some(([127, 0, 0, 1], 0).into()),
            submission_cert: Some(certificate),
            submission_key: Some(key),
            ..on_tcp()
        };
        Self {
            gate: TestSubmission::open_within(args, limits, 100).await,
            connector: connector(made.cert.der().clone()),
            _folder: folder,
        }
    }

    async fn handshake(&self, stream: TcpStream) -> SmtpTestClient<TlsStream<TcpStream>> {
        let name = ServerName::try_from("gate.test").expect("a name");
        let secured = within(self.connector.connect(name, stream)).await;
        SmtpTestClient::new(secured.expect("a handshake"))
    }
}

fn connector(trusted: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn a_session_goes_on_in_tls_after_starttls() {
    let secured = Secured::open().await;
    let token = secured.gate.account(ANN).await;
    let mut client = secured.gate.client().await;
    let plain = client.expect("EHLO app.test", "250-").await;
    assert!(plain.contains("\n250-STARTTLS\n"), "{plain}");
    client.expect("STARTTLS", "220 2.0.0 ").await;
    let mut client = secured.handshake(client.stream).await;
    client.expect("MAIL FROM:<>", "503 5.5.1").await;
    let inside = client.expect("EHLO app.test", "250-").await;
    assert!(!inside.contains("STARTTLS"), "{inside}");
    let response = STANDARD.encode(format!("\0{ANN}\0{token}"));
    client
        .expect(&format!("AUTH PLAIN {response}"), "235 2.7.0")
        .await;
    let (by, mail) = secured.gate.mail(&client.send_mail(ANN).await).await;
    assert_eq!(by, ANN);
    assert!(mail.contains(" with ESMTPSA"), "{mail}");
    client.expect("QUIT", "221 2.0.0").await;
}

#[tokio::test]
async fn what_is_sent_behind_starttls_ends_the_session() {
    let secured = Secured::open().await;
    let mut client = secured.gate.client().await;
    client.expect("EHLO app.test", "250-").await;
    client
        .send("STARTTLS\r\nMAIL FROM:<eve@example.org>\r\n")
        .await;
    client.expect_reply("STARTTLS", "503 5.5.1 ").await;
    client.expect_end().await;
}

#[tokio::test]
async fn implicit_tls_begins_with_the_first_octet() {
    let secured = Secured::open().await;
    let stream = TcpStream::connect(secured.gate.addresses[1]).await;
    let mut client = secured.handshake(stream.expect("connects")).await;
    client.expect_reply("nothing", "220 gate.test").await;
    client.expect("EHLO app.test", "250-").await;
    client.expect("STARTTLS", "503 5.5.1").await;
    let (by, mail) = secured.gate.mail(&client.send_mail(ANN).await).await;
    assert_eq!(by, "local");
    assert!(mail.contains(" with ESMTPS"), "{mail}");

    let stream = TcpStream::connect(secured.gate.addresses[1]).await;
    let mut client = SmtpTestClient::new(stream.expect("connects"));
    client.send("EHLO app.test\r\n").await;
    let reply = client.reply().await;
    assert!(!reply.starts_with('2'), "{reply}");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let secured = Secured::open_within(SessionLimits {
        write: Duration::from_secs(3600),
        ..SessionLimits::default()
    })
    .await;
    let connect = || TcpStream::connect(secured.gate.addresses[1]);
    let _silent = connect().await.expect("connects");
    // The silent one was accepted before.
    let mut client = secured.handshake(connect().await.expect("connects")).await;
    client.expect_reply("nothing", "220 gate.test").await;
    client.expect("QUIT", "221 2.0.0").await;
    let mut begun = secured.gate.client().await;
    begun.expect("EHLO app.test", "250-").await;
    begun.expect("STARTTLS", "220 2.0.0 ").await;
    secured.gate.stopped().await;
}
