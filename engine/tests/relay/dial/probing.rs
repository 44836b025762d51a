//! Probing several connections at once: what each finds, and that none waits for another.

use std::net::Ipv4Addr;
use std::time::Duration;

use domain::probe::{Attempt, ProbeResult, Source};
use domain::smtp::stage::CertificateFault;
use domain::{ConnectionType, Fault, Host, Label, Stage};
use engine::smtp::{AddressPolicy, probe};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::client::{Client, dialer, resolver};
use crate::dial::connecting::{SilentPort, closed_port};
use testkit::{Action, Relay, RelayScript, pki};

fn attempt(port: u16, implicit: bool) -> Attempt {
    Attempt {
        host: Host::Name("relay.test".to_owned()),
        port,
        implicit,
        plain: !implicit,
        source: Source::Given,
    }
}

/// The results of the attempts, in their order.
async fn probed(attempts: &[Attempt]) -> Vec<ProbeResult> {
    let client = Client::at("relay.test", 25);
    found_by(&client, attempts).await
}

async fn found_by(client: &Client, attempts: &[Attempt]) -> Vec<ProbeResult> {
    let manner = client.relay().settings;
    let mut found = Vec::new();
    probe(&client.dialer, attempts, &manner, |row| found.push(row)).await;
    let candidates: Vec<_> = attempts.iter().flat_map(Attempt::candidates).collect();
    assert_eq!(found.len(), candidates.len(), "{found:?}");
    found.sort_by_key(|row| candidates.iter().position(|c| *c == row.candidate));
    found
}

fn ended(row: &ProbeResult) -> Option<(Stage, Fault)> {
    let failure = row.failure.as_ref()?;
    Some((failure.stage, failure.fault.clone()))
}

#[tokio::test]
async fn each_attempt_has_its_capabilities() {
    let tls = || pki::trusted(&["relay.test"]);
    let implicit = Relay::start(
        RelayScript::offering(&["AUTH LOGIN PLAIN", "SIZE 1000"]).with_implicit_tls(tls()),
    );
    let start_tls = Relay::start(
        RelayScript::offering(&["AUTH CRAM-MD5"])
            .with_starttls(tls())
            .reply("EHLO-TLS", "250-relay.test\r\n250 AUTH PLAIN"),
    );
    let bare = Relay::start(RelayScript::offering(&["AUTH LOGIN"]));
    let attempts = [
        attempt(implicit.address.port(), true),
        attempt(start_tls.address.port(), false),
        attempt(bare.address.port(), false),
    ];
    let rows = probed(&attempts).await;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let way = row.candidate.connection_type;
            (
                way,
                row.works(),
                row.start_tls,
                row.authentication.join(" "),
            )
        })
        .collect();
    let row = |way, works, start_tls, offered: &str| (way, works, start_tls, offered.to_owned());
    assert_eq!(
        shown,
        [
            row(ConnectionType::Ssl, true, false, "LOGIN PLAIN"),
            row(ConnectionType::Tls, true, false, "PLAIN"),
            row(ConnectionType::None, false, true, "CRAM-MD5"),
            row(ConnectionType::Tls, false, false, ""),
            row(ConnectionType::None, true, false, "LOGIN"),
        ]
    );
    assert_eq!(
        ended(&rows[3]),
        Some((Stage::StartTls, Fault::StartTlsNotOffered))
    );
    assert!(rows.iter().all(|row| row.reachable));
    for relay in [implicit, start_tls, bare] {
        let record = relay.record();
        assert_eq!(record.connections, 1, "one connection shows it all");
        assert_eq!(record.lines.last().map(String::as_str), Some("QUIT"));
        let polite =
            |line: &String| ["EHLO example.org", "STARTTLS", "QUIT"].contains(&line.as_str());
        assert!(record.lines.iter().all(polite), "{:?}", record.lines);
    }
}

#[tokio::test]
async fn capabilities_are_reported_despite_a_certificate_fault() {
    let offers = RelayScript::offering(&["AUTH PLAIN"]);
    let old = Relay::start(offers.clone().with_implicit_tls(pki::dated(
        &["relay.test"],
        2001,
        2002,
    )));
    let other = Relay::start(offers.clone().with_starttls(pki::trusted(&["other.test"])));
    let right = Relay::start(offers.with_implicit_tls(pki::trusted(&["relay.test"])));
    let rows = probed(&[
        attempt(old.address.port(), true),
        attempt(other.address.port(), false),
        attempt(right.address.port(), true),
    ])
    .await;
    let faults: Vec<_> = rows.iter().map(ProbeResult::certificate_fault).collect();
    assert_eq!(
        faults,
        [
            Some(CertificateFault::Expired),
            Some(CertificateFault::OtherName),
            None,
            None
        ]
    );
    for row in &rows {
        assert_eq!(row.authentication, ["PLAIN"], "{row:?}");
        let encrypted = row.candidate.connection_type != ConnectionType::None;
        assert_eq!(row.encryption.as_deref(), encrypted.then_some("TLS 1.3"));
        assert_eq!(row.certificate.is_some(), encrypted);
    }
    let verdict = &rows[1].certificate.as_ref().expect("a verdict").verdict;
    assert!(verdict.contains("other.test"), "{verdict}");
}

#[tokio::test]
async fn implicit_tls_starts_without_a_greeting() {
    let relay =
        Relay::start(RelayScript::default().with_implicit_tls(pki::trusted(&["relay.test"])));
    let port = relay.address.port();
    let client = Client::at("relay.test", 25).with(Label::CommandTimeout, "60");
    let rows = found_by(&client, &[attempt(port, false), attempt(port, true)]).await;
    let ends: Vec<_> = rows.iter().map(ended).collect();
    let unspoken = Some((Stage::Greeting, Fault::TimedOut));
    assert_eq!(ends, [unspoken.clone(), unspoken, None]);
}

#[tokio::test]
async fn a_blocked_port_does_not_delay_other_attempts() {
    let relay = Relay::start(RelayScript::default());
    let port = relay.address.port();
    let mut deaf = Vec::new();
    let mut attempts = vec![attempt(port, false)];
    for _ in 0..4 {
        let (kept, address) = SilentPort::at((Ipv4Addr::LOCALHOST, 0).into()).await;
        deaf.push(kept);
        attempts.push(attempt(address.port(), false));
    }
    let client = Client::at("relay.test", 25).with(Label::ConnectTimeout, "2");
    let manner = client.relay().settings;
    let begun = Instant::now();
    let mut came = Vec::new();
    probe(&client.dialer, &attempts, &manner, |row| {
        came.push((begun.elapsed(), row));
    })
    .await;
    let took = begun.elapsed();
    assert!(came[0].0 < Duration::from_secs(2), "told as it comes");
    assert!(
        took < Duration::from_secs(8),
        "four blocked ports take as long as one: {took:?}"
    );
    for (_, row) in &came {
        let blocked = row.candidate.port != port;
        assert_eq!(row.reachable, !blocked, "{row:?}");
        if blocked {
            assert_eq!(ended(row), Some((Stage::Tcp, Fault::NoAnswer)));
        }
    }
}

#[tokio::test]
async fn a_misbehaving_relay_affects_only_its_own_rows() {
    let good = Relay::start(RelayScript::default());
    let mut attempts = vec![
        attempt(closed_port(), true),
        attempt(good.address.port(), true),
        attempt(good.address.port(), false),
    ];
    let mut relays = Vec::new();
    let tls = || pki::trusted(&["relay.test"]);
    for script in [
        RelayScript::default().at("GREETING", Action::Silence),
        RelayScript::default().at("GREETING", Action::Close),
        RelayScript::default().reply("GREETING", "554 not you"),
        RelayScript::default().at("EHLO", Action::Reply(vec![b'x'; 5000])),
        RelayScript::default()
            .with_starttls(tls())
            .reply("STARTTLS", "454 not now"),
        RelayScript::default()
            .with_starttls(tls())
            .reply("STARTTLS", "220 go\r\n250 injected"),
    ] {
        let relay = Relay::start(script);
        attempts.push(attempt(relay.address.port(), false));
        relays.push(relay);
    }
    let client = Client::at("relay.test", 25).with(Label::CommandTimeout, "2");
    let rows = found_by(&client, &attempts).await;
    let ends: Vec<_> = rows.iter().map(ended).collect();
    let both = |stage, fault: Fault| [Some((stage, fault.clone())), Some((stage, fault))];
    let mut expected = vec![
        Some((Stage::Tcp, Fault::ConnectionRefused)),
        Some((Stage::Tls, Fault::NotTls)),
        Some((Stage::StartTls, Fault::StartTlsNotOffered)),
        None,
    ];
    expected.extend(both(Stage::Greeting, Fault::TimedOut));
    expected.extend(both(Stage::Greeting, Fault::Closed));
    expected.extend(both(Stage::Greeting, Fault::Rejected));
    expected.extend(both(Stage::Ehlo, Fault::Malformed));
    expected.extend([Some((Stage::StartTls, Fault::Rejected)), None]);
    expected.extend([Some((Stage::StartTls, Fault::ResponseInjection)), None]);
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn unknown_names_and_denied_addresses_are_reported() {
    let relay = Relay::start(RelayScript::default());
    let mut client = Client::at("relay.test", 25);
    let denied = AddressPolicy::parse("", "127.0.0.0/8").expect("a policy");
    client.dialer = dialer(denied, resolver("127.0.0.1 relay.test"));
    let port = relay.address.port();
    let unknown = Attempt {
        host: Host::Name("nowhere.test".to_owned()),
        ..attempt(port, true)
    };
    let rows = found_by(&client, &[attempt(port, true), unknown]).await;
    assert_eq!(
        ended(&rows[0]),
        Some((Stage::Tcp, Fault::AddressNotAllowed))
    );
    assert_eq!(rows[1].failure.as_ref().map(|f| f.stage), Some(Stage::Dns));
    assert_eq!(relay.record().connections, 0);
}

#[tokio::test]
async fn dropping_the_probe_closes_every_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let client = Client::at("relay.test", 25);
    let manner = client.relay().settings;
    let attempts = [attempt(port, false), attempt(port, true)];
    let mut probing = Box::pin(probe(&client.dialer, &attempts, &manner, |_| {}));
    let mut taken = Vec::new();
    while taken.len() < attempts.len() {
        tokio::select! {
            () = &mut probing => panic!("nobody answered, and it ended"),
            connection = listener.accept() => taken.push(connection.expect("a connection").0),
        }
    }
    drop(probing);
    for mut connection in taken {
        let mut heard = Vec::new();
        let end = connection.read_to_end(&mut heard);
        timeout(Duration::from_secs(10), end)
            .await
            .expect("the connection ends")
            .ok();
    }
}
