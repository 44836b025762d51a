//! Certificates that an administrator trusts for a relay: what they make valid, and what not.

use domain::smtp::stage::CertificateFault;
use domain::{Fault, Label, Stage};

use crate::client::{Client, Outcome};
use testkit::{
    Relay, RelayScript,
    pki::{self, PrivateAuthority, ServerTls},
};

/// Sends a message to `relay.test`, which presents the acceptor's certificate; only `pem` is trusted.
async fn send(tls: ServerTls, pem: &str) -> Outcome {
    let relay = Relay::start(RelayScript::default().with_implicit_tls(tls));
    let outcome = Client::at("relay.test", relay.address.port())
        .with(Label::ConnectionType, "SSL")
        .with(Label::CertificateCheck, "Trusted")
        .with(Label::TrustedCertificates, pem)
        .send()
        .await;
    assert_eq!(relay.record().heard("MAIL"), outcome.result.is_ok());
    outcome
}

#[track_caller]
fn fails(outcome: Outcome, fault: CertificateFault) -> String {
    let failure = outcome.fails(Stage::Tls, Fault::Certificate(fault));
    failure.detail
}

#[tokio::test]
async fn a_trusted_certificate_passes_whatever_its_fields() {
    let authority = PrivateAuthority::new();
    for (names, from, to) in [
        (&["relay.test"][..], 2020, 2999),
        (&["relay.test"], 2020, 2021),
        (&["relay.test"], 2998, 2999),
        (&["mail.example.net"], 2020, 2021),
    ] {
        let (tls, pem) = authority.issue(names, from, to);
        send(tls, &format!("Subject: anything\n{pem}"))
            .await
            .delivery();
    }
    for versions in [rustls::DEFAULT_VERSIONS, &[&rustls::version::TLS12]] {
        let (tls, pem) = pki::version_1(versions);
        send(tls, &pem).await.delivery();
    }
}

#[tokio::test]
async fn a_trusted_certificate_requires_its_key() {
    let (tls, pem) = pki::with_another_key(&["relay.test"]);
    fails(send(tls, &pem).await, CertificateFault::Invalid);
}

#[tokio::test]
async fn a_trusted_ca_requires_valid_names_and_dates() {
    let authority = PrivateAuthority::new();
    let (tls, _) = authority.issue(&["relay.test"], 2020, 2999);
    send(tls, &authority.pem()).await.delivery();
    for (names, to, fault) in [
        (&["other.test"], 2999, CertificateFault::OtherName),
        (&["relay.test"], 2021, CertificateFault::Expired),
    ] {
        let (tls, _) = authority.issue(names, 2020, to);
        fails(send(tls, &authority.pem()).await, fault);
    }
}

#[tokio::test]
async fn trusted_certificates_replace_the_system_roots() {
    let authority = PrivateAuthority::new();
    let (_, leaf) = authority.issue(&["relay.test"], 2020, 2999);
    for pem in [authority.pem(), leaf.clone()] {
        for tls in [
            pki::trusted(&["relay.test"]),
            pki::by_unknown_authority(&["relay.test"], 2020, 2999),
            pki::self_signed(&["relay.test"], true).0,
            PrivateAuthority::new().issue(&["relay.test"], 2020, 2999).0,
            pki::version_1(rustls::DEFAULT_VERSIONS).0,
        ] {
            fails(send(tls, &pem).await, CertificateFault::NotTrusted);
        }
    }
    // A leaf certificate does not make other certificates of its issuer valid.
    let (tls, _) = authority.issue(&["relay.test"], 2020, 2999);
    fails(send(tls, &leaf).await, CertificateFault::NotTrusted);
}

#[tokio::test]
async fn a_changed_certificate_is_reported_with_the_trusted_one() {
    let authority = PrivateAuthority::new();
    let (_, before) = authority.issue(&["relay.test"], 2020, 2030);
    let (tls, after) = authority.issue(&["relay.test"], 2020, 2040);
    let text = fails(
        send(tls.clone(), &before).await,
        CertificateFault::NotTrusted,
    );
    for date in ["2030-01-01", "2040-01-01"] {
        assert!(text.contains(date), "{text}");
    }
    assert_eq!(text.matches("SHA-256 ").count(), 2, "{text}");
    send(tls, &format!("{before}{after}")).await.delivery();
}
