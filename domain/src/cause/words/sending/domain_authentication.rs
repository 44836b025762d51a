//! Causes: SPF, DKIM or DMARC of the sender's domain.

use crate::cause::class::CauseClass;
use crate::cause::rule::{Cause, Rule};
use crate::smtp::stage::Stage;

pub const UNAUTHORISED: Cause = Cause {
    title: "The From domain does not authorise this relay",
    class: CauseClass::DomainAuthentication,
    cause: "The SPF, DKIM or DMARC records of the domain of Email Address do not authorise this \
            relay to send for it.",
    steps: &[
        "In the domain's DNS, add this relay to the SPF record.",
        "Have the relay sign with DKIM for the domain, and publish its key.",
        "Or enter an address of a domain that the relay is set up for as Email Address.",
    ],
};

pub const WORDS: &[Rule] = &[Rule {
    words: &[
        "dmarc",
        "dkim",
        " spf ",
        " spf:",
        " spf-",
        "(spf)",
        " spf,",
        " spf.",
        "spf fail",
        "spf check",
        "spf hard",
        "spf record",
        "spf validation",
        "spf unauthorized",
        "openspf.",
        "spf.pobox",
        "sender policy framework",
        "authentication checks failed",
        "sender authentication",
        "sender is unauthenticated",
        "unauthenticated mail",
        "message not authenticated",
        "is not authenticated for domain",
        "not authorized to send from this domain",
        "not authorized to send mail for",
        "not authorized to send mail from",
        "not authorised to send mail for",
        "is not authorized to use",
        "is not allowed to send mail from",
        "is not allowed to send mail for",
        "is not allowed to send from",
        "not a designated mailer",
        "not designate",
        "not permitted by domain",
        "ip not authorized",
        "not a permitted sender",
        "invalid ip for sending mail of domain",
        "required authentication level",
        "senderid",
        "domainkeys",
        "email authentication",
        "fails to pass",
        "failed authentication check",
        "authentication results",
        "arc validation",
        "domain authentication",
        "mail is not authenticated",
        "5.7.26",
        "purported responsible address",
        "mismatches client ip",
        "mismatch client ip",
        "unauthenticated email from",
        "does not pass authentication",
    ],
    when: |observed| {
        let late = observed.in_transaction() || observed.at(&[Stage::Greeting, Stage::Ehlo]);
        late && !observed.says(&[
            "ptr record",
            "duplicate header",
            "unusual rate",
            "is not accepted from this domain",
            "sender authentication required",
        ])
    },
    cause: &UNAUTHORISED,
}];

#[cfg(test)]
mod tests {
    use crate::cause::testing::{assert_causes, rejected};
    use crate::smtp::stage::Stage;

    const TITLE: &str = "The From domain does not authorise this relay";

    #[test]
    fn a_sender_domain_that_does_not_authenticate() {
        let cases = [
            (
                Stage::Data,
                "550 5.7.1 Email rejected per DMARC policy for example.org",
            ),
            (
                Stage::Data,
                "550-5.7.26 Your email has been blocked because the sender is\n\
                 550 5.7.26 unauthenticated. a1b2 - gsmtp",
            ),
            (
                Stage::Data,
                "550 5.7.515 Access denied, sending domain example.org does not meet the required \
                 authentication level.",
            ),
            (
                Stage::Rcpt,
                "550 5.7.23 SPF validation failed for alerts@example.org",
            ),
            (
                Stage::Mail,
                "550 192.0.2.1 is not allowed to send mail from example.org",
            ),
        ];
        assert_causes(
            &[super::WORDS],
            &cases.map(|(stage, reply)| (TITLE, rejected(stage, reply))),
        );
    }
}
