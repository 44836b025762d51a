//! Connecting: ports that refuse or do not answer, addresses that are denied, several addresses.

use std::mem::forget;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use domain::{Fault, Label, Stage};
use engine::smtp::{AddressPolicy, PublicAddresses};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::client::{Client, dialer, resolver};
use testkit::{Relay, RelayScript};

/// A port whose backlog is full, so that it answers no connection attempt.
pub struct SilentPort {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl SilentPort {
    pub async fn at(address: SocketAddr) -> (Self, SocketAddr) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(address).expect("a port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut queue = Vec::new();
        let limit = Duration::from_millis(200);
        while let Ok(connected) = timeout(limit, TcpStream::connect(address)).await {
            queue.push(connected.expect("a connection"));
        }
        let port = Self {
            _listener: listener,
            _queue: queue,
        };
        (port, address)
    }
}

/// A port that is closed on every address. It stays reserved, so that no relay of another test gets
/// it.
pub fn closed_port() -> u16 {
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    socket.bind(any).expect("a port");
    let port = socket.local_addr().expect("an address").port();
    forget(socket);
    port
}

#[tokio::test]
async fn a_closed_port_is_reported_as_refused() {
    let port = closed_port();
    let failure = Client::at("127.0.0.1", port)
        .send()
        .await
        .fails(Stage::Tcp, Fault::ConnectionRefused);
    assert!(
        failure.detail.contains(&format!("127.0.0.1:{port}")),
        "{}",
        failure.detail
    );
}

#[tokio::test]
async fn a_port_that_does_not_answer_times_out() {
    let (_silent, address) = SilentPort::at((Ipv4Addr::LOCALHOST, 0).into()).await;
    let failure = Client::at("127.0.0.1", address.port())
        .with_short_timeouts()
        .send()
        .await
        .fails(Stage::Tcp, Fault::NoAnswer);
    assert_eq!(
        failure.detail,
        format!("no answer from {address} within 1 s")
    );
    assert!(failure.is_timeout());
}

#[tokio::test]
async fn the_next_address_is_tried_while_one_does_not_answer() {
    let relay = Relay::start(RelayScript::default());
    let port = relay.address.port();
    let (_silent, _) = SilentPort::at((Ipv4Addr::new(127, 0, 0, 2), port).into()).await;
    let mut client = Client::at("relay.test", port);
    client.dialer = dialer(
        AddressPolicy::default(),
        resolver("127.0.0.2 relay.test\n127.0.0.1 relay.test"),
    );
    let outcome = client.send().await;
    assert_eq!(
        outcome.stages[..3],
        [Stage::Dns, Stage::Tcp, Stage::Greeting]
    );
    let took = outcome.took;
    outcome.delivery();
    assert!(
        took > Duration::from_millis(240),
        "the first address had its time: {took:?}"
    );
    assert!(
        took < Duration::from_secs(9),
        "the first address was waited for: {took:?}"
    );
}

#[tokio::test]
async fn the_next_address_is_tried_at_once_when_one_refuses() {
    let relay = Relay::start(RelayScript::default());
    let mut client = Client::at("relay.test", relay.address.port());
    let hosts: String = (1..=8)
        .rev()
        .map(|last| format!("127.0.0.{last} relay.test\n"))
        .collect();
    client.dialer = dialer(AddressPolicy::default(), resolver(&hosts));
    let outcome = client.send().await;
    // Seven pauses would be 1.75 s.
    let took = outcome.took;
    outcome.delivery();
    assert!(took < Duration::from_millis(1_700), "{took:?}");
}

#[tokio::test]
async fn every_address_that_failed_is_named() {
    let port = closed_port();
    let mut client = Client::at("relay.test", port);
    client.dialer = dialer(
        AddressPolicy::default(),
        resolver("127.0.0.1 relay.test\n127.0.0.2 relay.test"),
    );
    let failure = client
        .send()
        .await
        .fails(Stage::Tcp, Fault::ConnectionRefused);
    for address in ["127.0.0.1", "127.0.0.2"] {
        assert!(
            failure.detail.contains(&format!("{address}:{port}")),
            "{}",
            failure.detail
        );
    }
}

#[tokio::test]
async fn no_connection_is_opened_to_denied_addresses() {
    let relay = Relay::start(RelayScript::default());
    let port = relay.address.port();
    let mut client = Client::of(&relay);
    let denied = AddressPolicy::parse("", "127.0.0.0/8").expect("a policy");
    client.dialer = dialer(denied, resolver("127.0.0.1 relay.test"));
    for host in [
        "127.0.0.1",
        "relay.test",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "fe80::1",
    ] {
        let outcome = client.clone().with(Label::Host, host).send().await;
        outcome.fails(Stage::Tcp, Fault::AddressNotAllowed);
    }
    assert_eq!(relay.record().connections, 0);

    // Of several addresses the allowed ones are used.
    let some = AddressPolicy::parse("127.0.0.1", "127.0.0.0/8").expect("a policy");
    let mut client = Client::at("relay.test", port);
    client.dialer = dialer(some, resolver("127.0.0.2 relay.test\n127.0.0.1 relay.test"));
    client.send().await.delivery();
}

#[tokio::test]
async fn the_relay_of_an_account_has_a_public_address() {
    let relay = Relay::start(RelayScript::default());
    let port = relay.address.port();
    let with = |hosts: &str, allowed: &str| {
        let public = PublicAddresses::parse(allowed).expect("addresses");
        let mut client = Client::at("relay.test", port);
        let operator = AddressPolicy::parse("", "127.0.0.3").expect("a policy");
        client.dialer = dialer(operator, resolver(hosts)).limited_to(public);
        client
    };
    let client = with("127.0.0.1 relay.test", "");
    let failure = client
        .send()
        .await
        .fails(Stage::Tcp, Fault::AddressNotPublic);
    assert_eq!(client.cause(&failure), Some("The address is not public"));
    assert!(failure.detail.contains("127.0.0.1"), "{}", failure.detail);
    // What the operator denies stays denied.
    let client = with("127.0.0.3 relay.test", "127.0.0.0/8");
    client
        .send()
        .await
        .fails(Stage::Tcp, Fault::AddressNotAllowed);
    assert_eq!(relay.record().connections, 0);

    let client = with("127.0.0.2 relay.test\n127.0.0.1 relay.test", "127.0.0.1");
    client.send().await.delivery();
}
