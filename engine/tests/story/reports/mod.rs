//! Reports to the sender of a message that failed, is delayed or was passed on (RFC 3464).

mod never;
mod queue;

use std::time::Duration;

use domain::mail::dsn::{NotifyOn, RecipientDsn, ReturnContent};
use domain::outbox::{EventKind, MessageAction, MessageView, RecipientState, Selection};
use engine::{
    Actor, EnvelopeRecipient, EnvelopeSubmission, Received, Repair, Submission, Submissions,
    SubmittedEnvelope,
};
use testkit::{AcceptedMail, Relay, RelayScript};

use crate::environment::TestEnv;
use crate::outbox::{TestWorker, is, mail, states};
use crate::wait::wait_for;

/// Longer than any backoff of a message.
const BACKOFF: Duration = Duration::from_mins(76);

pub const NO_SUCH_USER: &str = "550 5.1.1 no such user";

/// A recipient with a value of NOTIFY.
pub fn recipient(address: &str, notify: Option<&str>) -> EnvelopeRecipient {
    EnvelopeRecipient {
        address: address.parse().expect("an address"),
        dsn: RecipientDsn {
            notify: notify.map(|notify| NotifyOn::parse(notify).expect("a value of NOTIFY")),
            orcpt: None,
        },
    }
}

/// An envelope from `admin@example.org`.
pub fn envelope(recipients: Vec<EnvelopeRecipient>) -> SubmittedEnvelope {
    SubmittedEnvelope {
        sender: Some("admin@example.org".parse().expect("an address")),
        recipients,
        ret: None,
        envid: None,
    }
}

/// An envelope from `admin@example.org` for one recipient.
pub fn to(address: &str, notify: Option<&str>) -> SubmittedEnvelope {
    envelope(vec![recipient(address, notify)])
}

impl TestEnv {
    /// Submits a mail with this envelope, and returns its id. Its author is the sender, or the admin.
    pub async fn submit_reported(&self, actor: &Actor, envelope: SubmittedEnvelope) -> String {
        let author = envelope.sender.as_ref();
        let author = author.map_or("admin@example.org", |sender| sender.as_str());
        let message = format!(
            "From: {author}\r\nTo: somebody@example.net\r\nSubject: Fire on floor 3\r\n\r\n\
             Come down.\r\n"
        );
        let submission = EnvelopeSubmission {
            envelope,
            bytes: message.into_bytes(),
            received: Received {
                helo: None,
                peer: "uid 1000 on gate".to_owned(),
                protocol: "local",
                host: "gate.example.org".to_owned(),
            },
            repair: Repair::None,
        };
        let accepted = self.postern.outbox().accept_envelope(actor, submission);
        accepted.await.expect("accepted").ids.remove(0)
    }

    /// The ids of the reports that are stored, oldest first.
    pub async fn stored_reports(&self) -> Vec<String> {
        let query = sqlx::query_scalar("SELECT id FROM message WHERE sender = '' ORDER BY id");
        let found = query.fetch_all(&mut self.connection().await).await;
        found.expect("the reports")
    }
}

/// The replies of the events about reports, of one recipient.
pub fn reported(message: &MessageView, recipient: usize) -> Vec<&str> {
    let events = message.recipients[recipient].timeline.iter();
    let reports = events.filter(|event| event.kind == EventKind::Reported);
    reports.map(|event| event.reply.as_str()).collect()
}

/// The mails that a relay accepted from the null sender.
pub fn from_nobody(relay: &Relay) -> Vec<AcceptedMail> {
    let accepted = relay.accepted().into_iter();
    accepted.filter(|mail| mail.from.is_empty()).collect()
}

/// Asserts that a mail has each of these lines.
fn assert_lines(mail: &AcceptedMail, lines: &[&str]) {
    for line in lines {
        let found = mail.data.lines().any(|known| known == *line);
        assert!(found, "{line}: {}", mail.data);
    }
}

async fn a_recipient_that_fails_is_reported_to_the_sender_once(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let sent = SubmittedEnvelope {
        envid: Some("job+2042".to_owned()),
        ..envelope(vec![
            recipient("desk@example.net", None),
            recipient("nobody@example.net", None),
        ])
    };
    let id = env.submit_reported(&admin, sent).await;
    relay.wait_for_mails(2).await;
    let reports = from_nobody(&relay);
    let [report] = &reports[..] else {
        panic!("one report: {:?}", relay.accepted());
    };
    assert_eq!(report.to, ["admin@example.org"]);
    assert_lines(
        report,
        &[
            "From: Mail Delivery System <alerts@example.org>",
            "To: <admin@example.org>",
            "Subject: Your mail could not be delivered",
            "Auto-Submitted: auto-replied",
            "<nobody@example.net>",
            "    550 5.1.1 no such user",
            "Original-Envelope-Id: job 42",
            "Reporting-MTA: dns; example.org",
            "Final-Recipient: rfc822; nobody@example.net",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: dns; [127.0.0.1]",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user",
            "Content-Type: text/rfc822-headers",
            "Subject: Fire on floor 3",
        ],
    );
    assert!(!report.data.contains("desk@example.net"), "{}", report.data);
    assert!(!report.data.contains("Come down."), "{}", report.data);

    // It is the sender's own mail, and the timeline of the recipient names it.
    let ids = env.stored_reports().await;
    let [stored] = &ids[..] else {
        panic!("one report is stored: {ids:?}");
    };
    let stored = env
        .until(&admin, stored, is(RecipientState::Delivered))
        .await;
    assert_eq!(stored.by, "admin@example.org");
    assert_eq!(stored.subject, "Your mail could not be delivered");
    let message = env.until(&admin, &id, |_| true).await;
    assert_eq!(
        states(&message),
        [RecipientState::Delivered, RecipientState::Failed]
    );
    let kinds = |recipient: usize| -> Vec<EventKind> {
        let events = message.recipients[recipient].timeline.iter();
        events.map(|event| event.kind).collect()
    };
    assert_eq!(kinds(0), [EventKind::Delivered]);
    assert_eq!(kinds(1), [EventKind::Failed, EventKind::Reported]);
    let text = format!(
        "A report was sent to admin@example.org: {}",
        stored.message_id
    );
    assert_eq!(reported(&message, 1), [text]);

    // It is counted as other mail.
    wait_for("both messages to be counted", async || {
        let counted = env.postern.outbox().meter().read();
        match (counted.accepted, counted.delivered) {
            (2, 2) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let query = "SELECT CAST(SUM(accepted) AS BIGINT) FROM figure WHERE subject = 'all'";
    let mut connection = env.connection().await;
    let counted = sqlx::query_scalar(query).fetch_one(&mut connection).await;
    let accepted: i64 = counted.expect("a number");
    assert_eq!(accepted, 3, "two recipients, and the sender");
    works.end().await;
}

async fn recipients_that_fail_together_are_in_one_report(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    relay.reply_to("RCPT TO:<full@", "554 5.2.2 mailbox full for good");
    let works = TestWorker::begin(&env, 4);
    let sent = SubmittedEnvelope {
        ret: Some(ReturnContent::Full),
        ..envelope(vec![
            recipient("full@example.net", None),
            recipient("nobody@example.net", Some("FAILURE,DELAY")),
            recipient("nobody@example.com", Some("NEVER")),
        ])
    };
    let id = env.submit_reported(&admin, sent).await;
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    assert_eq!(env.stored_reports().await.len(), 1);
    assert_eq!(reported(&message, 0), reported(&message, 1));
    assert!(reported(&message, 2).is_empty());
    let report = relay.wait_for_mails(1).await.remove(0);
    for text in [
        "Final-Recipient: rfc822; full@example.net\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        "Final-Recipient: rfc822; nobody@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Content-Type: message/rfc822\r\n",
        "Come down.\r\n",
    ] {
        assert!(report.data.contains(text), "{text}: {}", report.data);
    }
    assert!(
        !report.data.contains("nobody@example.com"),
        "{}",
        report.data
    );
    works.end().await;
}

async fn a_report_is_sent_only_where_the_sender_asks_for_it(env: TestEnv) {
    let admin = env.admin().await;
    let plain = Relay::start(RelayScript::pipelining());
    let with_dsn = Relay::start(RelayScript::offering(&["PIPELINING", "DSN"]));
    let mut expected = 0;
    for (relay, address, notify, reports) in [
        (&plain, "a@example.net", Some("NEVER"), 0),
        (&plain, "b@example.net", Some("SUCCESS,DELAY"), 0),
        (&plain, "c@example.net", Some("FAILURE"), 1),
        (&plain, "d@example.net", None, 1),
        (&plain, "desk@example.net", None, 0),
        (&plain, "desk@example.net", Some("FAILURE,DELAY"), 0),
        (&plain, "desk@example.net", Some("SUCCESS"), 1),
        (&with_dsn, "desk@example.net", Some("SUCCESS,FAILURE"), 0),
        (&with_dsn, "e@example.net", Some("SUCCESS,FAILURE"), 1),
    ] {
        env.save(&admin, relay).await;
        for failing in ["a", "b", "c", "d", "e"] {
            relay.reply_to(&format!("RCPT TO:<{failing}@"), "554 5.7.1 no");
        }
        let works = TestWorker::begin(&env, 4);
        let id = env.submit_reported(&admin, to(address, notify)).await;
        let state = match address {
            "desk@example.net" => RecipientState::Delivered,
            _ => RecipientState::Failed,
        };
        let message = env.until(&admin, &id, is(state)).await;
        // The report is written in the commit that writes the result.
        expected += reports;
        assert_eq!(
            env.stored_reports().await.len(),
            expected,
            "{address} {notify:?}"
        );
        assert_eq!(reported(&message, 0).len(), reports, "{address} {notify:?}");
        env.until_delivered(&admin, &env.stored_reports().await)
            .await;
        works.end().await;
    }
    let reports = from_nobody(&plain);
    let [.., relayed] = &reports[..] else {
        panic!("reports: {reports:?}");
    };
    assert_lines(
        relayed,
        &[
            "Subject: Your mail was passed on",
            "Final-Recipient: rfc822; desk@example.net",
            "Action: relayed",
            "Status: 2.0.0",
        ],
    );
}

async fn mail_without_an_envelope_of_its_own_gets_no_report(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let id = env
        .submit_mail(&admin, &["nobody@example.net"], "Fire")
        .await;
    let message = env.until(&admin, &id, is(RecipientState::Failed)).await;
    assert!(reported(&message, 0).is_empty());
    assert_eq!(env.stored_reports().await, [""; 0]);
    works.end().await;
}

async fn mail_without_an_envelope_gets_a_report_where_it_asks_for_it(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    let asked = Submission {
        from: Some("Guard <guard@example.org>".to_owned()),
        report: true,
        ..mail(&["nobody@example.net", "desk@example.net"], "Fire")
    };
    let raw = Submission {
        raw: Some(b"From: night@example.org\r\nSubject: Smoke\r\n\r\nHello\r\n".to_vec()),
        to: vec!["nobody@example.net".to_owned()],
        report: true,
        ..Submission::default()
    };
    let silent = mail(&["nobody@example.net"], "Silent");
    let submissions = Submissions::Many(vec![asked, raw, silent]);
    let outbox = env.postern.outbox();
    let accepted = outbox.accept(&admin, submissions, None).await;
    let ids = accepted.expect("accepted").ids;
    for id in &ids {
        let failed = |message: &MessageView| states(message)[0] == RecipientState::Failed;
        env.until(&admin, id, failed).await;
    }
    // Three mails failed; the first also has a recipient that is delivered.
    relay.wait_for_mails(3).await;
    let mut to: Vec<String> = from_nobody(&relay)
        .into_iter()
        .flat_map(|report| report.to)
        .collect();
    to.sort_unstable();
    assert_eq!(to, ["guard@example.org", "night@example.org"]);
    let numbers = [1, 1, 0];
    for (id, number) in ids.iter().zip(numbers) {
        let message = outbox.message(&admin, id).await.expect("there");
        assert_eq!(reported(&message, 0).len(), number, "{id}");
    }
    works.end().await;
}

async fn a_delay_is_reported_once_after_four_hours(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:<slow@", "450 4.2.0 greylisted");
    let works = TestWorker::begin(&env, 4);
    let slow = env
        .submit_reported(&admin, to("slow@example.net", Some("DELAY")))
        .await;
    let silent = env
        .submit_reported(&admin, to("slow@example.com", None))
        .await;
    // An attempt follows every 76 minutes, the fifth after five hours.
    for attempts in 1..=6 {
        let tried = |message: &MessageView| message.recipients[0].attempts == attempts;
        for id in [&slow, &silent] {
            env.until(&admin, id, tried).await;
        }
        let expected = usize::from(attempts >= 5);
        assert_eq!(
            env.stored_reports().await.len(),
            expected,
            "{attempts} attempts"
        );
        env.pass(BACKOFF);
    }
    let report = relay.wait_for_mails(1).await.remove(0);
    assert_eq!(
        (report.from.as_str(), &*report.to[0]),
        ("", "admin@example.org")
    );
    assert_lines(
        &report,
        &[
            "Subject: Your mail is delayed",
            "Final-Recipient: rfc822; slow@example.net",
            "Action: delayed",
            "Status: 4.2.0",
        ],
    );
    assert!(
        report.data.contains("\r\nWill-Retry-Until: "),
        "{}",
        report.data
    );
    works.end().await;
}

async fn nothing_is_reported_to_the_null_sender(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    relay.reply_to("RCPT TO:", "554 5.7.1 no");
    let works = TestWorker::begin(&env, 4);
    let id = env
        .submit_reported(&admin, to("nobody@example.net", None))
        .await;
    env.until(&admin, &id, is(RecipientState::Failed)).await;
    let ids = env.stored_reports().await;
    let [report] = &ids[..] else {
        panic!("one report is stored: {ids:?}");
    };
    // Neither of the report, nor of a message that was submitted as one.
    let sent = SubmittedEnvelope {
        sender: None,
        ..to("desk@example.net", Some("FAILURE,DELAY"))
    };
    let other = env.submit_reported(&admin, sent).await;
    for id in [report, &other] {
        let failed = env.until(&admin, id, is(RecipientState::Failed)).await;
        assert!(reported(&failed, 0).is_empty());
    }
    assert_eq!(env.stored_reports().await.len(), 2);
    works.end().await;
}

async fn failures_without_an_attempt_are_reported_and_acts_of_people_are_not(env: TestEnv) {
    let (admin, relay) = (env.admin().await, Relay::start(RelayScript::pipelining()));
    env.save(&admin, &relay).await;
    let cancelled = env
        .submit_reported(&admin, to("desk@example.net", None))
        .await;
    let one = Selection::Message(cancelled);
    let done = env
        .postern
        .outbox()
        .act(&admin, MessageAction::Cancel, &one, None);
    assert_eq!(done.await, Ok(1));
    assert_eq!(env.stored_reports().await, [""; 0]);

    // The address is listed by the first message; the second one is not tried.
    relay.reply_to("RCPT TO:<nobody@", NO_SUCH_USER);
    let works = TestWorker::begin(&env, 4);
    for reports in 1..=2 {
        let id = env
            .submit_reported(&admin, to("nobody@example.net", None))
            .await;
        env.until(&admin, &id, is(RecipientState::Failed)).await;
        assert_eq!(env.stored_reports().await.len(), reports);
        relay.wait_for_mails(reports).await;
    }
    assert_eq!(relay.count("RCPT TO:<nobody@"), 1);
    let report = relay.accepted().remove(1);
    assert!(
        report.data.contains("It was not tried, because"),
        "{}",
        report.data
    );
    assert!(
        report.data.contains("\r\nStatus: 5.1.1\r\n"),
        "{}",
        report.data
    );
    assert!(!report.data.contains("Remote-MTA"), "{}", report.data);

    // One that was deferred for five days is not tried any more.
    relay.reply_to("RCPT TO:<slow@", "452 4.2.2 mailbox full");
    let slow = env
        .submit_reported(&admin, to("slow@example.net", None))
        .await;
    env.until(&admin, &slow, is(RecipientState::Deferred)).await;
    env.set_attempts(125).await;
    env.pass(BACKOFF);
    env.until(&admin, &slow, is(RecipientState::Failed)).await;
    assert_eq!(env.stored_reports().await.len(), 3);
    let report = relay.wait_for_mails(3).await.remove(2);
    assert!(
        report.data.contains("\r\nStatus: 4.4.7\r\n"),
        "{}",
        report.data
    );
    works.end().await;
}

stories! {
    both {
        a_recipient_that_fails_is_reported_to_the_sender_once;
        recipients_that_fail_together_are_in_one_report;
        a_report_is_sent_only_where_the_sender_asks_for_it;
        mail_without_an_envelope_of_its_own_gets_no_report;
        mail_without_an_envelope_gets_a_report_where_it_asks_for_it;
        a_delay_is_reported_once_after_four_hours;
        nothing_is_reported_to_the_null_sender;
        failures_without_an_attempt_are_reported_and_acts_of_people_are_not;
    }
}
