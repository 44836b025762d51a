//! Tests of whole reports as snapshots, and of reports parsed again.

use domain::mail::dsn::{MessageDsn, RecipientDsn, ReturnContent};
use domain::outbox::{ReportCause, ReportedResult};
use domain::{EmailAddress, Timestamp};

use super::{Report, ReportedMessage, ReportedRecipient, compose, returns_whole};
use crate::mail;

const ORIGINAL: &str = "Date: Fri, 20 Nov 2026 11:44:59 +0000\r\n\
                        From: app@example.org\r\n\
                        Subject: Fire on floor 3\r\n\
                        Message-ID: <01JD@example.org>\r\n\
                        \r\n\
                        Come down.\r\n";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn result(cause: ReportCause, address: &str, diagnostic: &str) -> ReportedResult {
    ReportedResult {
        cause,
        address: address.to_owned(),
        diagnostic: diagnostic.to_owned(),
        at: at("2026-11-20T11:45:30"),
    }
}

/// A message whose report is composed.
struct Original<'a> {
    sender: &'a str,
    dsn: MessageDsn,
    bytes: &'a [u8],
    /// The relay of each result.
    results: &'a [(&'a str, ReportedResult)],
}

impl Original<'_> {
    /// The report, with LF as its line ends.
    fn report(&self) -> String {
        let sender: EmailAddress = self.sender.parse().expect("an address");
        let from = "alerts@example.org".parse().expect("an address");
        let recipients = self.results.iter().enumerate();
        let results = self.results.iter().map(|(_, result)| result);
        let size = i64::try_from(self.bytes.len()).expect("a size");
        let composed = compose(&Report {
            id: "01JE",
            now: at("2026-11-20T11:46:00"),
            from: &from,
            host: "gate.example.org",
            message: ReportedMessage {
                sender: &sender,
                accepted: at("2026-11-20T11:45:00"),
                subject: "Fire on floor 3",
                message_id: "<01JD@example.org>",
                dsn: &self.dsn,
                bytes: self.bytes,
                is_whole: returns_whole(&self.dsn, size, results),
            },
            recipients: recipients
                .map(|(position, (relay, result))| ReportedRecipient {
                    position,
                    relay,
                    result,
                    last_attempt: (!relay.is_empty()).then_some(result.at),
                    retry_until: Some(at("2026-11-25T11:45:00")),
                })
                .collect(),
        });
        assert_eq!(composed.message_id, "<01JE@example.org>");
        let text = String::from_utf8(composed.bytes).expect("UTF-8");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
        assert!(text.lines().all(|line| line.len() <= 998), "{text}");
        assert!(text.contains(&format!("Subject: {}\r\n", composed.subject)));
        text.replace("\r\n", "\n")
    }
}

fn envelope(ret: Option<ReturnContent>) -> MessageDsn {
    MessageDsn {
        ret,
        envid: None,
        recipients: Vec::new(),
    }
}

#[test]
fn a_refused_recipient_is_reported_with_the_header() {
    let dsn = MessageDsn {
        ret: Some(ReturnContent::Headers),
        envid: Some("job+2042".to_owned()),
        recipients: vec![RecipientDsn {
            notify: None,
            orcpt: Some("rfc822;no+2Bbody@example.com".to_owned()),
        }],
    };
    let refused = result(
        ReportCause::Refused,
        "nobody@example.net",
        "550 5.1.1 no such user",
    );
    let report = Original {
        sender: "app@example.org",
        dsn,
        bytes: ORIGINAL.as_bytes(),
        results: &[("smtp.example.org:587", refused)],
    }
    .report();
    assert_eq!(
        report,
        "Date: Fri, 20 Nov 2026 11:46:00 +0000
From: Mail Delivery System <alerts@example.org>
To: <app@example.org>
Subject: Your mail could not be delivered
Message-ID: <01JE@example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"report-01je\"
Content-Transfer-Encoding: 7bit

--report-01je
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

This is the mail system at gate.example.org.

It reports on your mail:

    Subject: Fire on floor 3
    Accepted: Fri, 20 Nov 2026 11:45:00 +0000
    Message-ID: <01JD@example.org>

It could not be delivered to the following addresses, and is not tried
again.

<nobody@example.net>
    The relay smtp.example.org refused it:
    550 5.1.1 no such user
    What to do: check the address for typing errors, and send the mail again
    to the right one.

The details for mail systems follow, and the header of your mail.

--report-01je
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Original-Envelope-Id: job 42
Reporting-MTA: dns; gate.example.org
Arrival-Date: Fri, 20 Nov 2026 11:45:00 +0000

Original-Recipient: rfc822; no+body@example.com
Final-Recipient: rfc822; nobody@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; smtp.example.org
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Fri, 20 Nov 2026 11:45:30 +0000

--report-01je
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 7bit

Date: Fri, 20 Nov 2026 11:44:59 +0000
From: app@example.org
Subject: Fire on floor 3
Message-ID: <01JD@example.org>

--report-01je--
"
    );
}

#[test]
fn recipients_with_other_results_are_in_one_report() {
    let full = "552 5.2.2 The mailbox of this user has no room for more mail; see \
                https://example.net/help/mailbox-full for what to do about it";
    let report = Original {
        sender: "app@example.org",
        dsn: envelope(Some(ReturnContent::Full)),
        bytes: ORIGINAL.as_bytes(),
        results: &[
            (
                "smtp.example.org:587",
                result(ReportCause::Expired, "full@example.net", full),
            ),
            (
                "192.0.2.1:25",
                result(
                    ReportCause::Delayed,
                    "slow@example.net",
                    "the relay closed the connection",
                ),
            ),
            (
                "",
                result(
                    ReportCause::Suppressed,
                    "gone@example.net",
                    "550 5.1.1 no such user",
                ),
            ),
            (
                "smtp.example.org:587",
                result(ReportCause::Relayed, "ok@example.net", "250 2.0.0 queued"),
            ),
        ],
    }
    .report();
    let (_, parts) = report.split_once("\n\n").expect("a body");
    assert_eq!(
        parts,
        "--report-01je
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

This is the mail system at gate.example.org.

It reports on your mail:

    Subject: Fire on floor 3
    Accepted: Fri, 20 Nov 2026 11:45:00 +0000
    Message-ID: <01JD@example.org>

It could not be delivered to the following addresses, and is not tried
again.

<full@example.net>
    It was tried for five days. The last answer of the relay
    smtp.example.org was:
    552 5.2.2 The mailbox of this user has no room for more mail; see
    https://example.net/help/mailbox-full for what to do about it
    What to do: the mailbox is full. Tell the recipient in another way, and
    send the mail again later.

<gone@example.net>
    It was not tried, because a relay has refused mail to this address
    before:
    550 5.1.1 no such user
    What to do: check the address for typing errors, and send the mail again
    to the right one.

It is not delivered to the following addresses yet. It is tried again; you
need not send it once more.

<slow@example.net>
    The last failure at the relay 192.0.2.1 was:
    the relay closed the connection
    It is tried again until about Wed, 25 Nov 2026 11:45:00 +0000.

It was passed on for the following addresses, to a relay that sends no
reports. Whether it reaches them is not known.

<ok@example.net>
    The relay smtp.example.org accepted it:
    250 2.0.0 queued

The details for mail systems follow, and your mail.

--report-01je
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; gate.example.org
Arrival-Date: Fri, 20 Nov 2026 11:45:00 +0000

Final-Recipient: rfc822; full@example.net
Action: failed
Status: 4.4.7
Remote-MTA: dns; smtp.example.org
Diagnostic-Code: smtp; 552 5.2.2 The mailbox of this user has no room for
 more mail; see https://example.net/help/mailbox-full for what to do about
 it
Last-Attempt-Date: Fri, 20 Nov 2026 11:45:30 +0000

Final-Recipient: rfc822; slow@example.net
Action: delayed
Status: 4.0.0
Remote-MTA: dns; [192.0.2.1]
Diagnostic-Code: X-Postern; the relay closed the connection
Last-Attempt-Date: Fri, 20 Nov 2026 11:45:30 +0000
Will-Retry-Until: Wed, 25 Nov 2026 11:45:00 +0000

Final-Recipient: rfc822; gone@example.net
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

Final-Recipient: rfc822; ok@example.net
Action: relayed
Status: 2.0.0
Remote-MTA: dns; smtp.example.org
Diagnostic-Code: smtp; 250 2.0.0 queued
Last-Attempt-Date: Fri, 20 Nov 2026 11:45:30 +0000

--report-01je
Content-Type: message/rfc822
Content-Transfer-Encoding: 7bit

Date: Fri, 20 Nov 2026 11:44:59 +0000
From: app@example.org
Subject: Fire on floor 3
Message-ID: <01JD@example.org>

Come down.

--report-01je--
"
    );
}

/// The content types of the second and the third part, and the transfer encoding of the report and of the
/// third part.
fn types(report: &str) -> Vec<&str> {
    let fields = report.lines().filter_map(|line| {
        let name = "Content-Type: ";
        line.strip_prefix(name)
            .or_else(|| line.strip_prefix("Content-Transfer-Encoding: "))
    });
    let [_, whole, _, _, status, _, returned, encoding] = fields.collect::<Vec<_>>()[..] else {
        panic!("three parts: {report}");
    };
    vec![status, returned, whole, encoding]
}

#[test]
fn other_octets_are_declared_and_returned_only_where_the_relay_takes_them() {
    let text = ORIGINAL.replace("Come", "Kömmt");
    let header = ORIGINAL.replace("Fire", "Großfeuer");
    let full = Some(ReturnContent::Full);
    let refused = "550 5.1.1 no such user";
    let unsent = "the relay does not offer 8BITMIME";
    // The relay said so of another message.
    let listed = "550 5.1.10 null MX";
    let status = "message/delivery-status";
    for (bytes, ret, diagnostic, expected) in [
        (&text, full, refused, ["message/rfc822", "8bit", "8bit"]),
        (&header, full, refused, ["message/global", "8bit", "8bit"]),
        (&text, full, unsent, ["text/rfc822-headers", "7bit", "7bit"]),
        (&text, full, listed, ["text/rfc822-headers", "7bit", "7bit"]),
        (
            &text,
            None,
            refused,
            ["text/rfc822-headers", "7bit", "7bit"],
        ),
        (
            &header,
            full,
            unsent,
            ["message/global-headers", "7bit", "quoted-printable"],
        ),
    ] {
        let (relay, cause) = match diagnostic == listed {
            true => ("", ReportCause::Suppressed),
            false => ("smtp.example.org:587", ReportCause::Refused),
        };
        let report = Original {
            sender: "app@example.org",
            dsn: envelope(ret),
            bytes: bytes.as_bytes(),
            results: &[(relay, result(cause, "nobody@example.net", diagnostic))],
        }
        .report();
        let [returned, whole, encoding] = expected;
        assert_eq!(types(&report), [status, returned, whole, encoding]);
        let is_eight_bit = whole == "8bit";
        assert_eq!(report.is_ascii(), !is_eight_bit, "{report}");
    }
}

#[test]
fn an_address_that_is_not_ascii_makes_the_parts_global() {
    let refused = result(
        ReportCause::Refused,
        "büro@bücher.example",
        "550 5.1.1 büro ist unbekannt",
    );
    let report = Original {
        sender: "bö@bücher.example",
        dsn: envelope(None),
        bytes: ORIGINAL.as_bytes(),
        results: &[("smtp.example.org:587", refused)],
    }
    .report();
    assert!(report.contains("\nTo: <bö@xn--bcher-kva.example>\n"));
    let expected = [
        "message/global-delivery-status",
        "text/rfc822-headers",
        "7bit",
        "7bit",
    ];
    assert_eq!(types(&report), expected);
    for line in [
        "Final-Recipient: utf-8; b=C3=BCro@xn--bcher-kva.example\n",
        "Diagnostic-Code: smtp; 550 5.1.1 b?ro ist unbekannt\n",
        "<b=C3=BCro@xn--bcher-kva.example>\n",
        "    550 5.1.1 b=C3=BCro ist unbekannt\n",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
}

#[test]
fn a_report_is_parsed_as_its_readers_parse_it() {
    let refused = result(
        ReportCause::Refused,
        "büro@example.net",
        "550 5.1.1 büro ist unbekannt",
    );
    let report = Original {
        sender: "app@example.org",
        dsn: envelope(Some(ReturnContent::Full)),
        bytes: ORIGINAL.as_bytes(),
        results: &[("smtp.example.org:587", refused)],
    }
    .report();
    let parsed = mail::parse(report.replace('\n', "\r\n").as_bytes());
    let value = |name: &str| {
        let found = parsed.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("Auto-Submitted"), Some("auto-replied"));
    assert_eq!(value("Subject"), Some("Your mail could not be delivered"));
    let text = parsed.text.expect("a text");
    assert!(text.contains("<büro@example.net>\n"), "{text}");
    assert!(text.contains("550 5.1.1 büro ist unbekannt\n"), "{text}");
    let kinds = parsed.attachments.iter().map(|part| &*part.content_type);
    let expected = ["message/global-delivery-status", "message/rfc822"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn a_report_without_the_message_has_two_parts() {
    let unsendable = result(
        ReportCause::Unsendable,
        "desk@example.net",
        "The message is no longer stored.",
    );
    let report = Original {
        sender: "app@example.org",
        dsn: envelope(None),
        bytes: b"",
        results: &[("", unsendable)],
    }
    .report();
    assert_eq!(report.matches("\n--report-01je\n").count(), 2);
    assert!(report.contains("\nThe details for mail systems follow.\n"));
    assert!(report.contains("Diagnostic-Code: X-Postern; The message is no longer stored.\n"));
    assert!(!report.contains("Remote-MTA") && !report.contains("Last-Attempt-Date"));
}

#[test]
fn a_delay_without_an_attempt_says_so() {
    let waiting = result(
        ReportCause::Delayed,
        "desk@example.net",
        "no relay takes mail at present",
    );
    let report = Original {
        sender: "app@example.org",
        dsn: envelope(None),
        bytes: ORIGINAL.as_bytes(),
        results: &[("", waiting)],
    }
    .report();
    let reason = "    It was not tried yet:\n    no relay takes mail at present\n";
    assert!(report.contains(reason), "{report}");
    assert!(!report.contains("Remote-MTA") && !report.contains("Last-Attempt-Date"));
}

#[test]
fn nothing_of_a_relay_reaches_a_header() {
    let hostile = format!(
        "550 5.1.1 x\r\nAction: delivered\r\n\r\n{}",
        "y".repeat(3000)
    );
    let report = Original {
        sender: "app@example.org",
        dsn: envelope(None),
        bytes: ORIGINAL.as_bytes(),
        results: &[(
            "smtp.example.org:587",
            result(ReportCause::Refused, "nobody@example.net", &hostile),
        )],
    }
    .report();
    assert!(!report.contains("\nAction: delivered"), "{report}");
    assert_eq!(report.matches("\nAction: failed\n").count(), 1);
    assert!(report.len() < 4000, "{}", report.len());
}
