//! Causes: the content and the form of the message.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::stage::{Fault, Stage};

pub const SPAM: Cause = Cause {
    title: "The relay classifies the mail as spam",
    class: CauseClass::Content,
    cause: "The relay rejected the mail for its content, or for the reputation of the sender.",
    steps: &[
        "Follow the link in the reply, if there is one.",
        "Give the sender's domain SPF, DKIM and DMARC records that fit this relay.",
        "Have the relay's operator exempt this sender.",
    ],
};

const VIRUS: Cause = Cause {
    title: "The relay finds a virus in the mail",
    class: CauseClass::Content,
    cause: "A virus scanner of the relay objects to the mail or to a file in it.",
    steps: &[
        "Check the files that the program attaches, with a scanner of your own.",
        "If they are clean, send the reply to the relay's operator: it names what was found.",
    ],
};

const ATTACHMENT: Cause = Cause {
    title: "The relay does not take this kind of attachment",
    class: CauseClass::Content,
    cause: "The type or name of an attached file, or a file in an archive, is not allowed.",
    steps: &[
        "Send a link instead of the file, or another type of file.",
        "Programs, scripts, macros and encrypted archives are refused by most relays.",
    ],
};

pub const MALFORMED: Cause = Cause {
    title: "The relay objects to the form of the mail",
    class: CauseClass::Content,
    cause: "A header is missing, doubled or malformed, a line is too long, or the MIME structure \
            is broken (RFC 5322, RFC 2045).",
    steps: &[
        "Compare the headers of the mail with what the reply names.",
        "Have the program that creates the mail write it with a mail library, or submit its \
         parts to Postern, which composes the mail.",
    ],
};

pub const FAULTS: &[Rule] = &[
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::SmtpUtf8NotOffered),
        cause: &Cause {
            title: "The relay takes only ASCII addresses",
            class: CauseClass::Protocol,
            cause: "An address has non-ASCII characters before the @, which needs the extension \
                    SMTPUTF8, and the relay does not offer it.",
            steps: &[
                "Use an address with only ASCII characters before the @.",
                "Or submit the mail to that address separately, so that the other recipients of \
                 the mail get it.",
                "Or ask the relay's operator to switch SMTPUTF8 on.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::EightBitNotOffered),
        cause: &Cause {
            title: "The relay takes only 7-bit mail",
            class: CauseClass::Content,
            cause: "The mail contains 8-bit characters, which need the extension 8BITMIME, and the \
                    relay does not offer it.",
            steps: &[
                "Have the program that creates the mail encode it (quoted-printable or base64).",
                "Or ask the relay's operator to switch 8BITMIME on.",
            ],
        },
    },
    Rule {
        words: &[],
        when: |observed| observed.fault(&Fault::LineBreak),
        cause: &Cause {
            title: "The mail contains an invalid line break",
            class: CauseClass::Content,
            cause: "The mail or a command contains a line break that could smuggle a second mail; \
                    nothing was sent.",
            steps: &[
                "Have the program that creates the mail end its lines with CR LF only.",
                "Look for line breaks pasted into an address or a name.",
            ],
        },
    },
];

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "virus",
            "infected",
            "malware",
            "trojan",
            "eicar",
            "phish",
            "clamav",
            "sanesecurity",
            "malicious",
            "heuristics.",
            "contaminated",
            " worm",
        ],
        when: |observed| observed.in_transaction(),
        cause: &VIRUS,
    },
    Rule {
        words: &[
            "attachment",
            "file type",
            "filetype",
            "file extension",
            "banned content",
            "banned file",
            "blocked file",
            "executable",
            "macro",
            "password protected",
            "password-protected",
            "encrypted archive",
            "security issue",
            "potential security",
            "presents a potential",
            "banned: ",
        ],
        when: |observed| observed.at(&[Stage::Data]),
        cause: &ATTACHMENT,
    },
    Rule {
        words: &[
            "[spam",
            "(spam",
            "spamassassin",
            "spamtrap",
            "junk mail",
            "junkmail",
            "unsolicited",
            "content filter",
            "content policy",
            "content restrictions",
            "content reject",
            "content blocked",
            "content not accepted",
            "content is not",
            "content not allowed",
            "content denied",
            "content unacceptable",
            "content refused",
            "inappropriate content",
            "prohibited content",
            "suspicious content",
            "suspicious mail",
            "due to content",
            "because of its content",
            "based on content",
            "undesirable",
            "unacceptable content",
            "message filtered",
            "message was filtered",
            "mail filtered",
            "message looks like",
            "message looked",
            "rejected by filter",
            "rejected by content",
            "antispam",
            "gtube",
            "rspamd",
            "amavis",
            "dspam",
            "cloudmark",
            "pyzor",
            "bogofilter",
            "high score",
            "scored as",
            "hits=",
            "bad url",
            "url in",
            "url(s)",
            "contains a url",
            "contains a link",
            "ubl ",
            "uri blacklist",
            "aisp, rule",
            "pub courriel",
            "pourriel",
            "correo no deseado",
            "lixo eletronico",
            "indesejad",
            " spam ",
            "spam.",
            "spam-",
            "-spam",
            "spam:",
            "spamming",
            "spam,",
            "mcspamsignature",
            "bulk mail",
            "bulk email",
            "uribl",
            "blacklisted url",
            "blacklisted link",
            "blocklists surbl",
            "url within",
            "one url",
            "recurrent pattern",
            "viral traffic",
            "known spammer",
            "listed at dbl",
            "spam or virus",
            "dt:spm",
            "sensitive words",
            "too much spam",
            "high risk",
        ],
        when: |observed| {
            observed.in_transaction()
                && !observed.says(&[
                    "headers",
                    "rfc 5322",
                    "rfc5322",
                    "encoded-word",
                    "multi-part",
                ])
        },
        cause: &SPAM,
    },
    Rule {
        words: &[
            "rfc 5322",
            "rfc5322",
            "rfc-5322",
            "rfc 2822",
            "rfc2822",
            "rfc 822",
            "rfc822",
            "rfc compliant",
            "not compliant",
            "non-compliant",
            "from: header",
            "from header",
            "header from",
            "missing from",
            "no from",
            "multiple from",
            "addresses in from",
            "from: addresses",
            "message-id",
            "message id",
            "messageid",
            "date header",
            "date: header",
            "subject header",
            "missing header",
            "missing a valid",
            "required header",
            "invalid header",
            "bad header",
            "malformed header",
            "header syntax",
            "header error",
            "header line",
            "header too",
            "headers too",
            "header size",
            "header field",
            "header contains",
            "illegal header",
            "duplicate header",
            "multiple headers",
            "headers are",
            "no headers",
            "mime error",
            "mime structure",
            "bad mime",
            "invalid mime",
            "mime boundary",
            "mime part",
            "mime nest",
            "mime content",
            "malformed message",
            "malformed mail",
            "malformed mime",
            "message format",
            "line length",
            "line too long",
            "lines too long",
            "lines longer",
            "line is too long",
            "bare lf",
            "bare cr",
            "bare <lf>",
            "bare <cr>",
            "bare newline",
            "bare linefeed",
            "bare line feed",
            "stray cr",
            "stray newlines",
            "null character",
            "nul character",
            "null byte",
            "8-bit",
            "eight bit",
            "invalid character",
            "illegal character",
            "non-ascii",
            "charset",
            "empty message",
            "message is empty",
            "empty body",
            "body missing",
            "message has no",
            "too many received",
            "invalid data in message",
            "mail data refused",
            "unparseable",
            "unparsable",
            "cannot parse",
            "could not parse",
            "content-type",
            "content type",
            "transfer-encoding",
            "multi-part mime",
            "to: fields",
            "blank from",
            "mime complexity",
            "mime/reject",
            "future date",
            "in message header",
            "header based",
            "line limit",
            "encoded-word",
            "media error",
            "attachments exceeds",
            "too many headers",
            "998 octets",
            "998 characters",
            "invalid structure",
            "no valid from",
            "failed to parse",
            "line-feed",
            "smtplf",
            "barelf",
            "headers exceeds",
        ],
        when: |observed| {
            observed.at(&[Stage::Data]) && !observed.says(&["hops", "too many received", "loop"])
        },
        cause: &MALFORMED,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, failed, rejected};
    use crate::stage::{Fault, Stage};

    const SPAM: &str = "The relay classifies the mail as spam";

    #[test]
    fn a_mail_that_is_not_taken() {
        assert_causes(
            &[super::FAULTS, super::WORDS],
            &[
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
                    "The relay finds a virus in the mail",
                    rejected(
                        Stage::Data,
                        "554 5.7.1 Infected: Eicar-Test-Signature FOUND",
                    ),
                ),
                (
                    "The relay does not take this kind of attachment",
                    rejected(Stage::Data, "552 5.7.0 illegal attachment on your message"),
                ),
                (
                    "The relay objects to the form of the mail",
                    rejected(
                        Stage::Data,
                        "550 5.7.1 Messages with no From: header are not accepted",
                    ),
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
