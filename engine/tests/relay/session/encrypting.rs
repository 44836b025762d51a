//! TLS in all connection types: what is verified, what is refused, and servers of other kinds.

use domain::smtp::stage::CertificateFault;
use domain::{Fault, Label, Stage};
use engine::smtp::{AddressPolicy, Dialer};

use crate::client::{Client, resolver};
use testkit::{
    Action, Relay, RelayScript,
    pki::{self, ServerTls},
};

/// A relay with this certificate, TLS from the first byte or by StartTLS.
fn relay(tls: ServerTls, connection: &str) -> Relay {
    Relay::start(match connection {
        "SSL" => RelayScript::default().with_implicit_tls(tls),
        _ => RelayScript::default().with_starttls(tls),
    })
}

#[tokio::test]
async fn every_connection_type_encrypts_and_verifies() {
    let tls = pki::trusted(&["relay.test", "127.0.0.1"]);
    for connection in ["None", "SSL", "TLS"] {
        for host in ["relay.test", "127.0.0.1"] {
            let relay = relay(tls.clone(), connection);
            let outcome = Client::at(host, relay.address.port())
                .with(Label::ConnectionType, connection)
                .send()
                .await;
            assert_eq!(outcome.encryption.as_deref(), Some("TLS 1.3"));
            let tls_at = outcome.stages.iter().position(|stage| *stage == Stage::Tls);
            let greeting_at = outcome
                .stages
                .iter()
                .position(|stage| *stage == Stage::Greeting);
            assert_eq!(
                tls_at < greeting_at,
                connection == "SSL",
                "{:?}",
                outcome.stages
            );
            outcome.delivery();
            assert!(!String::from_utf8_lossy(&relay.record().clear).contains("MAIL"));
        }
    }
}

#[tokio::test]
async fn tls_1_2_is_accepted() {
    let relay = relay(pki::only_tls_1_2(&["127.0.0.1"]), "SSL");
    let outcome = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .send()
        .await;
    assert_eq!(outcome.encryption.as_deref(), Some("TLS 1.2"));
    outcome.delivery();
}

#[tokio::test]
async fn the_fault_of_a_certificate_is_determined() {
    use CertificateFault::*;
    let names = &["relay.test"][..];
    for (what, tls, expected) in [
        ("expired", pki::dated(names, 2020, 2021), Expired),
        ("of tomorrow", pki::dated(names, 2998, 2999), NotYetValid),
        (
            "of another host",
            pki::trusted(&["mail.example.net"]),
            OtherName,
        ),
        (
            "for the address only",
            pki::trusted(&["127.0.0.1"]),
            OtherName,
        ),
        (
            "of openssl req -x509",
            pki::self_signed(names, true).0,
            SelfSigned,
        ),
        ("self-signed", pki::self_signed(names, false).0, SelfSigned),
        (
            "self-signed for another",
            pki::self_signed(&["x.example"], true).0,
            SelfSigned,
        ),
        (
            "of a stranger",
            pki::by_unknown_authority(names, 2020, 2999),
            UnknownIssuer,
        ),
        (
            "of a stranger by the known name",
            pki::by_namesake(names),
            UnknownIssuer,
        ),
        (
            "of a stranger, expired",
            pki::by_unknown_authority(names, 2020, 2021),
            UnknownIssuer,
        ),
        ("not a certificate", pki::garbage(), Invalid),
    ] {
        for connection in ["None", "SSL", "TLS"] {
            let relay = relay(tls.clone(), connection);
            let client = Client::at("relay.test", relay.address.port())
                .with(Label::ConnectionType, connection);
            let failure = client.send().await.failure();
            assert_eq!(
                (failure.stage, failure.fault),
                (Stage::Tls, Fault::Certificate(expected)),
                "{what}: {}",
                failure.detail
            );
            assert!(!relay.record().heard("MAIL"));
            if what == "not a certificate" {
                continue;
            }
            let client = client.with(Label::CertificateCheck, "Off");
            client.send().await.delivery();
        }
    }
}

#[tokio::test]
async fn a_version_1_certificate_passes_without_verification() {
    for versions in [rustls::DEFAULT_VERSIONS, &[&rustls::version::TLS12]] {
        let relay = relay(pki::version_1(versions).0, "SSL");
        let client =
            Client::at("relay.test", relay.address.port()).with(Label::ConnectionType, "SSL");
        client
            .send()
            .await
            .fails(Stage::Tls, Fault::Certificate(CertificateFault::Version1));
        let client = client.with(Label::CertificateCheck, "Off");
        client.send().await.delivery();
    }
}

#[tokio::test]
async fn the_key_is_verified_without_a_certificate_check() {
    let relay = relay(pki::with_another_key(&["relay.test"]).0, "SSL");
    let client = Client::at("relay.test", relay.address.port())
        .with(Label::ConnectionType, "SSL")
        .with(Label::CertificateCheck, "Off");
    assert_eq!(client.send().await.failure().stage, Stage::Tls);
    assert!(!relay.record().heard("EHLO"));
}

#[tokio::test]
async fn details_of_a_certificate_are_reported() {
    let relay = relay(
        pki::dated(&["mail.example.net", "192.0.2.1"], 2020, 2021),
        "SSL",
    );
    let failure = Client::at("relay.test", relay.address.port())
        .with(Label::ConnectionType, "SSL")
        .send()
        .await
        .failure();
    for particular in [
        "mail.example.net, 192.0.2.1",
        "Test authority",
        "2021-01-01",
    ] {
        assert!(failure.detail.contains(particular), "{}", failure.detail);
    }
}

#[tokio::test]
async fn a_certificate_added_to_the_roots_itself_is_trusted_for_its_names() {
    for as_authority in [true, false] {
        let (tls, certificate) = pki::self_signed(&["relay.test"], as_authority);
        let mut roots = pki::roots();
        roots.add(certificate).expect("a root");
        let resolver = resolver("127.0.0.1 relay.test other.test");
        let dialer = Dialer::with(AddressPolicy::default(), resolver, roots).expect("a dialer");
        let relay = relay(tls, "SSL");
        let mut client =
            Client::at("relay.test", relay.address.port()).with(Label::ConnectionType, "SSL");
        client.dialer = dialer;
        client.send().await.delivery();
        client
            .with(Label::Host, "other.test")
            .send()
            .await
            .fails(Stage::Tls, Fault::Certificate(CertificateFault::OtherName));
    }
}

#[tokio::test]
async fn a_port_of_the_other_tls_mode_is_reported() {
    let plain = Relay::start(RelayScript::default());
    Client::of(&plain)
        .with(Label::ConnectionType, "SSL")
        .send()
        .await
        .fails(Stage::Tls, Fault::NotTls);

    let implicit = relay(pki::trusted(&["127.0.0.1"]), "SSL");
    Client::of(&implicit)
        .with_short_timeouts()
        .with(Label::ConnectionType, "TLS")
        .send()
        .await
        .fails(Stage::Greeting, Fault::TimedOut);
}

#[tokio::test]
async fn a_relay_without_a_safe_tls_version_is_reported() {
    // The alert "protocol_version" (RFC 8446 section 6.2), as old servers send it.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46".to_vec();
    let script = RelayScript::default()
        .with_starttls(pki::trusted(&["127.0.0.1"]))
        .at("TLS", Action::ReplyToInput(alert));
    let relay = Relay::start(script);
    let client = Client::of(&relay).with(Label::ConnectionType, "TLS");
    client.send().await.fails(Stage::Tls, Fault::TlsTooOld);
}

#[tokio::test]
async fn required_start_tls_must_be_offered() {
    let relay = Relay::start(RelayScript::default());
    let client = Client::of(&relay);
    let outcome = client
        .clone()
        .with(Label::ConnectionType, "TLS")
        .send()
        .await;
    outcome.fails(Stage::StartTls, Fault::StartTlsNotOffered);
    assert!(!relay.record().heard("MAIL"));

    let outcome = client.send().await;
    assert_eq!(outcome.encryption, None);
    outcome.delivery();
}

#[tokio::test]
async fn offered_start_tls_must_succeed() {
    for connection in ["None", "TLS"] {
        let script = RelayScript::default()
            .with_starttls(pki::trusted(&["127.0.0.1"]))
            .reply("STARTTLS", "454 4.7.0 not now");
        let relay = Relay::start(script);
        let client = Client::of(&relay).with(Label::ConnectionType, connection);
        client.send().await.rejected(Stage::StartTls, 454);
        assert!(!relay.record().heard("MAIL"));
    }
}

#[tokio::test]
async fn bytes_between_the_220_and_the_handshake_are_an_injection() {
    let injected = b"250 injected\r\n".to_vec();
    let with_the_220 = [b"220 go\r\n", &injected[..]].concat();
    for (point, action, stage) in [
        ("STARTTLS", Action::Reply(with_the_220), Stage::StartTls),
        (
            "STARTTLS",
            Action::Reply(b"220 go\r\nx".to_vec()),
            Stage::StartTls,
        ),
        ("TLS", Action::ReplyToInput(injected), Stage::Tls),
    ] {
        let script = RelayScript::default()
            .with_starttls(pki::trusted(&["127.0.0.1"]))
            .at(point, action);
        let relay = Relay::start(script);
        let outcome = Client::of(&relay).send().await;
        outcome.fails(stage, Fault::ResponseInjection);
        assert!(!relay.record().heard("MAIL"));
    }
}

#[tokio::test]
async fn capabilities_before_tls_are_discarded() {
    // The second EHLO reply has no capabilities; or EHLO is refused and HELO is used.
    for within_tls in ["250 relay.test", "502 what?"] {
        let script = RelayScript::offering(&["AUTH PLAIN", "PIPELINING", "SIZE 10"])
            .with_starttls(pki::trusted(&["127.0.0.1"]))
            .reply("EHLO-TLS", within_tls);
        let relay = Relay::start(script);
        let client = Client::of(&relay).with(Label::ConnectionType, "TLS");
        client.send().await.delivery();
        let record = relay.record();
        let mail = "MAIL FROM:<alerts@example.org>";
        assert!(
            record.lines.iter().any(|line| line == mail),
            "{:?}",
            record.lines
        );
        assert!(!record.pipelined);
        client
            .signing_in("Plain")
            .send()
            .await
            .fails(Stage::Auth, Fault::MechanismNotOffered(Vec::new()));
    }
}

#[tokio::test]
async fn a_handshake_that_is_cut_off_is_reported() {
    let script = RelayScript::default()
        .with_starttls(pki::trusted(&["127.0.0.1"]))
        .at("TLS", Action::Reset);
    let relay = Relay::start(script);
    let client = Client::of(&relay).with(Label::ConnectionType, "TLS");
    client.send().await.fails(Stage::Tls, Fault::Reset);
}
