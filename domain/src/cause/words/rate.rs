//! Causes: the relay's limits on connections, messages and recipients, and greylisting.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const GREYLISTED: Cause = Cause {
    title: "The relay asks to try again later",
    class: CauseClass::Greylisting,
    cause: "The relay uses greylisting: it defers the first mail of an unknown sender for some \
            minutes, because spam clients rarely retry.",
    steps: &[
        "Wait five minutes and send the test again; it is accepted then, and so are later mails.",
        "A relay for submission should not greylist: use Port 587 with a sign-in, or have the \
         relay's operator exempt this machine.",
    ],
};

pub const LIMIT: Cause = Cause {
    title: "The relay's sending limit is reached",
    class: CauseClass::Rate,
    cause: "The relay limits the mails per hour or day of an account or address, and the limit is \
            reached.",
    steps: &[
        "Wait as long as the reply says, or until the next hour or day.",
        "Check at the relay or provider which program sends most.",
        "Have the limit raised, or choose a larger plan.",
    ],
};

const CONNECTIONS: Cause = Cause {
    title: "Too many connections at once",
    class: CauseClass::Rate,
    cause: "The relay limits the number of simultaneous connections, and this machine or account \
            has reached the limit.",
    steps: &[
        "Wait a minute and try again.",
        "Check which other programs send through this relay from this machine or with this \
         account.",
        "Ask the relay's operator for a higher limit.",
    ],
};

pub const RECIPIENTS: Cause = Cause {
    title: "The mail has too many recipients",
    class: CauseClass::RecipientsLimit,
    cause: "The relay limits the recipients of one mail, or of one transaction.",
    steps: &[
        "Send to fewer recipients at once; Postern sends the rest in later transactions.",
        "Ask the relay's operator for a higher limit.",
    ],
};

/// Words that resemble a failed sign-in, and are about the number of attempts.
pub const SIGN_INS: &[Rule] = &[Rule {
    words: &["too many auth commands"],
    when: |_| true,
    cause: &LIMIT,
}];

pub const GREYLISTING: &[Rule] = &[
    Rule {
        words: &[
            "greylist",
            "graylist",
            "grey list",
            "gray list",
            "grey-list",
            "gray-list",
            "postgrey",
            "grey.",
            "greet pause",
            "liste grise",
            "lista gris",
            "lista cinza",
        ],
        when: |observed| !observed.at(&[Stage::Auth]),
        cause: &GREYLISTED,
    },
    // Postfix' postscreen.
    Rule {
        words: &["service currently unavailable"],
        when: |observed| observed.at(&[Stage::Rcpt]) && observed.code(&[450]),
        cause: &GREYLISTED,
    },
];

pub const WORDS: &[Rule] = &[
    Rule {
        words: &[
            "too many recipients",
            "too many rcpt",
            "recipients per message",
            "recipients per session",
            "recipients in this",
            "recipient count",
            "number of recipients",
            "recipients exceed",
            "recipients limit",
            "recipient limit",
            "maximum recipients",
            "max recipients",
            "per transaction exceeded",
            "separate transaction",
            "multiple recipients not",
            "too many addresses",
            "one recipient at a time",
            "only one recipient",
            "too much recipients",
            "zu viele empfanger",
            "trop de destinataires",
            "demasiados destinatarios",
            "max rcpt",
            "allow rcpt numbers",
            "multi-recipient",
            "more than one recipient",
        ],
        when: |observed| {
            let in_a_time = [
                "daily",
                "hour",
                " day",
                "24 ",
                " rate",
                "ip has sent",
                "minute",
                "quota",
                "period",
                "recipients from #",
                "session",
            ];
            observed.in_transaction() && !observed.says(&in_a_time)
        },
        cause: &RECIPIENTS,
    },
    Rule {
        words: &[
            "too many connections",
            "too many concurrent",
            "too many simultaneous",
            "too many sessions",
            "too many open connections",
            "too many smtp sessions",
            "too many processes",
            "connection limit",
            "connections limit",
            "connection rate",
            "connection count",
            "number of connections",
            "number of concurrent",
            "number of simultaneous",
            "concurrent connections",
            "concurrent smtp",
            "simultaneous connections",
            "maximum connections",
            "max connections",
            "connection frequency",
            "connections per",
            "connection concurrency",
            "connecting too",
            "connected too",
            "trop de connexions",
            "zu viele verbindungen",
            "demasiadas conexiones",
            "zbyt wiele polaczen",
            "too many new connections",
        ],
        when: |_| true,
        cause: &CONNECTIONS,
    },
    Rule {
        words: &[
            "rate limit",
            "rate-limit",
            "ratelimit",
            "rate overlimit",
            "rate exceeded",
            "sending rate",
            "mail rate",
            "message rate",
            "unusual rate",
            "rate that",
            "rate too",
            "throttl",
            "too much mail",
            "too many mail",
            "too many emails",
            "too many e-mails",
            "too many message",
            "too many recipients",
            "too many requests",
            "too many transactions",
            "too many deliveries",
            "too fast",
            "too frequent",
            "sending limit",
            "send limit",
            "sending quota",
            "send quota",
            "submission quota",
            "submissionquota",
            "relay quota",
            "relay limit",
            "message quota",
            "messages quota",
            "mail quota",
            "outgoing quota",
            "hourly",
            "daily",
            "per hour",
            "per day",
            "per minute",
            "per session",
            "emails per",
            "messages per",
            "messages sent",
            "message limit",
            "messages limit",
            "message count limit",
            "mail limit",
            "recipient limit",
            "recipients limit",
            "recipient rate",
            "exceeded the max",
            "exceeded maximum",
            "thread limit",
            "in the last hour",
            "slow down",
            "slowdown",
            "tarpit",
            "please slow",
            "mail frequency",
            "frequency limited",
            "limite d'envoi",
            "limite de envio",
            "sendelimit",
            "limite diario",
            "vous avez depasse",
            "rate of mail",
            "rate of unsolicited",
            "excessive volume",
            "high volume",
            "too many errors",
            "single session",
            "message threshold",
            "queue quota",
            "please try again slower",
            "permitted limits",
            "short period of time",
            "exceeded the allowed number",
            "maximum number of messages",
            "in 24 hours",
            "messages in the last",
            "limits for how many messages",
            "message per connection",
            "in one session",
            "ports are busy",
            "dynt1",
            "dyn:t1",
            "hl:icc",
        ],
        when: |observed| {
            let of_other_causes = [
                "mailbox",
                "over quota",
                "receiving",
                "user you are trying",
                "inbox",
                "storage",
                "disk",
                "message size",
                "line length",
                "hop",
                "likely unsolicited",
                "attachment",
            ];
            !observed.says(&of_other_causes)
        },
        cause: &LIMIT,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const GREY: &str = "The relay asks to try again later";
    const CONNECTIONS: &str = "Too many connections at once";
    const MAILS: &str = "The relay's sending limit is reached";
    const RECIPIENTS: &str = "The mail has too many recipients";

    #[test]
    fn a_relay_whose_limit_is_reached() {
        let cases = [
            (
                RECIPIENTS,
                Stage::Rcpt,
                "452 4.5.3 Error: too many recipients",
            ),
            (
                CONNECTIONS,
                Stage::Greeting,
                "421 4.7.0 relay.example.org Error: too many connections from 192.0.2.1",
            ),
            (
                CONNECTIONS,
                Stage::Greeting,
                "421 Too many concurrent SMTP connections; please try again later.",
            ),
            (
                CONNECTIONS,
                Stage::Data,
                "432 4.3.2 STOREDRV.ClientSubmit; Concurrent connections limit exceeded",
            ),
            (
                MAILS,
                Stage::Mail,
                "450 4.7.1 Error: too much mail from 192.0.2.1",
            ),
            (
                MAILS,
                Stage::Rcpt,
                "451 4.7.1 Rate limit exceeded, try again later",
            ),
            (
                MAILS,
                Stage::Data,
                "454 Throttling failure: Daily message quota exceeded.",
            ),
            (
                MAILS,
                Stage::Data,
                "550-5.4.5 Daily user sending limit exceeded. For more information on\n\
                 550 5.4.5 limits, go to a1b2 - gsmtp",
            ),
            (
                MAILS,
                Stage::Data,
                "421-4.7.28 Gmail has detected an unusual rate of mail. To protect our\n\
                 421 4.7.28 users, mail has been temporarily limited. a1b2 - gsmtp",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }

    #[test]
    fn a_relay_that_counts_sign_ins_does_not_speak_of_the_password() {
        let reply = "450 4.7.1 Error: too many AUTH commands from 192.0.2.1";
        assert_causes(&[super::SIGN_INS], &[(MAILS, rejected(Stage::Auth, reply))]);
    }

    #[test]
    fn a_relay_that_defers_the_first_mail_of_a_sender() {
        let replies = [
            "450 4.2.0 <a@example.org>: Recipient address rejected: Greylisted",
            "451 4.7.1 Greylisting in action, please come back later",
            "450 4.7.1 Please try again later",
        ];
        assert_causes(
            &[super::GREYLISTING],
            &replies.map(|reply| (GREY, rejected(Stage::Rcpt, reply))),
        );
    }
}
