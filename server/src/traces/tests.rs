//! A mail that one process accepts and another delivers is one trace, at a small collector.

use std::time::Duration;

use domain::settings::PasswordChange;
use domain::timestamp::DAY;
use domain::{Form, Label};
use engine::{Actor, Config, DeliveryConfig, Postern, Retention, Submission, Submissions};
use opentelemetry_sdk::trace::Sampler;
use testkit::{Relay, RelayScript};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Traces, sampler_of};
use crate::process::signals::GRACE;

/// Longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

/// Answers requests with 200, and gives their bodies to `bodies`. Returns the URL of traces.
async fn collector(bodies: mpsc::UnboundedSender<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, bodies.clone()));
        }
    });
    format!("http://{address}/v1/traces")
}

async fn answer(mut stream: TcpStream, bodies: mpsc::UnboundedSender<Vec<u8>>) {
    let mut request = Vec::new();
    let body = loop {
        let read = stream.read_buf(&mut request).await.expect("a request");
        assert!(read > 0, "the end of a request is missing");
        let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let Some(end) = end else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        if request.len() >= end + 4 + length {
            break request.split_off(end + 4);
        }
    };
    bodies.send(body).expect("the test goes on");
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    stream
        .write_all(response)
        .await
        .expect("the exporter reads");
}

/// The 128 bits of a ULID.
fn bits(id: &str) -> u128 {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    id.bytes().fold(0, |bits, digit| {
        let value = DIGITS.iter().position(|known| *known == digit);
        (bits << 5) | value.expect("a digit of base 32") as u128
    })
}

/// How often a field of this number with these octets occurs in messages of Protocol Buffers.
fn fields(number: u8, octets: &[u8], messages: &[u8]) -> usize {
    let length = u8::try_from(octets.len()).expect("a short field");
    let field = [&[(number << 3) | 2, length][..], octets].concat();
    occurrences(&field, messages)
}

fn occurrences(part: &[u8], whole: &[u8]) -> usize {
    let windows = whole.windows(part.len());
    windows.filter(|window| *window == part).count()
}

async fn deliver(postern: &Postern, relay: &Relay) {
    let (stop, stopped) = oneshot::channel::<()>();
    let config = DeliveryConfig {
        connections: 1,
        in_doubt: 64,
        lease: Duration::from_secs(60),
        retention: Retention {
            bodies: DAY,
            rows: DAY,
            suppressions: DAY,
            audit: 30 * DAY,
        },
    };
    let delivering = postern.clone();
    let worker = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        delivering.delivery().run(config, GRACE, stopped).await;
    });
    let arrived = timeout(DEADLINE, relay.wait_for_mails(1)).await;
    arrived.expect("the mail arrives");
    drop(stop);
    worker.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_one_trace_from_its_acceptance_to_the_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        data: folder.path().to_owned(),
        ..Config::default()
    };
    let accepting = Postern::open(config.clone()).await.expect("opens");
    let delivering = Postern::open(config).await.expect("opens");
    let (sender, mut bodies) = mpsc::unbounded_channel();
    let url = collector(sender).await;
    let export = |postern: &Postern| {
        let traces = Traces::export(postern, Some(&url), Sampler::AlwaysOn);
        traces.expect("an exporter")
    };
    let traces = [export(&accepting), export(&delivering)];

    let relay = Relay::start(RelayScript::pipelining());
    let admin = Actor::local(0);
    let form = Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Host, &relay.address.ip().to_string())
        .with(Label::Port, &relay.address.port().to_string())
        .with(Label::ConnectionType, "None")
        .with(Label::AuthenticationType, "None");
    let settings = accepting.settings();
    let saved = settings.save(&admin, form, PasswordChange::Keep, None);
    saved.await.expect("saved");
    let mail = Submission {
        to: vec!["desk@example.net".to_owned()],
        subject: Some("Quarterly figures".to_owned()),
        text: Some("Attached.".to_owned()),
        ..Submission::default()
    };
    let mail = Submissions::One(Box::new(mail));
    let accepted = accepting.outbox().accept(&admin, mail, None).await;
    let id = accepted.expect("accepted").ids.remove(0);
    deliver(&delivering, &relay).await;
    for traces in traces {
        traces.stop().await;
    }

    let mut spans = Vec::new();
    while let Ok(body) = bodies.try_recv() {
        spans.extend(body);
    }
    let trace = bits(&id).to_be_bytes();
    let root = &trace[8..];
    assert_eq!(fields(1, &trace, &spans), 3, "spans of one trace");
    assert_eq!(fields(2, root, &spans), 1, "its root");
    assert_eq!(fields(4, root, &spans), 2, "children of the root");
    for name in ["accept", "queue", "deliver"] {
        assert_eq!(fields(5, name.as_bytes(), &spans), 1, "{name}");
    }
    assert!(occurrences(b"postern.message_id", &spans) > 0);
    for private in ["desk@example.net", "Quarterly", "alerts@"] {
        assert_eq!(occurrences(private.as_bytes(), &spans), 0, "{private}");
    }
    accepting.close().await;
    delivering.close().await;
}

#[test]
fn samplers_are_named_as_by_opentelemetry() {
    for (name, ratio, expected) in [
        ("", None, Ok("AlwaysOn")),
        ("parentbased_always_off", None, Ok("AlwaysOff")),
        ("traceidratio", Some("0.25"), Ok("TraceIdRatioBased(0.25)")),
        (
            "parentbased_traceidratio",
            None,
            Ok("TraceIdRatioBased(1.0)"),
        ),
        ("traceidratio", Some("25"), Err("OTEL_TRACES_SAMPLER_ARG")),
        ("jaeger_remote", None, Err("OTEL_TRACES_SAMPLER is")),
    ] {
        match (sampler_of(name, ratio), expected) {
            (Ok(sampler), Ok(expected)) => assert_eq!(format!("{sampler:?}"), expected),
            (Err(text), Err(part)) => assert!(text.starts_with(part), "{text}"),
            (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
        }
    }
}
