//! The causes of replies that relays really send, by a collection of them.
//!
//! `replies.tsv` has the class, the stage and the reply, collected from the sources and manuals of
//! mail servers and providers and from public collections of bounces. Addresses are replaced.

use domain::cause::{self, Basis, CauseClass, Finding, Observation};
use domain::outbox::is_suppressible;
use domain::{Failure, Form, Label, Reply, SmtpSettings, Stage};

const COLLECTION: &str = include_str!("replies.tsv");

/// A reply of the collection, with the cause that was found for it.
struct Row {
    class: &'static str,
    said: &'static str,
    failure: Failure,
    found: Finding,
}

impl Row {
    fn is_right(&self) -> bool {
        self.found.cause.class.as_str() == self.class
    }

    fn is_by_words(&self) -> bool {
        self.found.by == Basis::Words
    }
}

fn settings() -> SmtpSettings {
    Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Host, "smtp.example.org")
        .with(Label::Port, "587")
        .parse()
        .expect("valid")
}

fn stage(name: &str) -> Stage {
    match name {
        "CONNECT" => Stage::Greeting,
        "EHLO" => Stage::Ehlo,
        "STARTTLS" => Stage::StartTls,
        "AUTH" => Stage::Auth,
        "MAIL" => Stage::Mail,
        "RCPT" => Stage::Rcpt,
        "DATA" => Stage::Data,
        other => panic!("{other} is not a stage"),
    }
}

/// The failure of a stage by a reply, given as its lines with their codes.
fn failure(at: &str, said: &str) -> Failure {
    let code = said[..3].parse().expect("a reply begins with its code");
    let lines = said.lines().map(|line| line[3..].trim_start().as_bytes());
    Failure::rejected(stage(at), Reply::new(code, lines))
}

/// The finding for a failure of a mail from alerts@example.org to `recipient`.
fn found(settings: &SmtpSettings, failure: &Failure, recipient: &str) -> Finding {
    let found = cause::find(&Observation {
        failure,
        settings,
        encrypted: true,
        capabilities: &[],
        sender: "alerts@example.org",
        recipient: Some(recipient),
    });
    found.expect("every reply has a cause")
}

fn rows() -> Vec<Row> {
    let settings = settings();
    let row = |line: &'static str| {
        let columns: Vec<&'static str> = line.split('\t').collect();
        let [class, at, said] = columns[..] else {
            panic!("three columns: {line}");
        };
        let failure = failure(at, said);
        Row {
            class,
            said,
            found: found(&settings, &failure, "someone@example.com"),
            failure,
        }
    };
    COLLECTION.lines().skip(1).map(row).collect()
}

/// The rows as lines, for the message of a failed test.
fn listed<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let line = |row: &Row| {
        format!(
            "{} is {:?} by {:?}: {}\n",
            row.class, row.found.cause.class, row.found.by, row.said
        )
    };
    rows.map(line).collect()
}

#[test]
fn of_twenty_replies_nineteen_have_the_right_class() {
    let rows = rows();
    let classed = || rows.iter().filter(|row| row.class != "unknown");
    let wrong = || classed().filter(|row| !row.is_right());
    assert!(
        wrong().count() * 20 <= classed().count(),
        "{}",
        listed(wrong())
    );
    let misled = || wrong().filter(|row| row.is_by_words());
    assert!(
        misled().count() * 30 <= classed().count(),
        "{}",
        listed(misled())
    );
}

#[test]
fn replies_that_say_nothing_are_not_found_by_words() {
    let rows = rows();
    let misread = || {
        rows.iter()
            .filter(|row| row.class == "unknown" && row.is_by_words())
    };
    let unknown = rows.iter().filter(|row| row.class == "unknown").count();
    assert!(misread().count() * 4 <= unknown, "{}", listed(misread()));
}

#[test]
fn only_replies_about_the_recipient_suppress_an_address() {
    let rows = rows();
    let suppressed = || {
        rows.iter()
            .filter(|row| is_suppressible(&row.failure, Some(&row.found)))
    };
    assert!(suppressed().count() > 50, "{}", suppressed().count());
    let wrong = || suppressed().filter(|row| row.class != CauseClass::Recipient.as_str());
    assert_eq!(wrong().count(), 0, "{}", listed(wrong()));
}

#[test]
fn words_that_mislead_by_their_code_have_the_class_of_what_they_say() {
    for (at, said, class) in [
        // Stalwart, Exim and OpenSMTPD.
        ("RCPT", "550 5.1.2 Relay not allowed.", "relaying"),
        (
            "RCPT",
            "550 5.1.1 <noreply@example.org>: Sender address rejected",
            "sender",
        ),
        (
            "RCPT",
            "550-Verification failed for <alerts@example.org>\n550-Unrouteable address\n\
             550 Sender verify failed",
            "sender",
        ),
        (
            "RCPT",
            "550-Verification failed for <alerts@example.org>\n550 Unrouteable address",
            "sender",
        ),
        ("RCPT", "550 Administrative prohibition", "policy"),
        (
            "RCPT",
            "451 Temporary local problem - please try later",
            "relay_fault",
        ),
        ("MAIL", "450 Sender rate overlimit - 10.2 / 1h", "rate"),
        (
            "MAIL",
            "452 Space shortage, please try later",
            "relay_fault",
        ),
        ("RCPT", "550 Sender verify failed", "sender"),
        (
            "AUTH",
            "450 4.7.1 Error: too many AUTH commands from 192.0.2.1",
            "rate",
        ),
        ("MAIL", "550 Encryption required", "tls"),
        (
            "MAIL",
            "451 4.7.1 Temporary DNS failure for sender domain",
            "relay_fault",
        ),
        // Postfix, qmail and Haraka.
        (
            "RCPT",
            "450 4.1.1 <a@example.net>: Recipient address rejected: unverified address: not found",
            "recipient",
        ),
        (
            "RCPT",
            "451 4.3.0 <a@example.net>: Temporary lookup failure",
            "relay_fault",
        ),
        (
            "RCPT",
            "451 4.3.5 <a@example.net>: Recipient address rejected: Server configuration error",
            "relay_fault",
        ),
        (
            "RCPT",
            "450 4.1.1 <a@example.net>: Recipient address rejected: User unknown",
            "recipient",
        ),
        (
            "RCPT",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "relaying",
        ),
        (
            "RCPT",
            "550 I cannot deliver mail for {a@example.net}",
            "relaying",
        ),
        // Providers.
        (
            "MAIL",
            "550 5.7.0 <alerts@example.org>... Please use the smtp server of your ISP.",
            "reputation",
        ),
        (
            "RCPT",
            "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
            "mailbox",
        ),
        ("RCPT", "552 5.1.1 Boite du destinataire pleine", "mailbox"),
        (
            "RCPT",
            "550 5.1.1 <a@example.net> IP has sent to too many recipients this hour",
            "rate",
        ),
        (
            "MAIL",
            "550 5.1.8 Access denied, bad outbound sender",
            "sender_account",
        ),
    ] {
        let found = found(&settings(), &failure(at, said), "a@example.net");
        assert_eq!(found.cause.class.as_str(), class, "{said}: {found:?}");
        assert_eq!(found.by, Basis::Words, "{said}");
    }
}

#[test]
fn an_ambiguous_reply_has_two_causes_the_likelier_first() {
    let said = "550 Invalid recipient: <a@example.net>";
    let without_sign_in = settings();
    let signs_in = Form::default()
        .with(Label::FromAddress, "alerts@example.org")
        .with(Label::Host, "smtp.example.org")
        .with(Label::Port, "587")
        .with(Label::ConnectionType, "TLS")
        .with(Label::Username, "alerts")
        .with(Label::AuthenticationType, "Plain")
        .parse()
        .expect("valid");
    for (settings, recipient, first, second) in [
        (&without_sign_in, "a@example.net", "relaying", "recipient"),
        (&without_sign_in, "a@example.org", "recipient", "relaying"),
        (&signs_in, "a@example.net", "recipient", "relaying"),
    ] {
        let found = found(settings, &failure("RCPT", said), recipient);
        assert_eq!(found.cause.class.as_str(), first, "{recipient}");
        let other = found.alternative.expect("a second cause");
        assert_eq!(other.cause.class.as_str(), second, "{recipient}");
    }
}
