//! Causes: the relay's limits on connections, sign-ins and mail.

use super::{Cause, Rule};
use crate::stage::Stage;

pub(super) const RULES: &[Rule] = &[
    Rule {
        when: |observed| {
            observed.says(&[
                "too many connections",
                "too many concurrent",
                "too many sessions",
                "connection limit",
                "connections limit",
                "number of connections",
            ])
        },
        cause: Cause {
            title: "Too many connections at once",
            cause: "The relay limits the number of simultaneous connections, and this machine or \
                    account has reached the limit.",
            steps: &[
                "Wait a minute and try again.",
                "Check which other programs send through this relay from this machine or with this \
                 account.",
                "Ask the relay's operator for a higher limit.",
            ],
        },
    },
    Rule {
        when: |observed| {
            observed.at(&[Stage::Greeting, Stage::Ehlo, Stage::Auth])
                && observed.says(&[
                    "login attempts",
                    "too many login",
                    "too many failed",
                    "too many auth",
                    "too many bad auth",
                ])
        },
        cause: Cause {
            title: "Too many failed sign-ins",
            cause: "After several wrong passwords the relay blocks sign-ins from this machine for \
                    a while, even with the right one.",
            steps: &[
                "Look for other programs that still sign in with an old password.",
                "Correct User Name and Password, wait a quarter of an hour and try again.",
            ],
        },
    },
    Rule {
        when: |observed| {
            let named = observed.says(&[
                "rate limit",
                "ratelimit",
                "sending rate",
                "unusual rate",
                "throttl",
                "too much mail",
                "too many messages",
                "too many emails",
                "too many recipients",
                "sending limit",
                "sending quota",
                "message quota",
                "hourly limit",
                "daily limit",
                "recipient limit exceeded",
                "credits exceeded",
            ]);
            named || observed.status(&[[7, 28]])
        },
        cause: Cause {
            title: "The relay's sending limit is reached",
            cause: "The relay limits the mails per hour or day of an account or address, and the \
                    limit is reached.",
            steps: &[
                "Wait as long as the reply says, or until the next hour or day.",
                "Check at the relay or provider which program sends most.",
                "Have the limit raised, or choose a larger plan.",
            ],
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::stage::Stage;

    const CONNECTIONS: &str = "Too many connections at once";
    const SIGN_INS: &str = "Too many failed sign-ins";
    const MAILS: &str = "The relay's sending limit is reached";

    #[test]
    fn a_relay_that_has_had_enough() {
        let cases = [
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
                SIGN_INS,
                Stage::Auth,
                "454-4.7.0 Too many login attempts, please try again later. For more\n\
                 454 4.7.0 information, go to a1b2 - gsmtp",
            ),
            (
                SIGN_INS,
                Stage::Auth,
                "535 5.7.0 (#AUTH005) Too many bad auth attempts.",
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
                Stage::Auth,
                "451 Authentication failed: Maximum credits exceeded",
            ),
            (
                MAILS,
                Stage::Data,
                "421-4.7.28 Gmail has detected an unusual rate of mail. To protect our\n\
                 421 4.7.28 users, mail has been temporarily limited. a1b2 - gsmtp",
            ),
        ];
        assert_causes(
            super::RULES,
            &cases.map(|(title, stage, reply)| (title, rejected(stage, reply))),
        );
    }
}
