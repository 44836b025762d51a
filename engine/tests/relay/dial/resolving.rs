//! Name servers without an answer, with errors and without a reply; internationalised names.

use std::net::Ipv4Addr;

use domain::{Fault, Label, Stage};
use engine::smtp::AddressPolicy;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;

use crate::client::{Client, dialer, resolver_with};
use testkit::{Relay, RelayScript, pki};

/// The reply of a name server; `None` for no reply.
type Answer = fn(RecordType) -> Option<(ResponseCode, Option<Ipv4Addr>)>;

/// A client with a name server that answers so.
async fn client(answer: Answer, port: u16) -> Client {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let mut connection = ConnectionConfig::udp();
    connection.port = socket.local_addr().expect("an address").port();
    tokio::spawn(serve(socket, answer));
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut client = Client::at("smtp.relay.example", port);
    client.dialer = dialer(AddressPolicy::default(), resolver_with(config, ""));
    client
}

async fn serve(socket: UdpSocket, answer: Answer) {
    let mut buffer = [0; 1500];
    while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
        let mut message = Message::from_vec(&buffer[..count]).expect("a question");
        let query = message.queries[0].clone();
        let Some((code, address)) = answer(query.query_type()) else {
            continue;
        };
        message.metadata.message_type = MessageType::Response;
        message.metadata.response_code = code;
        if let Some(address) = address {
            let data = RData::A(A(address));
            message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
        }
        let bytes = message.to_vec().expect("an answer");
        socket.send_to(&bytes, from).await.expect("sent");
    }
}

#[tokio::test]
async fn an_unknown_name_is_reported() {
    for answer in [(|_| Some((ResponseCode::NXDomain, None))) as Answer, |_| {
        Some((ResponseCode::NoError, None))
    }] {
        let failure = client(answer, 25)
            .await
            .send()
            .await
            .fails(Stage::Dns, Fault::NameNotFound);
        assert!(
            failure.detail.contains("smtp.relay.example"),
            "{}",
            failure.detail
        );
    }
}

#[tokio::test]
async fn a_failing_or_silent_name_server_is_reported() {
    for answer in [(|_| Some((ResponseCode::ServFail, None))) as Answer, |_| {
        None
    }] {
        let client = client(answer, 25).await.with_short_timeouts();
        let failure = client.send().await.fails(Stage::Dns, Fault::ResolverFailed);
        assert_eq!(
            client.cause(&failure),
            Some("The name servers do not answer")
        );
    }
}

#[tokio::test]
async fn one_address_family_is_enough() {
    let relay = Relay::start(RelayScript::default());
    let lost: Answer = |kind| {
        (kind == RecordType::A).then_some((ResponseCode::NoError, Some(Ipv4Addr::LOCALHOST)))
    };
    let missing: Answer = |kind| {
        let address = (kind == RecordType::A).then_some(Ipv4Addr::LOCALHOST);
        Some((ResponseCode::NoError, address))
    };
    for answer in [lost, missing] {
        let outcome = client(answer, relay.address.port()).await.send().await;
        outcome.delivery();
    }
}

#[tokio::test]
async fn a_name_of_another_script_is_looked_up_and_verified_as_a_labels() {
    let name = "xn--bcher-kva.example";
    let script = RelayScript::default().with_implicit_tls(pki::trusted(&[name]));
    let relay = Relay::start(script);
    let mut client = Client::at("bücher.example", relay.address.port())
        .with(Label::ConnectionType, "SSL")
        .with(Label::FromAddress, "alerts@bücher.example");
    client.dialer = dialer(
        AddressPolicy::default(),
        crate::client::resolver(&format!("127.0.0.1 {name}")),
    );
    client.from = "alerts@bücher.example".to_owned();
    client.send().await.delivery();
    let record = relay.record();
    assert!(record.heard(&format!("EHLO {name}")), "{:?}", record.lines);
    assert!(
        record.heard(&format!("MAIL FROM:<alerts@{name}>")),
        "{:?}",
        record.lines
    );
}
