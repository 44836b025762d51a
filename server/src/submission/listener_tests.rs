//! The submission listener over real sockets with a real engine: replies, mails and limits.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::SendingLimits;
use engine::{AccountChange, Actor};
use tokio::time::interval;

use super::protocol::limits::SessionLimits;
use super::test_client::{ANN, DATA, TestSubmission, on_tcp, within};
use crate::cli::SubmissionArgs;

#[tokio::test]
async fn a_session_has_these_replies() {
    let gate = TestSubmission::open(on_tcp()).await;
    let mut client = gate.client().await;
    let extensions = client.expect("EHLO app.test", "250-gate.test\n250-").await;
    assert!(extensions.contains("\n250-CHUNKING\n"), "{extensions}");
    let reply = client.send_mail(ANN).await;
    let (by, mail) = gate.mail(&reply).await;
    assert_eq!(by, "local");
    assert!(mail.contains("\r\n\r\nLeave.\r\n.now\r\n"), "{mail}");
    assert!(
        mail.contains("app.test") && mail.contains(" with ESMTP"),
        "{mail}"
    );
    for (line, start) in [
        ("RSET", "250 2.0.0 OK"),
        ("noop", "250 2.0.0 OK"),
        ("VRFY ann", "252 2.1.5 "),
        ("HELP", "214 2.0.0 "),
        ("FOO", "500 5.5.1 "),
        ("RCPT TO:<a@example.org>", "503 5.5.1 "),
        ("MAIL FROM:<a@example.org> XYZ=1", "555 5.5.4 "),
        ("STARTTLS", "502 5.5.1 "),
        ("QUIT", "221 2.0.0 "),
    ] {
        client.expect(line, start).await;
    }
    client.expect_end().await;
    gate.stopped().await;
}

#[tokio::test]
async fn programs_sign_in_with_the_address_and_a_token_of_an_account() {
    let gate = TestSubmission::open(on_tcp()).await;
    let token = gate.account(ANN).await;
    let other = gate.account("bob@example.org").await;
    let plain = |address: &str, secret: &str| STANDARD.encode(format!("\0{address}\0{secret}"));

    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    for (address, secret) in [
        (ANN, "postern_wrong"),
        (ANN, "correct horse battery staple"),
        (ANN, &other),
        ("bob@example.org", &token),
        ("nobody@example.org", &token),
    ] {
        let line = format!("AUTH PLAIN {}", plain(address, secret));
        client.expect(&line, "535 5.7.8 ").await;
    }
    client.expect("AUTH PLAIN *", "501 5.7.0").await;
    let line = format!("AUTH PLAIN {}", plain("Ann@Example.org", &token));
    client.expect(&line, "235 2.7.0").await;
    let (by, mail) = gate.mail(&client.send_mail(ANN).await).await;
    assert_eq!(by, ANN);
    assert!(mail.contains(" with ESMTPA"), "{mail}");
    let refused = client.send_mail("bob@example.org").await;
    assert!(refused.starts_with("550"), "{refused}");
    assert!(refused.contains("5.7.1"), "{refused}");

    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    client.expect("AUTH PLAIN", "334 ").await;
    client.expect(&plain(ANN, &token), "235 2.7.0").await;

    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client
        .expect(&STANDARD.encode(ANN), "334 UGFzc3dvcmQ6")
        .await;
    client.expect(&STANDARD.encode("wrong"), "535 5.7.8").await;
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client
        .expect(&STANDARD.encode(ANN), "334 UGFzc3dvcmQ6")
        .await;
    client.expect(&STANDARD.encode(&token), "235 2.7.0").await;
}

#[tokio::test]
async fn a_revoked_token_ends_the_mail_of_an_open_session() {
    let limits = SessionLimits {
        recheck: Duration::ZERO,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let token = gate.account(ANN).await;
    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    client
        .expect("AUTH LOGIN YW5uQGV4YW1wbGUub3Jn", "334 ")
        .await;
    client.expect(&STANDARD.encode(token), "235 2.7.0").await;
    let reply = client.send_mail(ANN).await;
    assert!(reply.starts_with("250 "), "{reply}");

    let (operator, accounts) = (Actor::local(0), gate.postern.accounts());
    let tokens = accounts.tokens(&operator).await.expect("a list");
    let revoked = accounts.revoke_token(&operator, &tokens[0].id).await;
    revoked.expect("revoked");
    let reply = client.send_mail(ANN).await;
    assert!(reply.starts_with("535 5.7.8 "), "{reply}");
    client.expect("MAIL FROM:<>", "530 5.7.0 ").await;
}

#[tokio::test]
async fn a_new_limit_of_a_token_holds_in_an_open_session() {
    let limits = SessionLimits {
        recheck: Duration::ZERO,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let token = gate.account(ANN).await;
    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    let response = STANDARD.encode(format!("\0{ANN}\0{token}"));
    client
        .expect(&format!("AUTH PLAIN {response}"), "235 2.7.0")
        .await;

    let operator = Actor::local(0);
    for (most, expected) in [(2, "250 2.0.0"), (1, "550 5.1.3 ")] {
        let limits = SendingLimits {
            max_recipients: Some(most),
            ..SendingLimits::default()
        };
        let tokens = gate.postern.accounts().tokens(&operator).await;
        let tokens = tokens.expect("a list");
        let changed = gate.postern.limits();
        let changed = changed.set_of_token(&operator, &tokens[0].id, limits);
        changed.await.expect("changed");
        client
            .expect("MAIL FROM:<ann@example.org>", "250 2.1.0")
            .await;
        client.expect("RCPT TO:<a@example.net>", "250 2.1.5").await;
        client.expect("RCPT TO:<b@example.net>", "250 2.1.5").await;
        client.expect("DATA", "354 ").await;
        client.send(DATA).await;
        client.expect_reply("two recipients", expected).await;
    }
}

#[tokio::test]
async fn pipelined_mails_have_their_replies_in_order() {
    let gate = TestSubmission::open(on_tcp()).await;
    let mut client = gate.client().await;
    let mail = "MAIL FROM:<ann@example.org>\r\nRCPT TO:<desk@example.net>\r\n";
    let all = format!("EHLO app\r\n{mail}DATA\r\n{DATA}{mail}RCPT TO:<>\r\nDATA\r\n{DATA}QUIT\r\n");
    client.send(&all).await;
    client.expect_reply("EHLO", "250-gate.test").await;
    let mut replies = Vec::new();
    for (command, start) in [
        ("MAIL", "250 2.1.0"),
        ("RCPT", "250 2.1.5"),
        ("DATA", "354 "),
        ("mail", "250 2.0.0 Queued as "),
        ("MAIL", "250 2.1.0"),
        ("RCPT", "250 2.1.5"),
        ("RCPT", "550 5.1.3"),
        ("DATA", "354 "),
        ("mail", "250 2.0.0 Queued as "),
        ("QUIT", "221 2.0.0"),
    ] {
        replies.push(client.expect_reply(command, start).await);
    }
    client.expect_end().await;
    assert_ne!(replies[3], replies[8]);
    for reply in [&replies[3], &replies[8]] {
        assert_eq!(gate.mail(reply).await.0, "local");
    }
}

#[tokio::test]
async fn chunks_are_read_by_their_size() {
    let gate = TestSubmission::open(on_tcp()).await;
    let mut client = gate.client().await;
    let begin = "MAIL FROM:<ann@example.org>\r\nRCPT TO:<desk@example.net>\r\n";
    let (head, body) = (
        "From: ann@example.org\r\nSubject: Fire\r\n\r\n",
        ".\r\nQUIT\r\n.\r\n",
    );
    let all = format!(
        "EHLO app\r\nBDAT 6\r\nQUIT\r\n{begin}BDAT {}\r\n{head}BDAT {} LAST\r\n{body}\
         {begin}BDAT {} LAST\r\n{head}{body}NOOP\r\n",
        head.len(),
        body.len(),
        head.len() + body.len()
    );
    client.send(&all).await;
    client.expect_reply("EHLO", "250-gate.test").await;
    client.expect_reply("BDAT", "503 5.5.1").await;
    let mut mails = Vec::new();
    for start in [
        "250 2.1.0",
        "250 2.1.5",
        "250 2.0.0 40 octets received",
        "250 2.0.0 Queued as ",
        "250 2.1.0",
        "250 2.1.5",
        "250 2.0.0 Queued as ",
        "250 2.0.0 OK",
    ] {
        mails.push(client.expect_reply("pipelined", start).await);
    }
    assert_eq!(head.len(), 40);
    for reply in [&mails[3], &mails[6]] {
        let (_, mail) = gate.mail(reply).await;
        assert!(mail.ends_with("\r\n\r\n.\r\nQUIT\r\n.\r\n"), "{mail}");
    }
}

#[tokio::test]
async fn smuggled_mails_are_a_part_of_the_mail_they_are_in() {
    for (normalizes, refused) in [(false, true), (true, false)] {
        let args = SubmissionArgs {
            submission_normalize: normalizes,
            ..on_tcp()
        };
        let gate = TestSubmission::open(args).await;
        for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n"] {
            let mut client = gate.client().await;
            client.expect("EHLO app.test", "250").await;
            client.begin_mail(ANN).await;
            let hidden = "MAIL FROM:<eve@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n";
            let mail = format!(
                "From: ann@example.org\r\n\r\nHello.{end}{hidden}From: eve@example.org\r\n\r\nHa!\r\n.\r\n"
            );
            client.send(&mail).await;
            let reply = client.reply().await;
            if refused {
                assert!(reply.starts_with("550 5.6.0 "), "{end:?}: {reply}");
            } else {
                let (_, mail) = gate.mail(&reply).await;
                assert!(
                    mail.contains("MAIL FROM:<eve@example.org>"),
                    "{end:?}: {mail}"
                );
                let unpaired = mail.replace("\r\n", "");
                assert!(!unpaired.contains(['\r', '\n']), "{end:?}: {mail:?}");
            }
            client.expect("NOOP", "250 2.0.0 OK").await;
        }
    }
}

#[tokio::test]
async fn ten_thousand_recipients_are_a_thousand_and_the_rest_later() {
    let gate = TestSubmission::open(on_tcp()).await;
    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    client
        .expect("MAIL FROM:<ann@example.org>", "250 2.1.0")
        .await;
    for part in 0..10 {
        let commands: String = (0..1000)
            .map(|number| format!("RCPT TO:<r{part}-{number}@example.net>\r\n"))
            .collect();
        client.send(&commands).await;
        let start = if part == 0 { "250 2.1.5" } else { "452 4.5.3" };
        for _ in 0..1000 {
            client.expect_reply("RCPT", start).await;
        }
    }
    client.expect("DATA", "354 ").await;
    client.send(DATA).await;
    let reply = client.reply().await;
    assert!(reply.starts_with("250 2.0.0 Queued as "), "{reply}");
}

#[tokio::test]
async fn lines_that_are_no_commands_end_the_session() {
    let gate = TestSubmission::open(on_tcp()).await;
    for (sent, start) in [
        ("x".repeat(100_000), "500 5.5.2"),
        ("NOOP\n".to_owned(), "500 5.5.2"),
        ("NOOP\rNOOP\r\n".to_owned(), "500 5.5.2"),
        (
            "POST /api/messages HTTP/1.1\r\nHost: gate\r\n\r\n".to_owned(),
            "",
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), ""),
    ] {
        let mut client = gate.client().await;
        client.send(&sent).await;
        let reply = client.reply().await;
        assert!(reply.starts_with(start), "{reply}");
        match start {
            "" => assert_eq!(reply, ""),
            _ => client.expect_end().await,
        }
    }
}

#[tokio::test]
async fn silent_and_aimless_clients_are_told_and_closed() {
    let short = Duration::from_millis(50);
    let limits = SessionLimits {
        idle: short,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let mut client = gate.client().await;
    client.expect_reply("nothing", "421 4.4.2 Nothing").await;
    client.expect_end().await;

    let limits = SessionLimits {
        without_mail: short,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let mut client = gate.client().await;
    client.expect_reply("nothing", "421 4.4.2 No mail").await;
    client.expect_end().await;

    let limits = SessionLimits {
        without_mail: Duration::ZERO,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let mut client = gate.silent_client().await;
    client.send(&"NOOP\r\n".repeat(50)).await;
    client.expect_reply("connect", "220 gate.test").await;
    client
        .expect_reply("what came too late", "421 4.4.2 No mail")
        .await;
    client.expect_end().await;
}

#[tokio::test]
async fn chunks_do_not_give_a_mail_more_time() {
    let limits = SessionLimits {
        without_mail: Duration::from_millis(200),
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(on_tcp(), limits, 100).await;
    let mut client = gate.silent_client().await;
    client
        .send("EHLO app.test\r\nMAIL FROM:<>\r\nRCPT TO:<desk@example.net>\r\n")
        .await;
    let chunks = async {
        let mut ticks = interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            client.send("BDAT 1\r\nx").await;
            let reply = client.reply().await;
            if reply.is_empty() || reply.starts_with("421 ") {
                return reply;
            }
        }
    };
    let last = within(chunks).await;
    assert!(last.starts_with("421 4.4.2 No mail"), "{last}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_until_one_ends() {
    let gate = TestSubmission::open_within(on_tcp(), SessionLimits::default(), 1).await;
    let mut first = gate.client().await;
    let mut second = gate.silent_client().await;
    second.expect_reply("nothing", "421 4.7.0 ").await;
    second.expect_end().await;
    first.expect("QUIT", "221 2.0.0").await;
    drop(first);
    let served = async {
        let mut ticks = interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
            let mut client = gate.silent_client().await;
            if client.reply().await.starts_with("220 ") {
                return;
            }
        }
    };
    within(served).await;
}

#[tokio::test]
async fn a_mail_that_has_begun_is_taken_before_the_end() {
    let gate = TestSubmission::open(on_tcp()).await;
    let (mut idle, mut busy) = (gate.client().await, gate.client().await);
    busy.expect("EHLO app.test", "250").await;
    busy.expect("MAIL FROM:<ann@example.org>", "250 2.1.0")
        .await;
    gate.stop();
    idle.expect_reply("nothing", "421 4.3.2 ").await;
    idle.expect_end().await;
    busy.expect("RCPT TO:<desk@example.net>", "250 2.1.5").await;
    busy.expect("DATA", "354 ").await;
    busy.send(DATA).await;
    busy.expect_reply("mail", "250 2.0.0 Queued as ").await;
    busy.expect_reply("nothing", "421 4.3.2 ").await;
    busy.expect_end().await;
    drop((idle, busy));
    gate.stopped().await;
}

#[tokio::test]
async fn mail_of_this_machine_is_of_the_local_account() {
    let args = SubmissionArgs {
        local_account: Some(ANN.to_owned()),
        ..on_tcp()
    };
    let limits = SessionLimits {
        recheck: Duration::ZERO,
        ..SessionLimits::default()
    };
    let gate = TestSubmission::open_within(args, limits, 100).await;
    let mut early = gate.client().await;
    early.expect("EHLO app.test", "250").await;
    early
        .expect("MAIL FROM:<ann@example.org>", "451 4.3.5")
        .await;

    let _ = gate.account(ANN).await;
    let mut client = gate.client().await;
    client.expect("EHLO app.test", "250").await;
    let (by, _) = gate.mail(&client.send_mail(ANN).await).await;
    assert_eq!(by, ANN);
    client.expect("MAIL FROM:<>", "250 2.1.0").await;
    client.expect("RSET", "250 2.0.0").await;

    let (operator, accounts) = (Actor::local(0), gate.postern.accounts());
    let found = accounts.read_by_email(&operator, ANN).await;
    let disable = AccountChange {
        disabled: Some(true),
        ..AccountChange::default()
    };
    let id = found.expect("an account").id;
    let disabled = accounts.change(&operator, &id, disable).await;
    disabled.expect("disabled");
    let reply = client.send_mail(ANN).await;
    assert!(reply.starts_with("451 4.3.5 "), "{reply}");
}
