//! What a failed attempt means for a message: defer it, fail it, or back off the relay.

use crate::cause::{Basis, CauseClass, Finding};
use crate::{Failure, Fault, Stage};

/// The number of attempts without a reply after the end of data from which on a message is held for a
/// person: another attempt may deliver a second copy.
pub const MAXIMAL_UNANSWERED: i64 = 3;

/// What to do with a message that was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Retry later: 4xx (RFC 5321 section 4.2.1), a 5xx for a temporary condition, or the session ended
    /// in mid-transaction.
    Defer,
    /// Do not retry: 5xx, or the relay does not accept such a message.
    Fail,
    /// The failure says nothing about the message: back off the relay, count no attempt.
    BackOffRelay,
}

/// The disposition of a message after `failure`, whose cause is `found`. Only replies to MAIL, RCPT
/// and DATA count against the message.
pub fn disposition(failure: &Failure, found: Option<&Finding>) -> Disposition {
    if !matches!(failure.stage, Stage::Mail | Stage::Rcpt | Stage::Data) {
        return Disposition::BackOffRelay;
    }
    match &failure.fault {
        Fault::Rejected => {
            let code = failure.reply.as_ref().map_or(0, |reply| reply.code);
            let by_words = found.filter(|found| found.by == Basis::Words);
            let by_class = by_words.and_then(|found| of_class(found.cause.class));
            match code {
                // 421 closes the session, 530 and 535 ask for a sign-in (RFC 4954 section 6): any
                // message would get the same reply.
                421 | 530 | 535 => Disposition::BackOffRelay,
                552 if is_temporary(failure.stage, by_words) => Disposition::Defer,
                500.. => by_class.unwrap_or(Disposition::Fail),
                _ => by_class.unwrap_or(Disposition::Defer),
            }
        }
        Fault::SmtpUtf8NotOffered
        | Fault::EightBitNotOffered
        | Fault::LineBreak
        | Fault::TooBig(_) => Disposition::Fail,
        _ => Disposition::Defer,
    }
}

/// Whether 552 means the same as 452: at RCPT (RFC 5321 section 4.5.3.1.10), unless its words are about
/// the message, which does not change, or about an address that does not exist.
fn is_temporary(stage: Stage, by_words: Option<&Finding>) -> bool {
    let lasting = |found: &Finding| {
        matches!(
            found.cause.class,
            CauseClass::Size | CauseClass::Content | CauseClass::Recipient
        )
    };
    stage == Stage::Rcpt && !by_words.is_some_and(lasting)
}

/// Whether the reply to RCPT means that the transaction has too many recipients, so that this one is
/// sent in the next (RFC 5321 section 4.5.3.1.10): by its words or its enhanced status code, or a plain
/// 452 or 552 without either.
pub fn exceeds_recipients_limit(failure: &Failure, found: Option<&Finding>) -> bool {
    if failure.stage != Stage::Rcpt || failure.fault != Fault::Rejected {
        return false;
    }
    let Some(reply) = &failure.reply else {
        return false;
    };
    let is_limit = |found: &Finding| found.cause.class == CauseClass::RecipientsLimit;
    let unexplained =
        reply.enhanced.is_none() && !found.is_some_and(|found| found.by == Basis::Words);
    found.is_some_and(is_limit) || matches!(reply.code, 452 | 552) && unexplained
}

/// The disposition of a class for every reply code; `None` for classes where 4xx defers and 5xx fails.
const fn of_class(class: CauseClass) -> Option<Disposition> {
    match class {
        // No message is accepted before the sign-in is repaired.
        CauseClass::SignIn => Some(Disposition::BackOffRelay),
        // These conditions end after some time, or when the account is paid. Relays use 5xx for them as
        // well.
        CauseClass::Rate
        | CauseClass::Greylisting
        | CauseClass::SenderAccount
        | CauseClass::RecipientsLimit => Some(Disposition::Defer),
        CauseClass::Relaying
        | CauseClass::Sender
        | CauseClass::DomainAuthentication
        | CauseClass::Recipient
        | CauseClass::Mailbox
        | CauseClass::RecipientPolicy
        | CauseClass::Reputation
        | CauseClass::Identity
        | CauseClass::Content
        | CauseClass::Size
        | CauseClass::RelayFault
        | CauseClass::Policy
        | CauseClass::Protocol
        | CauseClass::Network
        | CauseClass::Tls => None,
    }
}

/// The class of a 5xx that a relay may return for any message: it does not relay for this client,
/// requires another sign-in, bars the sending account, or refuses this machine by its reputation, its
/// names or a policy. `None` for other failures, and for the last three at the end of data, where they
/// may be about the content.
pub fn relay_wide_refusal(failure: &Failure, found: Option<&Finding>) -> Option<CauseClass> {
    let code = failure.reply.as_ref().map_or(0, |reply| reply.code);
    if failure.fault != Fault::Rejected || code < 500 {
        return None;
    }
    let class = found?.cause.class;
    let before_data = matches!(failure.stage, Stage::Mail | Stage::Rcpt);
    match class {
        CauseClass::Relaying | CauseClass::SignIn | CauseClass::SenderAccount => Some(class),
        CauseClass::Policy | CauseClass::Reputation | CauseClass::Identity if before_data => {
            Some(class)
        }
        _ => None,
    }
}

/// Whether the reply to RCPT says, by its code and by its words, that the address does not exist: 5.1.1,
/// 5.1.2, 5.1.3, 5.1.6 or 5.1.10 (RFC 3463 section 3.2, RFC 7505 section 4.2), and words that speak of
/// the recipient. Relays send these codes with other words too, such as `550 5.1.2 Relay not allowed`,
/// and a reply that two causes fit does not suffice.
pub fn is_suppressible(failure: &Failure, found: Option<&Finding>) -> bool {
    let enhanced = failure.reply.as_ref().and_then(|reply| reply.enhanced);
    failure.stage == Stage::Rcpt
        && failure.fault == Fault::Rejected
        && matches!(enhanced, Some([5, 1, 1 | 2 | 3 | 6 | 10]))
        && found.is_some_and(|found| {
            found.by == Basis::Words
                && found.cause.class == CauseClass::Recipient
                && found.alternative.is_none()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::{self, Observation};
    use crate::{Form, Label, Reply};

    fn rejected(stage: Stage, code: u16, text: &str) -> Failure {
        Failure::rejected(stage, Reply::new(code, [text.as_bytes()].into_iter()))
    }

    fn found(failure: &Failure) -> Option<Finding> {
        let settings = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "relay.example.org")
            .with(Label::Port, "587")
            .parse()
            .expect("valid");
        cause::find(&Observation {
            failure,
            settings: &settings,
            encrypted: true,
            capabilities: &[],
            sender: "alerts@example.org",
            recipient: Some("a@example.net"),
        })
    }

    fn disposed(failure: &Failure) -> Disposition {
        disposition(failure, found(failure).as_ref())
    }

    fn suppresses(failure: &Failure) -> bool {
        is_suppressible(failure, found(failure).as_ref())
    }

    #[test]
    fn only_replies_to_the_transaction_count_against_a_message() {
        use Disposition::{BackOffRelay, Defer, Fail};
        for (failure, expected) in [
            (rejected(Stage::Rcpt, 550, "5.1.1 no such user"), Fail),
            (rejected(Stage::Rcpt, 450, "4.2.0 greylisted"), Defer),
            (rejected(Stage::Mail, 552, "too big"), Fail),
            (rejected(Stage::Data, 554, "5.7.1 spam"), Fail),
            (rejected(Stage::Data, 451, "later"), Defer),
            (rejected(Stage::Data, 421, "going down"), BackOffRelay),
            (rejected(Stage::Rcpt, 421, "too much"), BackOffRelay),
            (
                rejected(Stage::Mail, 530, "5.7.0 sign in first"),
                BackOffRelay,
            ),
            (
                rejected(Stage::Mail, 535, "5.7.8 who are you"),
                BackOffRelay,
            ),
            (
                rejected(Stage::Auth, 535, "5.7.8 wrong password"),
                BackOffRelay,
            ),
            (rejected(Stage::Greeting, 554, "no"), BackOffRelay),
            (rejected(Stage::Ehlo, 550, "no"), BackOffRelay),
            (Failure::new(Stage::Tcp, Fault::NoAnswer, ""), BackOffRelay),
            (Failure::new(Stage::Data, Fault::Closed, ""), Defer),
            (Failure::new(Stage::Mail, Fault::TimedOut, ""), Defer),
            (Failure::new(Stage::Mail, Fault::TooBig(1), ""), Fail),
            (
                Failure::new(Stage::Mail, Fault::EightBitNotOffered, ""),
                Fail,
            ),
            (Failure::new(Stage::Mail, Fault::LineBreak, ""), Fail),
        ] {
            assert_eq!(disposed(&failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn only_a_reply_about_the_address_suppresses_it() {
        for (stage, code, text, listed) in [
            (Stage::Rcpt, 550, "5.1.1 no such user", true),
            (Stage::Rcpt, 550, "5.1.2 no such domain", true),
            (Stage::Rcpt, 553, "5.1.3 bad address syntax", true),
            (Stage::Rcpt, 551, "5.1.6 mailbox has moved", true),
            (Stage::Rcpt, 556, "5.1.10 null MX", true),
            (Stage::Rcpt, 550, "5.1.1 no", false),
            (Stage::Rcpt, 550, "5.1.2 Relay not allowed.", false),
            (
                Stage::Rcpt,
                550,
                "5.1.1 <noreply@example.org>: Sender address rejected",
                false,
            ),
            (
                Stage::Rcpt,
                550,
                "5.1.1 <alerts@example.org>: user unknown",
                false,
            ),
            (
                Stage::Rcpt,
                552,
                "5.1.1 Boite du destinataire pleine",
                false,
            ),
            (
                Stage::Rcpt,
                550,
                "5.1.1 192.0.2.1 IP has sent to too many recipients",
                false,
            ),
            (
                Stage::Rcpt,
                550,
                "5.1.1 Invalid recipient: <a@example.net>",
                false,
            ),
            (Stage::Rcpt, 550, "5.1.8 bad sender", false),
            (Stage::Rcpt, 550, "5.7.1 not from you", false),
            (Stage::Rcpt, 550, "no such user", false),
            (Stage::Rcpt, 450, "4.1.1 unknown for now", false),
            (Stage::Data, 550, "5.1.1 no such user", false),
            (Stage::Mail, 550, "5.1.1 no such user", false),
        ] {
            let failure = rejected(stage, code, text);
            assert_eq!(suppresses(&failure), listed, "{stage:?} {code} {text}");
        }
    }

    #[test]
    fn unsupported_messages_fail_and_interrupted_ones_are_deferred() {
        for stage in [Stage::Mail, Stage::Rcpt, Stage::Data] {
            for (fault, expected) in [
                (Fault::SmtpUtf8NotOffered, Disposition::Fail),
                (Fault::EightBitNotOffered, Disposition::Fail),
                (Fault::LineBreak, Disposition::Fail),
                (Fault::TooBig(1), Disposition::Fail),
                (Fault::Reset, Disposition::Defer),
                (Fault::Malformed, Disposition::Defer),
                (Fault::Deadline, Disposition::Defer),
            ] {
                let failure = Failure::new(stage, fault, "");
                assert_eq!(disposed(&failure), expected, "{failure:?}");
            }
            for (code, expected) in [
                (400, Disposition::Defer),
                (421, Disposition::BackOffRelay),
                (422, Disposition::Defer),
                (499, Disposition::Defer),
                (500, Disposition::Fail),
                (529, Disposition::Fail),
                (530, Disposition::BackOffRelay),
                (535, Disposition::BackOffRelay),
                (599, Disposition::Fail),
            ] {
                assert_eq!(disposed(&rejected(stage, code, "")), expected, "{code}");
            }
        }
        for stage in [
            Stage::Dns,
            Stage::Tcp,
            Stage::Tls,
            Stage::StartTls,
            Stage::Quit,
        ] {
            let failure = Failure::new(stage, Fault::TooBig(1), "");
            assert_eq!(disposed(&failure), Disposition::BackOffRelay);
        }
    }

    #[test]
    fn a_failure_without_a_reply_suppresses_nothing() {
        let mut failure = rejected(Stage::Rcpt, 550, "5.1.1 no such user");
        failure.fault = Fault::Closed;
        assert!(!suppresses(&failure));
        for text in [
            "5.1.4 ambiguous",
            "5.1.9 null",
            "5.1.11 odd",
            "5.2.1 disabled",
            "5.4.1 denied",
        ] {
            assert!(!suppresses(&rejected(Stage::Rcpt, 550, text)), "{text}");
        }
    }

    #[test]
    fn replies_that_end_with_time_are_not_final() {
        use Disposition::{BackOffRelay, Defer, Fail};
        for (stage, code, text, expected) in [
            (
                Stage::Data,
                550,
                "5.4.5 Daily user sending limit exceeded",
                Defer,
            ),
            (Stage::Rcpt, 450, "4.7.1 Greylisted", Defer),
            (Stage::Rcpt, 550, "5.7.1 Greylisted, try again later", Defer),
            (Stage::Rcpt, 552, "too many recipients", Defer),
            (Stage::Rcpt, 552, "5.2.2 mailbox full", Defer),
            (Stage::Rcpt, 552, "no", Defer),
            (Stage::Rcpt, 452, "no", Defer),
            (Stage::Rcpt, 552, "5.3.4 message too big", Fail),
            (Stage::Data, 552, "5.2.2 mailbox full", Fail),
            (
                Stage::Data,
                554,
                "5.7.1 Your account has been suspended",
                Defer,
            ),
            (
                Stage::Mail,
                550,
                "5.7.30 Basic authentication is not supported",
                BackOffRelay,
            ),
            (Stage::Rcpt, 554, "5.7.1 Relay access denied", Fail),
            (Stage::Data, 554, "5.4.6 too many hops", Fail),
        ] {
            let failure = rejected(stage, code, text);
            assert_eq!(disposed(&failure), expected, "{stage:?} {code} {text}");
        }
    }

    #[test]
    fn only_refusals_of_any_message_are_relay_wide() {
        use CauseClass::{Identity, Policy, Relaying, Reputation, SenderAccount};
        for (stage, code, text, expected) in [
            (
                Stage::Rcpt,
                554,
                "5.7.1 Relay access denied",
                Some(Relaying),
            ),
            (Stage::Rcpt, 550, "relaying denied", Some(Relaying)),
            (Stage::Rcpt, 454, "4.7.1 Relay access denied", None),
            (
                Stage::Data,
                554,
                "5.7.1 Your account has been suspended",
                Some(SenderAccount),
            ),
            (Stage::Rcpt, 550, "5.7.1 no", Some(Policy)),
            (Stage::Data, 550, "5.7.1 no", None),
            (
                Stage::Rcpt,
                554,
                "5.7.1 Client host [192.0.2.1] blocked using bl.example.org",
                Some(Reputation),
            ),
            (
                Stage::Data,
                554,
                "5.7.1 Client host [192.0.2.1] blocked using bl.example.org",
                None,
            ),
            (Stage::Rcpt, 550, "5.7.25 no PTR record", Some(Identity)),
            (Stage::Rcpt, 550, "5.1.1 no such user", None),
            (Stage::Data, 554, "5.7.1 spam", None),
            (Stage::Mail, 552, "5.3.4 message too big", None),
        ] {
            let failure = rejected(stage, code, text);
            let class = relay_wide_refusal(&failure, found(&failure).as_ref());
            assert_eq!(class, expected, "{stage:?} {code} {text}");
        }
        let closed = Failure::new(Stage::Rcpt, Fault::Closed, "");
        assert_eq!(relay_wide_refusal(&closed, found(&closed).as_ref()), None);
    }

    #[test]
    fn one_recipient_too_many_is_known_by_words_or_codes() {
        for (stage, code, text, expected) in [
            (Stage::Rcpt, 452, "4.5.3 Error: too many recipients", true),
            (Stage::Rcpt, 452, "too many recipients", true),
            (Stage::Rcpt, 451, "4.5.3 Too many recipients", true),
            (Stage::Rcpt, 552, "5.5.3 too many recipients", true),
            (Stage::Rcpt, 452, "4.5.3 no", true),
            (Stage::Rcpt, 452, "no", true),
            (Stage::Rcpt, 552, "no", true),
            (Stage::Rcpt, 452, "4.2.2 mailbox full", false),
            (Stage::Rcpt, 452, "4.3.1 no", false),
            (Stage::Rcpt, 450, "no", false),
            (Stage::Rcpt, 550, "no", false),
            (Stage::Mail, 452, "no", false),
            (Stage::Data, 452, "4.5.3 too many recipients", false),
        ] {
            let failure = rejected(stage, code, text);
            let found = exceeds_recipients_limit(&failure, found(&failure).as_ref());
            assert_eq!(found, expected, "{stage:?} {code} {text}");
        }
    }
}
