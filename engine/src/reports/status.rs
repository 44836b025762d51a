//! Enhanced status codes of results (RFC 3463), by the reply of the relay and the cause.

use std::fmt;

use domain::Reply;
use domain::outbox::{ReportCause, ReportedResult};

/// An enhanced status code: class, subject and detail (RFC 3463 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusCode([u16; 3]);

impl StatusCode {
    /// The status of a result.
    pub fn of(result: &ReportedResult) -> Self {
        let reply = reply(&result.diagnostic);
        let replied = reply.map(|reply| reply.enhanced.unwrap_or([reply.code / 100, 0, 0]));
        Self(match (result.cause, replied) {
            // Delivery time expired.
            (ReportCause::Expired, _) => [4, 4, 7],
            (ReportCause::Delayed, replied) => {
                let [_, subject, detail] = replied.unwrap_or_default();
                [4, subject, detail]
            }
            (ReportCause::Unsendable, _) => [5, 0, 0],
            (_, Some(replied)) => replied,
            // Bad destination mailbox address.
            (ReportCause::Suppressed, None) => [5, 1, 1],
            (ReportCause::Refused, None) => [5, 0, 0],
            (ReportCause::Relayed, None) => [2, 0, 0],
        })
    }

    /// What the sender of the message can do about a failure.
    pub fn advice(result: &ReportedResult) -> &'static str {
        let replied = reply(&result.diagnostic).and_then(|reply| reply.enhanced);
        // Of a message that expired the reply says more than that time has passed.
        let [_, subject, detail] = replied.unwrap_or(Self::of(result).0);
        match (subject, detail) {
            (1, 7 | 8) => {
                "the address that you send from is refused. Ask the administrator of your mail system to \
                 have it allowed."
            }
            (1, _) => {
                "check the address for typing errors, and send the mail again to the right one."
            }
            (2, 2) => {
                "the mailbox is full. Tell the recipient in another way, and send the mail again later."
            }
            (2, 3) | (3, 4) => "the mail is too large. Send a smaller one, or a link to its files.",
            (2, _) => "the mailbox takes no mail. Contact the recipient in another way.",
            (4, _) => {
                "the mail system of the recipient was not reached. Send the mail again later."
            }
            (6, _) => {
                "the mail has a form that the recipient's mail system does not take. Send it without \
                 attachments or special characters."
            }
            (7, _) => {
                "the mail was refused by a rule. Show this report to the administrator of your mail system."
            }
            _ => {
                "contact the recipient in another way, or show this report to the administrator of your \
                 mail system."
            }
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([class, subject, detail]) = self;
        write!(f, "{class}.{subject}.{detail}")
    }
}

/// The reply of the relay in a diagnostic, which is a reply as [`Reply::to_line`] writes it, or the
/// observation of another failure.
pub(super) fn reply(diagnostic: &str) -> Option<Reply> {
    let (code, text) = diagnostic.split_at_checked(3)?;
    if !code.bytes().all(|byte| byte.is_ascii_digit())
        || !(text.is_empty() || text.starts_with(' '))
    {
        return None;
    }
    let code: u16 = code.parse().ok()?;
    let reply = Reply::new(code, std::iter::once(text.trim_start().as_bytes()));
    (200..600).contains(&code).then_some(reply)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn result(cause: ReportCause, diagnostic: &str) -> ReportedResult {
        ReportedResult {
            cause,
            address: "desk@example.net".to_owned(),
            diagnostic: diagnostic.to_owned(),
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_status_is_that_of_the_reply_or_of_the_cause() {
        use ReportCause::{Delayed, Expired, Refused, Relayed, Suppressed, Unsendable};
        for (cause, diagnostic, expected) in [
            (Refused, "550 5.1.1 no such user", "5.1.1"),
            (Refused, "550 no such user", "5.0.0"),
            (Refused, "554", "5.0.0"),
            (Refused, "450 4.7.1 never again", "4.7.1"),
            (Refused, "the relay does not offer SMTPUTF8", "5.0.0"),
            (Expired, "452 4.2.2 mailbox full", "4.4.7"),
            (Expired, "no answer", "4.4.7"),
            (Suppressed, "550 5.1.10 null MX", "5.1.10"),
            (Suppressed, "unknown user", "5.1.1"),
            (Unsendable, "The address cannot be parsed.", "5.0.0"),
            (Delayed, "452 4.2.2 mailbox full", "4.2.2"),
            (Delayed, "552 5.2.2 mailbox full", "4.2.2"),
            (Delayed, "451 later", "4.0.0"),
            (Delayed, "no answer", "4.0.0"),
            (Relayed, "250 2.6.0 queued", "2.6.0"),
            (Relayed, "250 OK", "2.0.0"),
        ] {
            let found = StatusCode::of(&result(cause, diagnostic)).to_string();
            assert_eq!(found, expected, "{cause:?} {diagnostic}");
        }
    }

    #[test]
    fn only_a_reply_is_taken_for_one() {
        for (diagnostic, code) in [
            ("550 5.1.1 no", Some(550)),
            ("250", Some(250)),
            ("199 x", None),
            ("600 x", None),
            ("5500 x", None),
            ("55", None),
            ("+55 x", None),
            ("", None),
            ("äöü x", None),
            ("the connection was closed", None),
        ] {
            assert_eq!(
                reply(diagnostic).map(|reply| reply.code),
                code,
                "{diagnostic}"
            );
        }
    }

    #[test]
    fn the_advice_depends_on_what_the_status_is_about() {
        use ReportCause::{Expired, Refused};
        for (cause, diagnostic, word) in [
            (Refused, "550 5.1.1 no such user", "typing errors"),
            (Refused, "550 5.1.8 bad sender", "send from"),
            (Refused, "552 5.2.2 full", "is full"),
            (Refused, "552 5.3.4 too big", "too large"),
            (Refused, "550 5.2.1 disabled", "takes no mail"),
            (Refused, "550 5.4.4 no route", "not reached"),
            (Refused, "550 5.6.7 no SMTPUTF8", "special characters"),
            (Refused, "550 5.7.1 policy", "by a rule"),
            (Refused, "554 no", "administrator"),
            (Expired, "452 4.2.2 full", "is full"),
            (Expired, "452 no answer", "not reached"),
        ] {
            let advice = StatusCode::advice(&result(cause, diagnostic));
            assert!(advice.contains(word), "{diagnostic}: {advice}");
        }
    }
}
