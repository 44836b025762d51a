//! Numbers, durations and descriptions of the outbox as texts.

use std::time::Duration;

use domain::Timestamp;
use domain::diagnosis::event::Elapsed;
use domain::outbox::{MessageAction, RecipientState, Search};
use domain::timestamp::DAY;

/// As in `12,045`.
pub fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// As in `1 mail` and `213 mails`.
pub fn counted(number: i64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

/// A duration by its largest unit; `None` below a minute, so that a snapshot does not change every
/// second.
fn length(time: Duration) -> Option<String> {
    match time.as_secs() {
        ..60 => None,
        seconds @ 60..3600 => Some(format!("{} min", seconds / 60)),
        seconds if time < DAY => Some(format!("{} h", seconds / 3600)),
        seconds => Some(counted((seconds / DAY.as_secs()) as i64, "day")),
    }
}

/// As in `4 min`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    length(now.saturating_since(since)).unwrap_or_else(|| "< 1 min".to_owned())
}

/// As in `4 min ago`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    length(now.saturating_since(at))
        .map_or_else(|| "just now".to_owned(), |length| format!("{length} ago"))
}

/// As in `in 4 min`.
pub fn ahead(at: Timestamp, now: Timestamp) -> String {
    length(at.saturating_since(now)).map_or_else(
        || "within 1 min".to_owned(),
        |length| format!("in {length}"),
    )
}

/// As in `37 ms`, or `< 1 ms`.
pub fn took(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "< 1 ms".to_owned(),
        milliseconds @ 1..10 => format!("{milliseconds} ms"),
        _ => Elapsed::from(duration).to_string(),
    }
}

/// As in `4.2 kB`, of bytes.
pub fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => counted(bytes, "byte"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// The text of the action's button.
pub const fn verb(action: MessageAction) -> &'static str {
    match action {
        MessageAction::Retry => "Retry",
        MessageAction::Resend => "Send again",
        MessageAction::Cancel => "Cancel",
        MessageAction::Hold => "Hold",
        MessageAction::Release => "Release",
    }
}

/// What the action does, for its confirmation.
pub const fn effect(action: MessageAction) -> &'static str {
    match action {
        MessageAction::Retry => "The mail is tried now, and for up to five days.",
        MessageAction::Resend => "The mail was delivered. The same mail is sent once more.",
        MessageAction::Cancel => "The mail is never sent. This cannot be undone.",
        MessageAction::Hold => "The mail is not sent until it is released.",
        MessageAction::Release => "The mail is sent as soon as the relay accepts it.",
    }
}

/// An action with the number of recipients, as in `Retry for 213 recipients`.
pub fn for_recipients(action: MessageAction, number: i64) -> String {
    format!("{} for {}", verb(action), counted(number, "recipient"))
}

/// A confirmation, as in `The mail to 213 recipients is tried again.`
pub fn done(action: MessageAction, number: i64) -> String {
    let what = match action {
        MessageAction::Retry => "tried again",
        MessageAction::Resend => "sent again",
        MessageAction::Cancel => "cancelled",
        MessageAction::Hold => "held",
        MessageAction::Release => "released",
    };
    format!("The mail to {} is {what}.", counted(number, "recipient"))
}

/// The states an action applies to, as in `deferred or failed`.
pub fn states(action: MessageAction) -> String {
    let titles: Vec<String> = action
        .applies_to()
        .iter()
        .map(|state| state.title().to_lowercase())
        .collect();
    match titles.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => titles.concat(),
    }
}

/// A search as in `failed, to desk@…`; `None` for all messages.
pub fn description(search: &Search) -> Option<String> {
    let Search {
        address,
        subject,
        id,
        state,
        since,
        until,
    } = search;
    let some = |criterion: &String, text: String| (!criterion.is_empty()).then_some(text);
    let parts = [
        state.map(|state: RecipientState| state.title().to_lowercase()),
        some(address, format!("to {address}…")),
        some(subject, format!("with “{subject}” in the subject")),
        some(id, format!("with the id {id}")),
        since.map(|at| format!("accepted from {at}")),
        until.map(|at| format!("accepted before {at}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        for (number, expected) in [
            (0, "0 mails"),
            (1, "1 mail"),
            (999, "999 mails"),
            (1_000, "1,000 mails"),
            (1_234_567, "1,234,567 mails"),
        ] {
            assert_eq!(counted(number, "mail"), expected);
        }
    }

    #[test]
    fn a_duration_has_its_largest_unit() {
        const DAY_MS: i64 = 86_400_000;
        let now = Timestamp(1_795_151_610_000);
        for (milliseconds, length, past, future) in [
            (-5, "< 1 min", "just now", "within 1 min"),
            (59_999, "< 1 min", "just now", "within 1 min"),
            (60_000, "1 min", "1 min ago", "in 1 min"),
            (3_599_999, "59 min", "59 min ago", "in 59 min"),
            (DAY_MS - 1, "23 h", "23 h ago", "in 23 h"),
            (DAY_MS, "1 day", "1 day ago", "in 1 day"),
            (5 * DAY_MS, "5 days", "5 days ago", "in 5 days"),
        ] {
            let before = Timestamp(now.0 - milliseconds);
            assert_eq!(age(before, now), length);
            assert_eq!(ago(before, now), past);
            assert_eq!(ahead(Timestamp(now.0 + milliseconds), now), future);
        }
        assert_eq!(
            [0, 4, 37, 5_200].map(|milliseconds| took(Duration::from_millis(milliseconds))),
            ["< 1 ms", "4 ms", "37 ms", "5.2 s"]
        );
        assert_eq!(
            [size(1), size(4_250), size(26_214_400)],
            ["1 byte", "4.2 kB", "26.2 MB"]
        );
    }

    #[test]
    fn an_action_is_described() {
        assert_eq!(
            done(MessageAction::Retry, 213),
            "The mail to 213 recipients is tried again."
        );
        assert_eq!(
            done(MessageAction::Cancel, 1),
            "The mail to 1 recipient is cancelled."
        );
        assert_eq!(
            for_recipients(MessageAction::Hold, 3_000),
            "Hold for 3,000 recipients"
        );
        assert_eq!(
            states(MessageAction::Cancel),
            "queued, deferred, held or failed"
        );
        assert_eq!(states(MessageAction::Release), "held");
        let pairs = [("state", "failed"), ("address", "desk@")];
        let search = Search::read(pairs).expect("understood");
        assert_eq!(description(&search).as_deref(), Some("failed, to desk@…"));
        assert_eq!(description(&Search::default()), None);
    }
}
