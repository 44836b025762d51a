//! Recipients that failed or are deferred, grouped by the cause of their last reply.

use super::RecipientState;
use crate::cause::{self, Basis, Observation};
use crate::sanitize::truncate;
use crate::{ConnectionType, Failure, Reply, SmtpSettings, Stage, Timestamp};

/// The maximum length of a cause that is taken from a text, in characters.
const CAUSE_MAX: usize = 100;

/// A recipient whose last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRecipient {
    /// The id of the message.
    pub message_id: String,
    /// The index within the message, from 0.
    pub position: i64,
    /// Failed or deferred.
    pub state: RecipientState,
    /// When the recipient failed; for a deferred one, when the message was accepted.
    pub at: Timestamp,
    /// The relay's reply, or what was observed.
    pub reply: String,
}

/// Recipients in one state with one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureGroup {
    /// The cause, as a title.
    pub cause: String,
    /// The number of recipients.
    pub number: usize,
    /// Whether there may be more recipients than the number.
    pub is_lower_bound: bool,
    /// The newest recipient.
    pub newest: FailedRecipient,
}

/// The recent failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentFailures {
    /// The recipients by state and cause.
    pub groups: Vec<FailureGroup>,
    /// Whether all recipients were read, also of older messages.
    pub is_complete: bool,
}

/// Groups recipients by state and cause. Failed recipients come before deferred ones, then larger
/// groups, then newer ones. There may be further recipients in the states in `partial`. `settings` are
/// those of a relay; without them, replies are grouped by their codes.
pub fn group_failures(
    failed: Vec<FailedRecipient>,
    partial: &[RecipientState],
    settings: Option<&SmtpSettings>,
) -> Vec<FailureGroup> {
    let mut groups: Vec<FailureGroup> = Vec::new();
    for recipient in failed {
        let cause = cause_of(&recipient.reply, settings);
        let known = groups
            .iter_mut()
            .find(|group| group.cause == cause && group.newest.state == recipient.state);
        match known {
            Some(group) => {
                group.number += 1;
                if recipient.at > group.newest.at {
                    group.newest = recipient;
                }
            }
            None => groups.push(FailureGroup {
                cause,
                number: 1,
                is_lower_bound: partial.contains(&recipient.state),
                newest: recipient,
            }),
        }
    }
    groups.sort_by(|a, b| {
        let rank = |group: &FailureGroup| group.newest.state != RecipientState::Failed;
        let size = b.number.cmp(&a.number);
        let age = b.newest.at.cmp(&a.newest.at);
        rank(a).cmp(&rank(b)).then(size).then(age)
    });
    groups
}

/// The cause by the words of a reply, else its codes; for other texts, the first sentence.
fn cause_of(text: &str, settings: Option<&SmtpSettings>) -> String {
    let Some(reply) = reply_of(text) else {
        let sentence = text.split_once(". ").map_or(text, |(first, _)| first);
        return match sentence.trim_end_matches('.') {
            "" => "No reply is stored".to_owned(),
            sentence => truncate(sentence.to_owned(), CAUSE_MAX),
        };
    };
    let codes = match reply.enhanced {
        Some([class, subject, detail]) => {
            format!("Reply {} {class}.{subject}.{detail}", reply.code)
        }
        None => format!("Reply {}", reply.code),
    };
    // The command that the reply answers is not stored, so that only its words are used.
    let failure = Failure::rejected(Stage::Rcpt, reply);
    let found = settings.and_then(|settings| {
        cause::find(&Observation {
            failure: &failure,
            settings,
            encrypted: settings.connection != ConnectionType::None,
            capabilities: &[],
            sender: settings.from_address.as_str(),
            recipient: None,
        })
    });
    found
        .filter(|found| found.by == Basis::Words)
        .map_or(codes, |found| found.cause.title.to_owned())
}

/// The 4xx or 5xx reply at the beginning of a text; `None` without one.
fn reply_of(text: &str) -> Option<Reply> {
    let (code, words) = text.split_once(' ').unwrap_or((text, ""));
    let code: u16 = code.parse().ok().filter(|_| code.len() == 3)?;
    (400..600)
        .contains(&code)
        .then(|| Reply::new(code, [words.as_bytes()].into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Form, Label};

    fn settings() -> SmtpSettings {
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "smtp.example.org")
            .with(Label::Port, "587");
        form.parse().expect("valid")
    }

    fn failed(state: RecipientState, at: i64, reply: &str) -> FailedRecipient {
        FailedRecipient {
            message_id: format!("message {at}"),
            position: 0,
            state,
            at: Timestamp(at),
            reply: reply.to_owned(),
        }
    }

    #[test]
    fn failures_are_grouped_by_state_and_cause() {
        use RecipientState::{Deferred, Failed};
        let all = vec![
            failed(Failed, 1, "550 5.1.1 <a@example.net>: no such user"),
            failed(Deferred, 2, "450 4.2.0 xyzzy"),
            failed(Deferred, 3, "450 4.2.0 plugh"),
            failed(Failed, 9, "550 5.1.1 <b@example.net>: no such user"),
            failed(Failed, 4, "550 5.1.1 <c@example.net>: no such user"),
            failed(Failed, 5, "599 xyzzy"),
        ];
        let groups = group_failures(all, &[Deferred], Some(&settings()));
        let shown: Vec<_> = groups
            .iter()
            .map(|group| (group.newest.state, group.number, group.newest.at.0))
            .collect();
        assert_eq!(shown, [(Failed, 3, 9), (Failed, 1, 5), (Deferred, 2, 3)]);
        let bounds: Vec<bool> = groups.iter().map(|group| group.is_lower_bound).collect();
        assert_eq!(bounds, [false, false, true]);
        assert!(!groups[0].cause.starts_with("Reply"), "{groups:?}");
        assert_eq!(groups[1].cause, "Reply 599");
        assert_eq!(groups[2].cause, "Reply 450 4.2.0");
    }

    #[test]
    fn a_cause_is_found_in_every_text() {
        let long = "x".repeat(300);
        for (text, expected) in [
            ("550 5.7.1 xyzzy", "Reply 550 5.7.1".to_owned()),
            ("451", "Reply 451".to_owned()),
            (
                "Not delivered within five days. The last reply: 452 4.2.2 full",
                "Not delivered within five days".to_owned(),
            ),
            ("no answer within 5 s", "no answer within 5 s".to_owned()),
            ("250 Ok", "250 Ok".to_owned()),
            ("", "No reply is stored".to_owned()),
            (long.as_str(), format!("{}…", "x".repeat(CAUSE_MAX))),
        ] {
            assert_eq!(cause_of(text, Some(&settings())), expected);
            assert_eq!(cause_of(text, None), expected, "without settings");
        }
    }
}
