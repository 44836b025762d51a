//! Causes: the relay rejects the mail for its size or content.

use super::{Cause, Rule};
use crate::stage::{Fault, Stage};

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            let known = matches!(observed.failure.fault, Fault::TooBig(_));
            let named = observed.says(&["too large", "too big", "message size", "size limit"]);
            let told = observed.status(&[[3, 4], [2, 3]]) || (observed.code(&[552]) && named);
            known || (observed.at(&[Stage::Mail, Stage::Data]) && told)
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
    Rule {
        when: |observed| {
            let words = &["insufficient system storage", "insufficient disk space"];
            observed.at(&[Stage::Mail, Stage::Rcpt, Stage::Data])
                && observed.deferred()
                && (observed.says(words) || observed.code(&[452]) && observed.status(&[[3, 1]]))
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
    Rule {
        when: |observed| {
            observed.at(&[Stage::Data])
                && observed.says(&[
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
    Rule {
        when: |observed| observed.fault(&Fault::SmtpUtf8NotOffered),
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
    Rule {
        when: |observed| observed.fault(&Fault::EightBitNotOffered),
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
    Rule {
        when: |observed| observed.fault(&Fault::LineBreak),
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
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::stage::{Fault, Stage};

    const BIG: &str = "The mail is too big for the relay";
    const ROOM: &str = "The relay is out of room";
    const SPAM: &str = "The relay takes the mail for spam";

    #[test]
    fn a_mail_that_is_not_taken() {
        assert_causes(
            super::RULES,
            &[
                (BIG, failed(Stage::Mail, Fault::TooBig(1000))),
                (
                    BIG,
                    rejected(Stage::Mail, "552 5.3.4 Message size exceeds fixed limit"),
                ),
                (
                    BIG,
                    rejected(Stage::Data, "552 Message size exceeds maximum permitted"),
                ),
                (
                    ROOM,
                    rejected(Stage::Mail, "452 4.3.1 Insufficient system resources"),
                ),
                (
                    ROOM,
                    rejected(Stage::Mail, "452 Insufficient system storage"),
                ),
                (
                    SPAM,
                    rejected(
                        Stage::Data,
                        "550-5.7.1 Our system has detected that this message is likely\n\
                         550 5.7.1 unsolicited mail. a1b2 - gsmtp",
                    ),
                ),
                (
                    SPAM,
                    rejected(Stage::Data, "554 5.7.1 Spam message rejected"),
                ),
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
