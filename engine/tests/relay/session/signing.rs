//! Sign-in, and that no password is sent unencrypted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Fault, Label, SecretString, Stage};

use crate::client::{Client, PASSWORD};
use testkit::{Record, Relay, RelayScript, pki};

const MECHANISMS: [&str; 3] = ["Plain", "Login", "Cram_MD5"];

fn offering_all() -> RelayScript {
    RelayScript::offering(&["AUTH PLAIN LOGIN CRAM-MD5"])
}

fn plain(username: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{username}\0{password}"))
}

#[tokio::test]
async fn each_mechanism_signs_in() {
    let cram = "YWxlcnRzIGU4ZjNjZGY5MGEzZjZiY2IxMTU0NzEyMTU2YjU1NTNh";
    for (authentication, expected) in [
        (
            "Plain",
            vec![format!("AUTH PLAIN {}", plain("alerts", PASSWORD))],
        ),
        (
            "Login",
            vec![
                "AUTH LOGIN".to_owned(),
                STANDARD.encode("alerts"),
                STANDARD.encode(PASSWORD),
            ],
        ),
        (
            "Cram_MD5",
            vec!["AUTH CRAM-MD5".to_owned(), cram.to_owned()],
        ),
    ] {
        let relay = Relay::start(offering_all().with_starttls(pki::trusted(&["127.0.0.1"])));
        let outcome = Client::of(&relay)
            .with(Label::ConnectionType, "TLS")
            .signing_in(authentication)
            .send()
            .await;
        assert!(outcome.stages.contains(&Stage::Auth));
        outcome.delivery();
        let lines = relay.record().lines;
        let begin = lines
            .iter()
            .position(|line| line.starts_with("AUTH"))
            .expect("AUTH");
        assert_eq!(lines[begin..begin + expected.len()], expected);
        assert!(lines[begin + expected.len()].starts_with("MAIL"));
    }
}

#[tokio::test]
async fn a_long_password_is_sent_after_the_challenge() {
    let password = "密".repeat(245);
    let relay = Relay::start(offering_all().with_implicit_tls(pki::trusted(&["127.0.0.1"])));
    let mut client = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .signing_in("Plain");
    client.password = Some(SecretString::new(password.clone()));
    client.send().await.delivery();
    let record = relay.record();
    let begin = record.lines.iter().position(|line| line == "AUTH PLAIN");
    let begin = begin.expect("AUTH without its response");
    assert_eq!(record.lines[begin + 1], plain("alerts", &password));
}

/// Whether a form of the password was sent unencrypted.
fn betrayed(record: &Record) -> bool {
    let clear = String::from_utf8_lossy(&record.clear);
    assert!(clear.contains("EHLO"), "the connection was used");
    clear.contains("AUTH") || clear.contains(PASSWORD) || clear.contains(&STANDARD.encode(PASSWORD))
}

#[tokio::test]
async fn no_password_is_sent_unencrypted() {
    for authentication in MECHANISMS {
        for (connection, stage, fault) in [
            // StartTLS is not offered, or was removed by an attacker.
            ("None", Stage::Auth, Fault::EncryptionRequired),
            ("TLS", Stage::StartTls, Fault::StartTlsNotOffered),
        ] {
            let relay = Relay::start(offering_all());
            let outcome = Client::of(&relay)
                .with(Label::ConnectionType, connection)
                .signing_in(authentication)
                .send()
                .await;
            outcome.fails(stage, fault);
            assert!(!betrayed(&relay.record()));
        }
        let relay = Relay::start(offering_all().with_starttls(pki::trusted(&["127.0.0.1"])));
        let client = Client::of(&relay).signing_in(authentication);
        client.send().await.delivery();
        assert!(!betrayed(&relay.record()));
    }
}

#[tokio::test]
async fn an_untrusted_relay_gets_no_password() {
    for connection in ["None", "TLS"] {
        let stranger = pki::by_unknown_authority(&["127.0.0.1"], 2020, 2999);
        let relay = Relay::start(offering_all().with_starttls(stranger));
        let client = Client::of(&relay)
            .with(Label::ConnectionType, connection)
            .signing_in("Plain");
        assert_eq!(client.send().await.failure().stage, Stage::Tls);
        assert!(!betrayed(&relay.record()));
    }
}

#[tokio::test]
async fn an_unencrypted_password_can_be_allowed() {
    for authentication in MECHANISMS {
        let relay = Relay::start(offering_all());
        let outcome = Client::of(&relay)
            .with(Label::PlaintextAuth, "1")
            .signing_in(authentication)
            .send()
            .await;
        assert_eq!(outcome.encryption, None);
        outcome.delivery();
        assert!(betrayed(&relay.record()));
    }
}

#[tokio::test]
async fn a_mechanism_that_is_not_offered_is_not_tried() {
    let script = RelayScript::offering(&["AUTH GSSAPI XOAUTH2 X-HOME-MADE", "AUTH=LOGIN"])
        .with_implicit_tls(pki::trusted(&["127.0.0.1"]));
    let relay = Relay::start(script);
    let client = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .signing_in("Plain");
    let offered = ["XOAUTH2", "GSSAPI", "LOGIN"].map(str::to_owned).to_vec();
    let failure = client
        .clone()
        .send()
        .await
        .fails(Stage::Auth, Fault::MechanismNotOffered(offered));
    assert!(
        failure.detail.contains("LOGIN, not PLAIN"),
        "{}",
        failure.detail
    );
    assert!(!relay.record().heard("AUTH"));
    client.signing_in("Login").send().await.delivery();
}

#[tokio::test]
async fn a_wrong_password_is_reported_with_the_reply() {
    for (authentication, point) in [
        ("Plain", "AUTH"),
        ("Login", "RESPONSE"),
        ("Cram_MD5", "RESPONSE"),
    ] {
        let script = offering_all()
            .with_implicit_tls(pki::trusted(&["127.0.0.1"]))
            .reply(point, "535 5.7.8 Authentication credentials invalid");
        let relay = Relay::start(script);
        let client = Client::of(&relay)
            .with(Label::ConnectionType, "SSL")
            .signing_in(authentication);
        let failure = client.send().await.rejected(Stage::Auth, 535);
        assert_eq!(
            failure.to_string(),
            "The relay replied: 535 5.7.8 Authentication credentials invalid"
        );
        assert!(!relay.record().heard("MAIL"));
    }
}

#[tokio::test]
async fn malformed_challenges_are_reported() {
    for (authentication, point, words) in [
        ("Cram_MD5", "AUTH", "334 not/base64!"),
        ("Cram_MD5", "AUTH", "235 welcome"),
        ("Cram_MD5", "RESPONSE", "334 PDE+"),
        ("Login", "AUTH", "250 ok"),
        ("Login", "RESPONSE", "354 go on"),
        ("Plain", "AUTH", "334 more"),
    ] {
        let script = offering_all()
            .with_implicit_tls(pki::trusted(&["127.0.0.1"]))
            .reply(point, words);
        let relay = Relay::start(script);
        let client = Client::of(&relay)
            .with(Label::ConnectionType, "SSL")
            .signing_in(authentication);
        client.send().await.fails(Stage::Auth, Fault::Malformed);
    }
}

#[tokio::test]
async fn login_prompts_are_ignored() {
    // "Password:" first, then something of no meaning.
    let script = offering_all()
        .with_implicit_tls(pki::trusted(&["127.0.0.1"]))
        .reply("AUTH", "334 UGFzc3dvcmQ6")
        .reply("RESPONSE", "334 ????")
        .reply("RESPONSE", "235 welcome");
    let relay = Relay::start(script);
    let client = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .signing_in("Login");
    client.send().await.delivery();
    let lines = relay.record().lines;
    let begin = lines
        .iter()
        .position(|line| line == "AUTH LOGIN")
        .expect("AUTH");
    assert_eq!(lines[begin + 1], STANDARD.encode("alerts"));
}

#[tokio::test]
async fn a_password_in_a_reply_is_redacted() {
    let echo = format!("500 5.5.1 unknown: {}", plain("alerts", PASSWORD));
    let script = offering_all()
        .with_implicit_tls(pki::trusted(&["127.0.0.1"]))
        .reply("AUTH", &echo);
    let relay = Relay::start(script);
    let client = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .signing_in("Plain");
    let failure = client.send().await.rejected(Stage::Auth, 500);
    assert_eq!(failure.reply.expect("a reply").text, "5.5.1 unknown: […]");
}

#[tokio::test]
async fn authentication_requires_a_user_name_and_password() {
    let relay = Relay::start(offering_all().with_implicit_tls(pki::trusted(&["127.0.0.1"])));
    let client = Client::of(&relay)
        .with(Label::ConnectionType, "SSL")
        .signing_in("Plain");
    let mut without_password = client.clone();
    without_password.password = None;
    let mut empty_password = client.clone();
    empty_password.password = Some(SecretString::new(""));
    for client in [
        without_password,
        empty_password,
        client.with(Label::Username, ""),
    ] {
        client.send().await.fails(Stage::Auth, Fault::NoCredentials);
    }
    assert!(!relay.record().heard("AUTH"));
}
