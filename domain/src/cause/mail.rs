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
            cause: "The mail exceeds the relay's size limit; encoding makes an attachment a third \
                    larger.",
            steps: &[
                "Send smaller attachments, or links to them.",
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
            title: "The relay is out of storage",
            cause: "The relay has no disk space or memory left for mail of any size.",
            steps: &[
                "Tell the relay's operator; this machine cannot resolve it.",
                "Try again when there is space.",
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
            title: "The relay classifies the mail as spam",
            cause: "The relay rejected the mail for its content, or for the reputation of the \
                    sender.",
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
            cause: "An address has non-ASCII characters before the @, which needs the extension \
                    SMTPUTF8, and the relay does not offer it.",
            steps: &[
                "Use an address with only ASCII characters before the @.",
                "Or ask the relay's operator to switch SMTPUTF8 on.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::EightBitNotOffered),
        cause: Cause {
            title: "The relay takes only 7-bit mail",
            cause: "The mail contains 8-bit characters, which need the extension 8BITMIME, and the \
                    relay does not offer it.",
            steps: &[
                "Have the program that creates the mail encode it (quoted-printable or base64).",
                "Or ask the relay's operator to switch 8BITMIME on.",
            ],
        },
    },
    Rule {
        when: |observed| observed.fault(&Fault::LineBreak),
        cause: Cause {
            title: "The mail contains an invalid line break",
            cause: "The mail or a command contains a line break that could smuggle a second mail; \
                    nothing was sent.",
            steps: &[
                "Have the program that creates the mail end its lines with CR LF only.",
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
    const ROOM: &str = "The relay is out of storage";
    const SPAM: &str = "The relay classifies the mail as spam";

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
                    "The mail contains an invalid line break",
                    failed(Stage::Mail, Fault::LineBreak),
                ),
            ],
        );
    }
}
