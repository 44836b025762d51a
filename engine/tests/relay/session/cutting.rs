//! Relays that refuse, close, reset and fall silent at every stage.

use domain::{Fault, Label, Stage};
use futures::future::join_all;

use crate::client::{Client, Outcome};
use testkit::{Action, Relay, RelayScript, pki};

/// Every point at which a relay sends a reply, and the stage that waits for it.
const POINTS: [(&str, Stage); 10] = [
    ("GREETING", Stage::Greeting),
    ("EHLO", Stage::Ehlo),
    ("STARTTLS", Stage::StartTls),
    ("EHLO-TLS", Stage::Ehlo),
    ("AUTH", Stage::Auth),
    ("RESPONSE", Stage::Auth),
    ("MAIL", Stage::Mail),
    ("RCPT", Stage::Rcpt),
    ("DATA", Stage::Data),
    ("END", Stage::Data),
];

/// A whole session (StartTLS, LOGIN, one mail) with a relay that does this at that point.
async fn send(point: &'static str, action: Action, pipelining: bool) -> Outcome {
    let offers: &[&str] = if pipelining {
        &["AUTH LOGIN", "PIPELINING"]
    } else {
        &["AUTH LOGIN"]
    };
    let script = RelayScript::offering(offers)
        .with_starttls(pki::trusted(&["127.0.0.1"]))
        .at(point, action);
    let relay = Relay::start(script);
    Client::of(&relay)
        .with(Label::ConnectionType, "TLS")
        .signing_in("Login")
        .send()
        .await
}

/// The action at every point, in lock-step and pipelined, all at once.
async fn everywhere(
    action: &Action,
    points: &[(&'static str, Stage)],
) -> Vec<(String, Stage, Outcome)> {
    let sent = points
        .iter()
        .flat_map(|(point, stage)| [(*point, *stage, false), (*point, *stage, true)])
        .map(|(point, stage, pipelining)| async move {
            let outcome = send(point, action.clone(), pipelining).await;
            (
                format!("{action:?} at {point}, pipelining {pipelining}"),
                stage,
                outcome,
            )
        });
    join_all(sent).await
}

fn check(cases: Vec<(String, Stage, Outcome)>, fault: &Fault, code: Option<u16>) {
    for (case, stage, outcome) in cases {
        let failure = outcome.failure();
        assert_eq!((failure.stage, &failure.fault), (stage, fault), "{case}");
        assert_eq!(failure.reply.map(|reply| reply.code), code, "{case}");
    }
}

#[tokio::test]
async fn a_conforming_relay_gets_the_message() {
    let delivery = send("NOWHERE", Action::Close, true).await.delivery();
    assert_eq!(delivery.to_line(), "250 2.0.0 queued");
}

#[tokio::test]
async fn a_421_is_reported_at_every_stage() {
    let action = Action::ReplyAndClose(b"421 4.3.2 closing\r\n".to_vec());
    check(
        everywhere(&action, &POINTS).await,
        &Fault::Rejected,
        Some(421),
    );
}

#[tokio::test]
async fn a_refusal_is_reported_at_every_stage() {
    for code in [451, 554] {
        let action = Action::Reply(format!("{code} no\r\n").into_bytes());
        check(
            everywhere(&action, &POINTS).await,
            &Fault::Rejected,
            Some(code),
        );
    }
}

#[tokio::test]
async fn a_closed_connection_is_reported_at_every_stage() {
    let mut points = POINTS.to_vec();
    points.push(("TLS", Stage::Tls));
    check(
        everywhere(&Action::Close, &points).await,
        &Fault::Closed,
        None,
    );
}

#[tokio::test]
async fn a_connection_closed_within_a_reply_is_reported() {
    let action = Action::ReplyAndClose(b"250-half\r\n25".to_vec());
    check(everywhere(&action, &POINTS).await, &Fault::Closed, None);
}

#[tokio::test]
async fn a_reset_is_reported_at_every_stage() {
    let mut points = POINTS.to_vec();
    points.push(("TLS", Stage::Tls));
    check(
        everywhere(&Action::Reset, &points).await,
        &Fault::Reset,
        None,
    );
}

#[tokio::test]
async fn silence_is_reported_at_every_stage() {
    // The reply to the end of data has 10 min, which the caller may cut short.
    let mut points = POINTS[..POINTS.len() - 1].to_vec();
    points.push(("TLS", Stage::Tls));
    check(
        everywhere(&Action::Silence, &points).await,
        &Fault::TimedOut,
        None,
    );
}
