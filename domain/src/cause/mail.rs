//! The relay does not take this mail: its size, its octets, what it looks like.

use super::{Cause, Row};
use crate::stage::{Fault, Stage};

pub(super) const ROWS: &[Row] = &[
    Row {
        when: |seen| {
            let known = matches!(seen.failure.fault, Fault::TooBig(_));
            let named = seen.says(&["too large", "too big", "message size", "size limit"]);
            let told = seen.status(&[[3, 4], [2, 3]]) || (seen.code(&[552]) && named);
            known || (seen.at(&[Stage::Mail, Stage::Data]) && told)
        },
        cause: Cause {
            title: "The mail is too big for the relay",
            cause: "The relay takes mails up to a size of its own, and this one is larger; a file \
                    in a mail grows by a third on its way.",
            steps: &[
                "Send less: smaller attachments, or a link to them.",
                "Ask the relay's operator for a higher limit.",
            ],
        },
    },
    Row {
        when: |seen| {
            let words = &["insufficient system storage", "insufficient disk space"];
            seen.at(&[Stage::Mail, Stage::Rcpt, Stage::Data])
                && seen.deferred()
                && (seen.says(words) || seen.code(&[452]) && seen.status(&[[3, 1]]))
        },
        cause: Cause {
            title: "The relay is out of room",
            cause: "The relay has no disk space or memory left for further mail, of whatever \
                    size.",
            steps: &[
                "Tell the relay's operator; nothing here can mend it.",
                "Try again when there is room.",
            ],
        },
    },
    Row {
        when: |seen| {
            seen.at(&[Stage::Data])
                && seen.says(&[
                    "considered spam",
                    "classified as spam",
                    "detected as spam",
                    "identified as spam",
                    "looks like spam",
                    "spam message rejected",
                    "spam score",
                    "likely unsolicited",
                ])
        },
        cause: Cause {
            title: "The relay takes the mail for spam",
            cause: "The relay read the mail and turned it away for what is in it, or for what \
                    this sender has sent before.",
            steps: &[
                "Follow the link in the reply, if there is one.",
                "Give the sender's domain SPF, DKIM and DMARC records that fit this relay.",
                "Have the relay's operator exempt this sender.",
            ],
        },
    },
    Row {
        when: |seen| seen.fault(&Fault::SmtpUtf8NotOffered),
        cause: Cause {
            title: "The relay takes only ASCII addresses",
            cause: "An address has other letters than ASCII before the @, which needs the \
                    extension SMTPUTF8, and the relay does not offer it.",
            steps: &[
                "Use another address, without accents and other scripts before the @.",
                "Or ask the relay's operator to switch SMTPUTF8 on.",
            ],
        },
    },
    Row {
        when: |seen| seen.fault(&Fault::EightBitNotOffered),
        cause: Cause {
            title: "The relay takes only 7-bit mail",
            cause: "The mail holds 8-bit characters, which needs the extension 8BITMIME, and the \
                    relay does not offer it.",
            steps: &[
                "Have the program that made the mail encode it (quoted-printable or base64).",
                "Or ask the relay's operator to switch 8BITMIME on.",
            ],
        },
    },
    Row {
        when: |seen| seen.fault(&Fault::LineBreak),
        cause: Cause {
            title: "A line break stands where none may be",
            cause: "The mail or a command holds a line break that would let one mail pass for \
                    two; nothing of it was sent.",
            steps: &[
                "Have whoever made the mail end its lines with CR LF, and nothing else.",
                "Look for line breaks pasted into an address or a name.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::check::{failed, prove, said};
    use crate::stage::{Fault, Stage};

    const BIG: &str = "The mail is too big for the relay";
    const ROOM: &str = "The relay is out of room";
    const SPAM: &str = "The relay takes the mail for spam";

    #[test]
    fn a_mail_that_is_not_taken() {
        prove(
            super::ROWS,
            &[
                (BIG, failed(Stage::Mail, Fault::TooBig(1000))),
                (
                    BIG,
                    said(Stage::Mail, "552 5.3.4 Message size exceeds fixed limit"),
                ),
                (
                    BIG,
                    said(Stage::Data, "552 Message size exceeds maximum permitted"),
                ),
                (
                    ROOM,
                    said(Stage::Mail, "452 4.3.1 Insufficient system resources"),
                ),
                (ROOM, said(Stage::Mail, "452 Insufficient system storage")),
                (
                    SPAM,
                    said(
                        Stage::Data,
                        "550-5.7.1 Our system has detected that this message is likely\n\
                         550 5.7.1 unsolicited mail. a1b2 - gsmtp",
                    ),
                ),
                (SPAM, said(Stage::Data, "554 5.7.1 Spam message rejected")),
                (
                    "The relay takes only ASCII addresses",
                    failed(Stage::Mail, Fault::SmtpUtf8NotOffered),
                ),
                (
                    "The relay takes only 7-bit mail",
                    failed(Stage::Mail, Fault::EightBitNotOffered),
                ),
                (
                    "A line break stands where none may be",
                    failed(Stage::Mail, Fault::LineBreak),
                ),
            ],
        );
    }
}
