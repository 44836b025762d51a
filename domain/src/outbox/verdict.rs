//! What a failure means for a mail: only what the relay said to the mail itself counts against it.

use crate::{Failure, Fault, Stage};

/// What is to become of a mail that was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go the next time: 4xx (RFC 5321 section 4.2.1), or the line broke in mid-mail.
    Again,
    /// It will not go: 5xx, or the relay does not take such a mail. Somebody has to look at it.
    Park,
    /// It says nothing of the mail: the relay is not well, or not well set up.
    Relay,
}

/// Whose fault a failure is.
pub fn verdict(failure: &Failure) -> Verdict {
    if !matches!(failure.stage, Stage::Mail | Stage::Rcpt | Stage::Data) {
        return Verdict::Relay;
    }
    match &failure.fault {
        Fault::Rejected => match failure.reply.as_ref().map(|reply| reply.code) {
            // It closes, or wants to be signed in to (RFC 4954 section 6): as every mail would hear.
            Some(421 | 530 | 535) => Verdict::Relay,
            Some(500..) => Verdict::Park,
            _ => Verdict::Again,
        },
        Fault::SmtpUtf8NotOffered
        | Fault::EightBitNotOffered
        | Fault::LineBreak
        | Fault::TooBig(_) => Verdict::Park,
        _ => Verdict::Again,
    }
}

/// Whether the relay said of the address itself that there is none to deliver to: 5.1.1, 5.1.2,
/// 5.1.3, 5.1.6 or 5.1.10 (RFC 3463 section 3.2, RFC 7505 section 4.2) to RCPT. A bare 550 may mean
/// anything, and 5.7.x speaks of the sender.
pub fn is_suppressible(failure: &Failure) -> bool {
    let enhanced = failure.reply.as_ref().and_then(|reply| reply.enhanced);
    failure.stage == Stage::Rcpt
        && failure.fault == Fault::Rejected
        && matches!(enhanced, Some([5, 1, 1 | 2 | 3 | 6 | 10]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply;

    fn rejected(stage: Stage, code: u16, text: &str) -> Failure {
        Failure::rejected(stage, Reply::new(code, [text.as_bytes()].into_iter()))
    }

    #[test]
    fn a_mail_is_judged_by_what_the_relay_says_to_it_and_by_nothing_else() {
        use Verdict::{Again, Park, Relay};
        for (failure, expected) in [
            (rejected(Stage::Rcpt, 550, "5.1.1 no such user"), Park),
            (rejected(Stage::Rcpt, 450, "4.2.0 greylisted"), Again),
            (rejected(Stage::Mail, 552, "too big"), Park),
            (rejected(Stage::Data, 554, "5.7.1 spam"), Park),
            (rejected(Stage::Data, 451, "later"), Again),
            (rejected(Stage::Data, 421, "going down"), Relay),
            (rejected(Stage::Rcpt, 421, "too much"), Relay),
            (rejected(Stage::Mail, 530, "5.7.0 sign in first"), Relay),
            (rejected(Stage::Mail, 535, "5.7.8 who are you"), Relay),
            (rejected(Stage::Auth, 535, "5.7.8 wrong password"), Relay),
            (rejected(Stage::Greeting, 554, "no"), Relay),
            (rejected(Stage::Ehlo, 550, "no"), Relay),
            (Failure::new(Stage::Tcp, Fault::NoAnswer, ""), Relay),
            (Failure::new(Stage::Data, Fault::Closed, ""), Again),
            (Failure::new(Stage::Mail, Fault::TimedOut, ""), Again),
            (Failure::new(Stage::Mail, Fault::TooBig(1), ""), Park),
            (
                Failure::new(Stage::Mail, Fault::EightBitNotOffered, ""),
                Park,
            ),
            (Failure::new(Stage::Mail, Fault::LineBreak, ""), Park),
        ] {
            assert_eq!(verdict(&failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn only_a_word_about_the_address_lists_it() {
        for (stage, code, text, listed) in [
            (Stage::Rcpt, 550, "5.1.1 no such user", true),
            (Stage::Rcpt, 550, "5.1.2 no such domain", true),
            (Stage::Rcpt, 553, "5.1.3 bad syntax", true),
            (Stage::Rcpt, 551, "5.1.6 moved", true),
            (Stage::Rcpt, 556, "5.1.10 null MX", true),
            (Stage::Rcpt, 550, "5.1.8 bad sender", false),
            (Stage::Rcpt, 550, "5.7.1 not from you", false),
            (Stage::Rcpt, 550, "no such user", false),
            (Stage::Rcpt, 450, "4.1.1 unknown for now", false),
            (Stage::Data, 550, "5.1.1 no such user", false),
            (Stage::Mail, 550, "5.1.1 no such user", false),
        ] {
            let failure = rejected(stage, code, text);
            assert_eq!(is_suppressible(&failure), listed, "{stage:?} {code} {text}");
        }
    }
}
