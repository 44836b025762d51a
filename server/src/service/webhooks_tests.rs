//! Webhooks sent to small receivers over TCP: what they get, and hostile answers.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::webhook::{WebhookDelivery, WebhookDeliveryState};
use engine::{Actor, Clock, Config, Postern, WebhookOutcome, WebhookOwner, Webhooks};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, timeout};

use super::webhooks;

/// Longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

/// What a receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    /// Sends these bytes and closes the connection.
    Sends(&'static str),
    /// Sends these bytes and keeps the connection open.
    SendsAndWaits(&'static str),
    /// Sends these bytes, and then others without an end.
    SendsWithoutEnd(&'static str),
}

const OK: Behaviour = Behaviour::Sends("HTTP/1.1 204 No Content\r\n\r\n");

/// A request as it arrived.
#[derive(Debug)]
struct Received {
    head: String,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// Whether its signature is right, worked out by the definition of HMAC (RFC 2104).
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = secret.strip_prefix("whsec_").expect("a secret");
        let mut block = STANDARD.decode(key).expect("Base64");
        assert_eq!(block.len(), 32);
        block.resize(64, 0);
        let signed = format!(
            "{}.{}.{}",
            self.header("webhook-id"),
            self.header("webhook-timestamp"),
            self.body
        );
        let padded = |pad: u8| -> Vec<u8> { block.iter().map(|byte| byte ^ pad).collect() };
        let inner = Sha256::digest([padded(0x36), signed.into_bytes()].concat());
        let outer = Sha256::digest([padded(0x5c), inner.to_vec()].concat());
        self.header("webhook-signature") == format!("v1,{}", STANDARD.encode(outer))
    }
}

/// A receiver on a port of this machine.
struct Receiver {
    url: String,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, behaviour, sender.clone()));
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}/hooks?for=postern"),
            received,
        }
    }

    async fn next(&mut self) -> Received {
        let received = timeout(DEADLINE, self.received.recv()).await;
        received.expect("in time").expect("a request")
    }
}

async fn answer(
    mut stream: TcpStream,
    behaviour: Behaviour,
    received: mpsc::UnboundedSender<Received>,
) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    // The test may have ended.
    let _ = received.send(request);
    let (Behaviour::Sends(bytes)
    | Behaviour::SendsAndWaits(bytes)
    | Behaviour::SendsWithoutEnd(bytes)) = behaviour;
    let mut result = stream.write_all(bytes.as_bytes()).await;
    match behaviour {
        Behaviour::Sends(_) => {}
        Behaviour::SendsAndWaits(_) => {
            let _ = stream.read(&mut [0; 1]).await;
        }
        Behaviour::SendsWithoutEnd(_) => {
            while result.is_ok() {
                result = stream.write_all(&[b'x'; 4096]).await;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let received = Received {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let length: usize = received.header("content-length").parse().ok()?;
        if body.len() >= length {
            return Some(received);
        }
    }
}

/// A Postern with a webhook.
struct Console {
    _folder: tempfile::TempDir,
    postern: Postern,
    clock: Clock,
    webhook: String,
    secret: String,
}

fn organisation_webhooks(postern: &Postern) -> Webhooks<'_> {
    postern.notifications().webhooks(WebhookOwner::Organisation)
}

impl Console {
    async fn open(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::default();
        let config = Config {
            data: folder.path().to_owned(),
            clock: clock.clone(),
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let created = organisation_webhooks(&postern)
            .create(&operator(), url)
            .await
            .expect("a webhook");
        Self {
            _folder: folder,
            postern,
            clock,
            webhook: created.view.id,
            secret: created.secret.expose().to_owned(),
        }
    }

    async fn send_test(&self) {
        let operator = operator();
        let tested = organisation_webhooks(&self.postern).test(&operator, &self.webhook);
        tested.await.expect("queued");
    }

    async fn deliveries(&self) -> Vec<WebhookDelivery> {
        let operator = operator();
        let listed = organisation_webhooks(&self.postern).deliveries(&operator, &self.webhook);
        listed.await.expect("a list")
    }

    /// Waits until the newest delivery matches.
    async fn until(&self, matches: impl Fn(&WebhookDelivery) -> bool) -> WebhookDelivery {
        let waiting = async {
            let mut ticks = interval(Duration::from_millis(5));
            loop {
                ticks.tick().await;
                let newest = self.deliveries().await.swap_remove(0);
                if matches(&newest) {
                    return newest;
                }
            }
        };
        timeout(DEADLINE, waiting).await.expect("in time")
    }
}

fn operator() -> Actor {
    Actor::local(0)
}

#[tokio::test]
async fn a_receiver_gets_the_event_and_can_verify_it() {
    let mut receiver = Receiver::start(OK).await;
    let console = Console::open(&receiver.url).await;
    let (stop, stopped) = watch::channel(false);
    let notifications = console.postern.notifications().clone();
    let running = tokio::spawn(webhooks::run(notifications, stopped));
    console.send_test().await;
    let request = receiver.next().await;
    assert!(
        request
            .head
            .starts_with("POST /hooks?for=postern HTTP/1.1\r\n"),
        "{request:?}"
    );
    let authority = receiver.url.split('/').nth(2).expect("a host");
    assert_eq!(request.header("host"), authority);
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.is_signed_with(&console.secret), "{request:?}");
    let seconds: i64 = request
        .header("webhook-timestamp")
        .parse()
        .expect("seconds");
    assert!((console.clock.now().0 / 1000 - seconds).abs() < 120);
    let event: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(event["type"], "webhook.test");
    let delivered = console
        .until(|delivery| delivery.state == WebhookDeliveryState::Delivered)
        .await;
    assert_eq!(delivered.event_id, request.header("webhook-id"));
    assert_eq!((delivered.attempts, delivered.status), (1, Some(204)));

    stop.send_replace(true);
    let ended = timeout(DEADLINE, running).await.expect("in time");
    ended.expect("no panic");
}

#[tokio::test]
async fn an_event_that_was_not_taken_comes_again_with_the_same_id() {
    let mut refusing = Receiver::start(Behaviour::Sends("HTTP/1.1 500 No\r\n\r\n")).await;
    let console = Console::open(&refusing.url).await;
    let (stop, stopped) = watch::channel(false);
    let notifications = console.postern.notifications().clone();
    let running = tokio::spawn(webhooks::run(notifications, stopped));
    console.send_test().await;
    let first = refusing.next().await;
    console.until(|delivery| delivery.attempts == 1).await;
    console.clock.advance(Duration::from_secs(7));
    let second = refusing.next().await;
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    assert_ne!(
        first.header("webhook-timestamp"),
        second.header("webhook-timestamp")
    );
    assert!(second.is_signed_with(&console.secret));
    stop.send_replace(true);
    let ended = timeout(DEADLINE, running).await.expect("in time");
    ended.expect("no panic");
}

/// Makes one attempt at a receiver.
async fn attempt(behaviour: Behaviour, within: Duration) -> WebhookOutcome {
    let receiver = Receiver::start(behaviour).await;
    let console = Console::open(&receiver.url).await;
    console.send_test().await;
    let claimed = console.postern.notifications().claim_webhooks().await;
    let [attempt] = &claimed.expect("claimed")[..] else {
        panic!("one attempt is due");
    };
    webhooks::post(attempt, within).await
}

#[tokio::test]
async fn the_status_of_a_hostile_answer_counts_and_nothing_else() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for (behaviour, expected) in [
        (OK, 204),
        (
            Behaviour::Sends("HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n"),
            302,
        ),
        (Behaviour::Sends("HTTP/1.1 410 Gone\r\n\r\n"), 410),
        (
            Behaviour::Sends("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nyes"),
            200,
        ),
        // Closed, and left open, in the middle of the body.
        (Behaviour::Sends(HEAD), 200),
        (Behaviour::SendsAndWaits(HEAD), 200),
        (
            Behaviour::SendsWithoutEnd("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            200,
        ),
    ] {
        let outcome = attempt(behaviour, DEADLINE).await;
        let WebhookOutcome::Answered { status, text } = outcome else {
            panic!("{behaviour:?}: {outcome:?}");
        };
        assert_eq!(status, expected, "{behaviour:?}");
        assert!(text.len() <= 64 * 1024, "{} octets are kept", text.len());
    }
}

#[tokio::test]
async fn no_answer_is_a_failure_with_a_reason() {
    let short = Duration::from_millis(300);
    for (behaviour, within, reason) in [
        (Behaviour::Sends(""), DEADLINE, "no answer in HTTP"),
        (
            Behaviour::Sends("HTTP/1.1 20"),
            DEADLINE,
            "no answer in HTTP",
        ),
        (
            Behaviour::Sends("SSH-2.0-OpenSSH_9.2\r\n"),
            DEADLINE,
            "no answer in HTTP",
        ),
        (
            Behaviour::SendsWithoutEnd("HTTP/1.1 200 OK\r\nX-Endless: "),
            DEADLINE,
            "no answer in HTTP",
        ),
        (Behaviour::SendsAndWaits(""), short, "no answer within"),
        (
            Behaviour::SendsAndWaits("HTTP/1.1 200 OK\r\n"),
            short,
            "no answer within",
        ),
    ] {
        let outcome = attempt(behaviour, within).await;
        let WebhookOutcome::Failed(text) = &outcome else {
            panic!("{behaviour:?}: {outcome:?}");
        };
        assert!(text.starts_with(reason), "{behaviour:?}: {text}");
    }
}

#[tokio::test]
async fn a_port_without_a_receiver_is_named() {
    // Bound and not listening, the port stays closed.
    let socket = TcpSocket::new_v4().expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(any).expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let console = Console::open(&format!("http://127.0.0.1:{port}/")).await;
    console.send_test().await;
    let claimed = console.postern.notifications().claim_webhooks().await;
    let attempt = &claimed.expect("claimed")[0];
    let outcome = webhooks::post(attempt, DEADLINE).await;
    let refused = format!("127.0.0.1:{port} refused the connection");
    assert_eq!(outcome, WebhookOutcome::Failed(refused));
}
