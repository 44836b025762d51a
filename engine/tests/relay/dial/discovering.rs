//! Discovery: the records of a domain, and the connections that are probed for them.

use std::net::Ipv4Addr;

use domain::probe::{Attempt, Source};
use engine::smtp::{AddressPolicy, Dialer};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::net::UdpSocket;

use crate::client::{dialer, resolver_with};

type Zone = Vec<(&'static str, RData)>;

/// A dialer with a name server that has only this zone, or without a zone never answers.
async fn asking(zone: Option<Zone>) -> Dialer {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let mut connection = ConnectionConfig::udp();
    connection.port = socket.local_addr().expect("an address").port();
    tokio::spawn(serve(socket, zone));
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    dialer(AddressPolicy::default(), resolver_with(config, ""))
}

async fn serve(socket: UdpSocket, zone: Option<Zone>) {
    let mut buffer = [0; 1500];
    while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
        let question = Message::from_vec(&buffer[..count]).expect("a question");
        if let Some(zone) = &zone {
            let bytes = answer(question, zone);
            socket.send_to(&bytes, from).await.expect("sent");
        }
    }
}

fn answer(mut message: Message, zone: &Zone) -> Vec<u8> {
    let query = message.queries[0].clone();
    let asked = query.name().to_ascii();
    let here: Vec<_> = zone
        .iter()
        .filter(|(name, _)| *name == asked.trim_end_matches('.'))
        .collect();
    message.metadata.message_type = MessageType::Response;
    message.metadata.response_code = if here.is_empty() {
        ResponseCode::NXDomain
    } else {
        ResponseCode::NoError
    };
    for (_, data) in here {
        if data.record_type() == query.query_type() {
            message.add_answer(Record::from_rdata(query.name().clone(), 60, data.clone()));
        }
    }
    message.to_vec().expect("an answer")
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    let target = Name::from_ascii(target).expect("a name");
    RData::SRV(SRV::new(priority, weight, port, target))
}

fn mx(preference: u16, exchange: &str) -> RData {
    RData::MX(MX::new(
        preference,
        Name::from_ascii(exchange).expect("a name"),
    ))
}

fn here() -> RData {
    RData::A(A(Ipv4Addr::LOCALHOST))
}

async fn discovered(zone: Zone) -> Vec<Attempt> {
    asking(Some(zone)).await.discover("example.org", None).await
}

/// The hosts in their order, each with where its name comes from.
fn hosts(attempts: &[Attempt]) -> Vec<String> {
    let mut hosts: Vec<String> = attempts
        .iter()
        .map(|attempt| format!("{} {:?}", attempt.host, attempt.source))
        .collect();
    hosts.dedup();
    hosts
}

#[tokio::test]
async fn srv_records_are_tried_in_order() {
    let attempts = discovered(vec![
        (
            "_submissions._tcp.example.org",
            srv(20, 9, 465, "c.example.org."),
        ),
        (
            "_submissions._tcp.example.org",
            srv(10, 1, 465, "b.example.org."),
        ),
        (
            "_submissions._tcp.example.org",
            srv(10, 5, 1465, "A.example.org."),
        ),
        (
            "_submission._tcp.example.org",
            srv(0, 0, 1587, "b.example.org."),
        ),
    ])
    .await;
    let declared: Vec<_> = attempts
        .iter()
        .filter(|attempt| attempt.source == Source::Declared)
        .map(|a| format!("{}:{} {}", a.host, a.port, a.implicit))
        .collect();
    assert_eq!(
        declared,
        [
            "a.example.org:1465 true",
            "b.example.org:465 true",
            "c.example.org:465 true",
            "b.example.org:1587 false"
        ]
    );
}

#[tokio::test]
async fn a_service_that_the_domain_declines_is_not_tried() {
    let zone = vec![
        ("_submissions._tcp.example.org", srv(0, 0, 0, ".")),
        ("smtp.example.org", here()),
    ];
    let attempts = discovered(zone.clone()).await;
    assert_eq!(hosts(&attempts), ["smtp.example.org Guessed"]);
    assert!(attempts.iter().all(|attempt| !attempt.implicit));
    let mut zone = zone;
    zone.push(("_submission._tcp.example.org", srv(0, 0, 0, ".")));
    assert_eq!(discovered(zone).await, []);
}

#[tokio::test]
async fn usual_names_and_the_first_mx_are_tried_if_they_exist() {
    let zone = vec![
        ("mail.example.org", here()),
        ("example.org", mx(20, "mx2.example.org.")),
        ("example.org", mx(10, "mx1.example.org.")),
    ];
    let attempts = discovered(zone).await;
    assert_eq!(
        hosts(&attempts),
        ["mail.example.org Guessed", "mx1.example.org Exchange"]
    );
    let null = vec![("example.org", mx(0, "."))];
    assert_eq!(discovered(null).await, [], "RFC 7505");
    let provider = vec![("example.org", mx(1, "ASPMX.L.GOOGLE.COM."))];
    assert_eq!(
        hosts(&discovered(provider).await),
        ["smtp.gmail.com Provider"]
    );
}

#[tokio::test]
async fn names_are_looked_up_as_a_labels_and_literals_not_at_all() {
    let zone = vec![("smtp.xn--bcher-kva.example", here())];
    let dialer = asking(Some(zone)).await;
    let attempts = dialer.discover("bücher.example", None).await;
    assert_eq!(hosts(&attempts), ["smtp.xn--bcher-kva.example Guessed"]);
    let attempts = dialer.discover("[IPv6:2001:db8::1]", Some(1025)).await;
    assert_eq!(hosts(&attempts), ["2001:db8::1 Given"]);
    assert!(attempts.iter().any(|attempt| attempt.port == 1025));
    assert_eq!(dialer.discover("example..org", None).await, []);
}

#[tokio::test]
async fn without_dns_one_usual_name_is_tried() {
    let dialer = asking(None).await;
    let attempts = dialer.discover("example.org", None).await;
    assert_eq!(hosts(&attempts), ["smtp.example.org Guessed"]);
}
