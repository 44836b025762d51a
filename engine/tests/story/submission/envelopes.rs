//! Whole messages with an envelope, as SMTP brings them: their rules, delivery and reports.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::account::Role;
use domain::mail::dsn::{NotifyOn, RecipientDsn, ReturnContent};
use domain::outbox::{MessageView, QueueKind, RecipientState, Search};
use domain::settings::PasswordChange;
use domain::{Kind, Refusal, SendingLimits};
use engine::{
    Accepted, Actor, EnvelopeRecipient, EnvelopeSubmission, Received, Repair, SubmittedEnvelope,
};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, states};
use crate::own_relay::{own_form, relay};
use testkit::{Relay, RelayScript};

const APP: &str = "app@example.org";
const ANN: &str = "ann@example.org";
const MESSAGE: &str = "From: app@example.org\r\nSubject: Fire\r\n\r\nIt burns.\r\n";

/// A message from `sender`, which is empty for the null sender.
pub fn envelope(sender: &str, to: &[&str], message: &str) -> EnvelopeSubmission {
    let sender = Some(sender).filter(|sender| !sender.is_empty());
    let recipients = to.iter().map(|to| EnvelopeRecipient {
        address: to.parse().expect("an address"),
        dsn: RecipientDsn::default(),
    });
    EnvelopeSubmission {
        envelope: SubmittedEnvelope {
            sender: sender.map(|sender| sender.parse().expect("an address")),
            recipients: recipients.collect(),
            ret: None,
            envid: None,
        },
        bytes: message.as_bytes().to_vec(),
        received: Received {
            helo: Some("app.example.org".to_owned()),
            peer: "[192.0.2.1]".to_owned(),
            protocol: "ESMTPSA",
            host: "gate.example.org".to_owned(),
        },
        repair: Repair::None,
    }
}

/// A message for two recipients that asks for reports on the first one.
fn with_reports() -> EnvelopeSubmission {
    let mut submission = envelope(APP, &["desk@example.net", "ops@example.net"], MESSAGE);
    submission.envelope.ret = Some(ReturnContent::Headers);
    submission.envelope.envid = Some("QQ+20314".to_owned());
    submission.envelope.recipients[0].dsn = RecipientDsn {
        notify: Some(notify("DELAY,SUCCESS")),
        orcpt: Some("rfc822;Desk+40old.example.net".to_owned()),
    };
    submission
}

fn notify(text: &str) -> NotifyOn {
    NotifyOn::parse(text).expect("valid")
}

/// The different lines that begin with a command.
fn lines(relay: &Relay, command: &str) -> BTreeSet<String> {
    let lines = relay.record().lines.into_iter();
    lines.filter(|line| line.starts_with(command)).collect()
}

impl TestEnv {
    async fn accept_envelope(
        &self,
        actor: &Actor,
        submission: EnvelopeSubmission,
    ) -> Result<Accepted, Refusal> {
        let outbox = self.postern.outbox();
        outbox.accept_envelope(actor, submission).await
    }

    async fn submit_envelope(&self, actor: &Actor, submission: EnvelopeSubmission) -> String {
        let accepted = self.accept_envelope(actor, submission).await;
        accepted.expect("accepted").ids.remove(0)
    }
}

async fn a_message_with_an_envelope_leaves_by_it(env: TestEnv) {
    let script = RelayScript::offering(&["PIPELINING", "8BITMIME"]);
    let (admin, relay) = (env.admin().await, Relay::start(script));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 1);
    let message = "From: App <app@example.org>\r\nTo: desk@example.net\r\n\
                   Bcc: audit@example.net\r\nSubject: Fire\r\n\r\nGrüße.\r\n";
    let to = ["desk@example.net", "audit@example.net"];
    let one = envelope("bounces@example.org", &to, message);
    let id = env.submit_envelope(&admin, one).await;
    let view = env.until(&admin, &id, is(RecipientState::Delivered)).await;
    assert_eq!(view.from, "bounces@example.org");
    assert_eq!((&*view.subject, &*view.by), ("Fire", "admin@example.org"));
    let taken = &relay.accepted()[0];
    assert_eq!(taken.from, "bounces@example.org");
    assert_eq!(taken.to, to);
    let received = format!(
        "Received: from app.example.org ([192.0.2.1])\r\n\tby gate.example.org with ESMTPSA id {id};\r\n\t"
    );
    assert!(taken.data.starts_with(&received), "{}", taken.data);
    assert!(taken.data.ends_with("\r\n\r\nGrüße.\r\n"), "{}", taken.data);
    assert!(!taken.data.contains("audit@"), "{}", taken.data);
    for name in ["Date", "Message-ID"] {
        assert!(taken.header(name).is_some(), "{name}");
    }
    works.end().await;
}

async fn the_null_sender_leaves_as_such_and_is_shown(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<gone@", "550 5.1.1 no such user");
    relay.reply_to("RCPT TO:<full@", "452 4.2.2 mailbox full");
    let to = ["desk@example.net", "gone@example.net", "full@example.net"];
    let expected = [
        RecipientState::Delivered,
        RecipientState::Failed,
        RecipientState::Deferred,
    ];
    // It is read from the database, and taken from memory.
    let report = || envelope("", &to, "Subject: Returned mail\r\n\r\nNot here.\r\n");
    let read = env.submit_envelope(&admin, report()).await;
    let works = TestWorker::begin(&env, 1);
    let done = |view: &MessageView| states(view) == expected;
    let view = env.until(&admin, &read, done).await;
    assert_eq!(view.from, "<>");
    let again = env
        .submit_envelope(&admin, envelope("", &to[..1], "Subject: x\r\n\r\n"))
        .await;
    env.until(&admin, &again, is(RecipientState::Delivered))
        .await;
    let mails = relay.accepted();
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|mail| mail.from.is_empty()));
    let of_sender = lines(&relay, "MAIL FROM:<> SIZE=");
    assert_eq!(lines(&relay, "MAIL"), of_sender);
    assert_eq!(mails[0].header("From"), Some("alerts@example.org"));
    let page = env
        .postern
        .outbox()
        .page(&admin, &Search::default(), None)
        .await;
    let rows = page.expect("a page").lines;
    assert!(rows.len() == 4 && rows.iter().all(|row| row.from == "<>"));
    let failures = env.postern.outbox().recent_failures(&admin).await;
    assert!(!failures.expect("groups").groups.is_empty());
    works.end().await;
}

async fn the_parameters_of_reports_reach_a_relay_with_dsn(env: TestEnv) {
    let admin = env.admin().await;
    for extensions in [
        &["DSN"][..],
        &["DSN", "PIPELINING"],
        &["DSN", "PIPELINING", "CHUNKING"],
    ] {
        let relay = Relay::start(RelayScript::offering(extensions));
        env.save(&admin, &relay).await;
        let mut ids = Vec::new();
        for _ in 0..12 {
            ids.push(env.submit_envelope(&admin, with_reports()).await);
        }
        let works = TestWorker::begin(&env, 1);
        env.until_delivered(&admin, &ids).await;
        works.end().await;
        let mail = "MAIL FROM:<app@example.org> RET=HDRS ENVID=QQ+20314";
        assert_eq!(lines(&relay, "MAIL"), BTreeSet::from([mail.to_owned()]));
        let recipients = [
            "RCPT TO:<desk@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Desk+40old.example.net",
            "RCPT TO:<ops@example.net>",
        ];
        assert_eq!(
            lines(&relay, "RCPT"),
            BTreeSet::from(recipients.map(str::to_owned))
        );
        let in_chunks = extensions.contains(&"CHUNKING");
        assert_eq!(relay.count("BDAT") > 2, in_chunks, "{extensions:?}");
    }
}

async fn a_relay_without_dsn_gets_no_parameters_of_reports(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let works = TestWorker::begin(&env, 1);
    let id = env.submit_envelope(&admin, with_reports()).await;
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    let taken = relay.wait_for_mails(1).await;
    let mail = format!("MAIL FROM:<app@example.org> SIZE={}", taken[0].data.len());
    // Instead of the relay, Postern reports that the mail was passed on.
    let report = &relay.wait_for_mails(2).await[1];
    assert_eq!((&*report.from, &*report.to[0]), ("", APP));
    assert!(report.data.contains("Action: relayed"), "{}", report.data);
    assert_eq!(lines(&relay, "MAIL FROM:<app@"), BTreeSet::from([mail]));
    let recipients = [
        "RCPT TO:<app@example.org>",
        "RCPT TO:<desk@example.net>",
        "RCPT TO:<ops@example.net>",
    ];
    assert_eq!(
        lines(&relay, "RCPT"),
        BTreeSet::from(recipients.map(str::to_owned))
    );
    works.end().await;
}

async fn each_recipient_keeps_its_parameters_at_later_attempts(env: TestEnv) {
    let script = RelayScript::offering(&["PIPELINING", "DSN"]);
    let (admin, relay) = (env.admin().await, Relay::start(script));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<later@", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 1);
    let mut one = envelope(APP, &["desk@example.net", "later@example.net"], MESSAGE);
    one.envelope.recipients[0].dsn.notify = Some(notify("NEVER"));
    one.envelope.recipients[1].dsn.notify = Some(notify("DELAY"));
    let id = env.submit_envelope(&admin, one).await;
    let expected = [RecipientState::Delivered, RecipientState::Deferred];
    env.until(&admin, &id, |view| states(view) == expected)
        .await;
    relay.reset();
    env.pass(Duration::from_secs(3600));
    env.until(&admin, &id, is(RecipientState::Delivered)).await;
    works.end().await;
    let later = "RCPT TO:<later@example.net> NOTIFY=DELAY";
    assert_eq!(relay.count(later), 2);
    assert_eq!(relay.count("RCPT TO:<later@"), 2);
    assert_eq!(relay.count("RCPT TO:<desk@example.net> NOTIFY=NEVER"), 1);
}

async fn the_rules_of_senders_hold_for_envelopes(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let to = &["desk@example.net"];
    for (sender, header, field) in [
        (ANN, "From: ann@example.org", None),
        ("", "From: Ann <ann@example.org>", None),
        (ANN, "Subject: The sender becomes the author", None),
        ("ceo@example.org", "From: ann@example.org", Some("from")),
        (ANN, "From: ceo@example.org", Some("from")),
        ("", "From: ceo@example.org", Some("from")),
        (
            ANN,
            "From: ann@example.org\r\nSender: ceo@example.org",
            Some("raw"),
        ),
        (
            "",
            "From: ann@example.org\r\nResent-From: ceo@example.org",
            Some("raw"),
        ),
    ] {
        let message = format!("{header}\r\n\r\nHello.\r\n");
        let accepted = env.accept_envelope(&ann, envelope(sender, to, &message));
        match (accepted.await, field) {
            (Ok(_), None) => {}
            (Err(refusal), Some(field)) => {
                assert_eq!(refusal.kind, Kind::Invalid);
                let text = refusal.fields.get(field).expect(header);
                assert!(text.contains("sends only from ann@example.org"), "{text}");
            }
            (other, _) => panic!("{sender} {header}: {other:?}"),
        }
    }
    let any = envelope("ceo@example.org", to, "From: ceo@example.org\r\n\r\n");
    env.submit_envelope(&admin, any).await;
}

async fn limits_hold_for_envelopes(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.sign_in(ANN, Role::User).await);
    let accounts = env.postern.accounts();
    let id = accounts.read_by_email(&admin, ANN).await.expect("known").id;
    let limits = SendingLimits {
        max_recipients: Some(2),
        max_per_minute: Some(2),
        ..SendingLimits::default()
    };
    let set = env
        .postern
        .limits()
        .set_of_account(&admin, &id, limits)
        .await;
    set.expect("set");
    let to = ["a@example.net", "b@example.net", "c@example.net"];
    let message = "From: ann@example.org\r\n\r\nHello.\r\n";
    let refused = env.accept_envelope(&ann, envelope(ANN, &to, message)).await;
    let refusal = refused.expect_err("three recipients");
    assert!(refusal.fields["to"].contains("at most 2"), "{refusal}");
    for _ in 0..2 {
        env.submit_envelope(&ann, envelope(ANN, &to[..2], message))
            .await;
    }
    let refused = env
        .accept_envelope(&ann, envelope(ANN, &to[..1], message))
        .await;
    assert_eq!(refused.expect_err("the third").kind, Kind::TooMany);
}

async fn an_envelope_waits_in_the_queue_of_its_account(env: TestEnv) {
    let (admin, ann) = (env.admin().await, env.user().await);
    let (organisation, own) = (relay(), relay());
    env.save(&admin, &organisation).await;
    let saved = env.save_own(&ann, own_form(&own), PasswordChange::Keep);
    saved.await.expect("saved");
    let works = TestWorker::begin(&env, 2);
    let message = "From: ann@example.com\r\n\r\nHello.\r\n";
    for sender in ["ann@example.com", ""] {
        let one = envelope(sender, &["desk@example.net"], message);
        let accepted = env.accept_envelope(&ann, one).await.expect("accepted");
        assert_eq!(accepted.queue, QueueKind::OwnRelay);
    }
    own.wait_for_mails(2).await;
    assert!(organisation.accepted().is_empty());
    works.end().await;
}

stories! {
    both {
        a_message_with_an_envelope_leaves_by_it;
        the_null_sender_leaves_as_such_and_is_shown;
        the_parameters_of_reports_reach_a_relay_with_dsn;
        a_relay_without_dsn_gets_no_parameters_of_reports;
        each_recipient_keeps_its_parameters_at_later_attempts;
        the_rules_of_senders_hold_for_envelopes;
        limits_hold_for_envelopes;
        an_envelope_waits_in_the_queue_of_its_account;
    }
}
