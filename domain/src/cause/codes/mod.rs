//! Causes by code: the enhanced status code, the reply code and the stage, if words are unknown.
//!
//! The enhanced codes are those of RFC 3463, of IANA's registry "Simple Mail Transfer Protocol (SMTP)
//! Enhanced Status Codes", and Microsoft's.

mod hints;

use super::faults::encryption;
use super::reading::Evidence;
use super::rule::{Cause, Rule};
use super::words::receiving::{mailbox, recipient, recipient_policy, relaying};
use super::words::sending::{account, domain_authentication, identity, reputation, sender};
use super::words::{content, policy, providers, rate, relay_fault, sign_in, size, tls};
use crate::smtp::stage::Stage;

pub(super) use hints::HINTS;

/// A rule on codes, for replies whose words are unknown.
const fn rule(when: fn(&Evidence<'_>) -> bool, cause: &'static Cause) -> Rule {
    Rule {
        words: &[],
        when,
        cause,
    }
}

/// Sign-ins at relays whose host name identifies the provider.
pub(super) const PROVIDERS: &[Rule] = &[
    rule(
        |observed| wrong_password(observed) && observed.host_in("smtp.gmail.com"),
        &providers::APP_PASSWORD,
    ),
    rule(
        |observed| {
            let sendgrid = wrong_password(observed) && observed.host_in("sendgrid.net");
            sendgrid && !providers::has_api_key(observed)
        },
        &providers::API_USER,
    ),
    rule(
        |observed| wrong_password(observed) && observed.host_in("sendgrid.net"),
        &providers::API_KEY,
    ),
    rule(
        |observed| wrong_password(observed) && observed.host_in("amazonaws.com"),
        &providers::SES_CREDENTIALS,
    ),
];

/// The stages before a transaction at which a relay refuses the client itself.
const CLIENT: &[Stage] = &[Stage::Greeting, Stage::Ehlo];

/// Codes that are more specific than general words.
pub(super) const CERTAIN: &[Rule] = &[
    rule(
        |observed| observed.at(&[Stage::StartTls]) && observed.deferred(),
        &encryption::START_TLS_LATER,
    ),
    rule(
        |observed| observed.at(&[Stage::StartTls]) && observed.refused(),
        &encryption::START_TLS_REFUSED,
    ),
    // Enhanced status codes that mean the same at every stage.
    rule(
        |observed| observed.status(&[[7, 10], [7, 11]]) || observed.code(&[538]),
        &tls::ENCRYPTION,
    ),
    rule(|observed| observed.status(&[[7, 30]]), &tls::ENCRYPTION),
    rule(
        |observed| observed.status(&[[7, 25]]),
        &identity::REVERSE_DNS,
    ),
    rule(
        // RFC 7372 section 3, RFC 8617; the last two are Microsoft's.
        |observed| {
            observed.status(&[
                [7, 20],
                [7, 21],
                [7, 22],
                [7, 23],
                [7, 24],
                [7, 26],
                [7, 29],
                [7, 509],
                [7, 515],
            ])
        },
        &domain_authentication::UNAUTHORISED,
    ),
    rule(
        |observed| observed.status(&[[7, 28], [1, 90], [2, 121], [7, 508]]),
        &rate::LIMIT,
    ),
    rule(|observed| observed.status(&[[7, 60]]), &sender::SEND_AS),
    rule(
        |observed| observed.status(&[[7, 57], [7, 64], [7, 367]]),
        &relaying::DENIED,
    ),
    rule(
        |observed| {
            observed.status(&[
                [7, 501],
                [7, 502],
                [7, 503],
                [7, 700],
                [7, 701],
                [7, 702],
                [7, 703],
                [7, 704],
                [7, 705],
                [7, 708],
                [7, 750],
            ])
        },
        &account::BAD_OUTBOUND,
    ),
    rule(
        |observed| {
            let banned =
                |[_, subject, detail]: [u16; 3]| subject == 7 && (606..650).contains(&detail);
            observed.status(&[[7, 510], [7, 511]]) || observed.enhanced().is_some_and(banned)
        },
        &reputation::REJECTED,
    ),
    rule(
        |observed| {
            observed.status(&[
                [7, 2],
                [7, 12],
                [7, 13],
                [7, 17],
                [7, 124],
                [7, 133],
                [7, 134],
                [7, 135],
                [7, 136],
            ]) && observed.at(&[Stage::Rcpt, Stage::Data])
        },
        &recipient_policy::RECIPIENT_POLICY,
    ),
    // Sign-in.
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.status(&[[7, 13]]),
        &sign_in::DISABLED,
    ),
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.code(&[534]),
        &sign_in::TOO_WEAK,
    ),
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.code(&[504]),
        &sign_in::MECHANISM,
    ),
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.code(&[500, 501, 502, 503]),
        &policy::PROTOCOL,
    ),
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.refused(),
        &sign_in::CREDENTIALS,
    ),
    rule(
        |observed| observed.at(&[Stage::Auth]) && observed.deferred(),
        &sign_in::DIRECTORY,
    ),
    rule(
        |observed| observed.at(&[Stage::Ehlo]) && observed.code(&[500, 502, 530]),
        &identity::NOT_SMTP,
    ),
    rule(
        |observed| observed.code(&[530, 535]) || observed.status(&[[7, 8]]),
        &sign_in::REQUIRED,
    ),
];

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods have the lifetime of the type, the field takes any"
)]
pub(super) const RULES: &[Rule] = &[
    // The client, before a transaction.
    rule(
        |observed| observed.code(&[421]) || (observed.at(CLIENT) && observed.deferred()),
        &relay_fault::UNAVAILABLE,
    ),
    rule(
        |observed| observed.at(&[Stage::Ehlo]) && observed.refused(),
        &identity::EHLO_NAME,
    ),
    rule(
        |observed| observed.at(&[Stage::Greeting]) && observed.refused(),
        &reputation::REJECTED,
    ),
    // Addresses: subject 1.
    rule(
        |observed| observed.status(&[[1, 8], [7, 27]]),
        &sender::NO_DOMAIN,
    ),
    rule(|observed| observed.status(&[[1, 7]]), &sender::MALFORMED),
    rule(
        |observed| {
            let address = observed
                .enhanced()
                .is_some_and(|[_, subject, _]| subject == 1);
            observed.at(&[Stage::Mail]) && address
        },
        &sender::NOT_ACCEPTED,
    ),
    rule(
        |observed| observed.status(&[[1, 2], [1, 10], [4, 4]]) && observed.refused(),
        &recipient::NO_DOMAIN,
    ),
    rule(|observed| observed.status(&[[1, 3]]), &recipient::MALFORMED),
    rule(
        // 5.4.1 is Microsoft's for an unknown recipient.
        |observed| {
            let address = observed
                .enhanced()
                .is_some_and(|[_, subject, _]| subject == 1);
            address || (observed.status(&[[4, 1]]) && observed.refused())
        },
        &recipient::UNKNOWN,
    ),
    // Mailboxes: subject 2.
    rule(|observed| observed.status(&[[2, 3]]), &size::TOO_BIG),
    rule(|observed| observed.status(&[[2, 2]]), &mailbox::FULL),
    rule(
        |observed| observed.status(&[[2, 1]]) && observed.refused(),
        &mailbox::DISABLED,
    ),
    // The mail system: subject 3.
    rule(|observed| observed.status(&[[3, 4]]), &size::TOO_BIG),
    rule(|observed| observed.status(&[[3, 1]]), &relay_fault::STORAGE),
    rule(|observed| observed.status(&[[3, 3]]), &policy::PROTOCOL),
    rule(
        |observed| observed.status(&[[3, 2], [3, 5]]),
        &relay_fault::TROUBLE,
    ),
    rule(
        |observed| {
            let system = observed
                .enhanced()
                .is_some_and(|[_, subject, _]| matches!(subject, 3 | 4));
            observed.deferred() && system
        },
        &relay_fault::TROUBLE,
    ),
    // The protocol and the content: subjects 5 and 6.
    rule(|observed| observed.status(&[[5, 3]]), &rate::RECIPIENTS),
    rule(
        |observed| {
            let protocol = observed
                .enhanced()
                .is_some_and(|[_, subject, _]| subject == 5);
            protocol && observed.code(&[500, 501, 502, 503, 504, 555])
        },
        &policy::PROTOCOL,
    ),
    rule(
        |observed| {
            observed
                .enhanced()
                .is_some_and(|[_, subject, _]| subject == 6)
        },
        &content::MALFORMED,
    ),
    // Reply codes and stages (RFC 5321 section 4.2.3).
    rule(
        |observed| observed.code(&[500, 502, 503, 504, 555]),
        &policy::PROTOCOL,
    ),
    rule(
        |observed| observed.at(&[Stage::Mail]) && observed.code(&[501, 553, 550]),
        &sender::NOT_ACCEPTED,
    ),
    rule(
        |observed| observed.at(&[Stage::Rcpt]) && observed.code(&[501, 553]),
        &recipient::MALFORMED,
    ),
    rule(
        |observed| observed.code(&[552]) && observed.in_transaction(),
        &size::TOO_BIG,
    ),
    rule(
        |observed| {
            let asks = observed.status(&[[7, 1], [2, 0]]) || observed.enhanced().is_none();
            observed.at(&[Stage::Mail, Stage::Rcpt]) && observed.code(&[450, 451]) && asks
        },
        &rate::GREYLISTED,
    ),
    rule(|observed| observed.deferred(), &relay_fault::TROUBLE),
    rule(
        |observed| {
            let about_the_address = observed
                .enhanced()
                .is_none_or(|[_, subject, _]| subject != 7);
            observed.at(&[Stage::Rcpt]) && observed.code(&[550, 551]) && about_the_address
        },
        &recipient::UNKNOWN,
    ),
    rule(
        |observed| {
            let about_the_mail = observed
                .enhanced()
                .is_none_or(|[_, subject, _]| subject != 7);
            observed.at(&[Stage::Data]) && observed.refused() && about_the_mail
        },
        &content::SPAM,
    ),
    rule(|observed| observed.rejected(), &policy::POLICY),
];

fn wrong_password(observed: &Evidence<'_>) -> bool {
    observed.at(&[Stage::Auth]) && observed.code(&[535])
}
