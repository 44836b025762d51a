//! Causes: the relay does not relay for this client.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const DENIED: Cause = Cause {
    title: "The relay denies relaying",
    class: CauseClass::Relaying,
    cause: "The recipient is in another domain, and the relay accepts such mail only from \
            authorised clients.",
    steps: &[
        "Choose an Authentication Type and enter User Name and Password, if the relay issues them.",
        "Use the port for signing in: 587 with Connection Type TLS, or 465 with SSL.",
        "If it authorises clients by IP address, have the relay's operator add this machine.",
    ],
};

pub const WORDS: &[Rule] = &[
    Rule {
        words: &["invalid recipient: @", "invalid recipient @"],
        when: |observed| {
            let elsewhere =
                observed.observation.recipient.is_some() && !observed.recipient_is_local();
            observed.at(&[Stage::Rcpt])
                && observed.code(&[550])
                && observed.enhanced().is_none()
                && elsewhere
                && !observed.signs_in()
        },
        cause: &DENIED,
    },
    Rule {
        words: &[
            "relay access",
            "relaying denied",
            "relaying is denied",
            "relay denied",
            "relay is denied",
            "relay rejected",
            "relaying not",
            "relaying is not",
            "relaying mail",
            "relaying to",
            "relaying prohibited",
            "relaying disallowed",
            "relaying blocked",
            "relay prohibited",
            "as a relay",
            "unauthorized relay",
            "relay through",
            "relay for",
            "relay not",
            "relay is not",
            "relay disabled",
            "no relay",
            "not relay",
            "not a relay",
            "not an open relay",
            "to relay",
            "can't relay",
            "allowed rcpthosts",
            "not a gateway",
            "not gateway",
            "not local host",
            "not local domain",
            "not a local domain",
            "not a local recipient",
            "user not local",
            "not local; please",
            "not responsible for",
            "i cannot deliver mail for",
            "we do not handle mail for",
            "we don't handle mail for",
            "don't accept mail for",
            "not accept mail for",
            "no mail accepted for",
            "not hosted here",
            "domain not hosted",
            "not handled here",
            "domain is not served",
            "isn't allowed to be relayed",
            "tenantattribution",
            "client was not authenticated",
            "client not authenticated",
            "third-party relay",
            "third party relay",
            "pas autorise a relayer",
            "relay verweigert",
            "specified domain is not allowed",
            "local user only",
            "relay of mail",
            "relaying) is not",
            "denies relay",
            "we don't relay",
            "relaying temporarily",
            "if relaying",
            "allowed for local users",
            "relais refuse",
            "weiterleitung nicht",
            "reenvio denegado",
            "relay negado",
            "required for relay",
        ],
        when: |observed| {
            let other = [
                "relay limit",
                "relay quota",
                "partner connector",
                "domain or user isn't",
            ];
            observed.in_transaction() && !observed.says(&other)
        },
        cause: &DENIED,
    },
];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    #[test]
    fn a_relay_that_does_not_relay() {
        let title = "The relay denies relaying";
        let replies = [
            "554 5.7.1 <a@example.net>: Relay access denied",
            "550 5.7.1 Unable to relay",
            "550 relay not permitted",
            "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
            "550 I cannot deliver mail for <a@example.net>",
            "550 5.1.2 Relay not allowed.",
        ];
        assert_causes(
            &[super::WORDS],
            &replies.map(|reply| (title, rejected(Stage::Rcpt, reply))),
        );
    }
}
