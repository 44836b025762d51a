//! The queue as `mailq` prints it: asked for by `XQUEUE` on the listener's Unix socket.

use std::io::Write;
use std::path::Path;

use domain::outbox::{MessageView, RecipientState, RecipientView};
use domain::sanitize::printable;
use domain::timestamp::DAY;
use domain::{Kind, Refusal, Timestamp};
use engine::{Actor, Postern};
use nix::unistd::getuid;

use super::client::SubmissionClient;
use super::failure::{EX_IOERR, SendmailFailure};
use crate::commands::bootstrap::host;

/// The command. It is not SMTP: only the listener's Unix socket has it, for [`print`].
pub const QUEUE_COMMAND: &str = "XQUEUE";

/// How much of the queue is read and listed.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    /// The most messages: the oldest.
    pub messages: u32,
    /// No further message is listed behind so many recipients, of which a message has up to 1,000.
    pub recipients: usize,
}

/// A recipient takes two lines, and [`SubmissionClient`] reads 100,000 of a reply.
const LIMITS: QueueLimits = QueueLimits {
    messages: 500,
    recipients: 40_000,
};

/// The longest line, in octets: a reply line has at most 512 (RFC 5321 section 4.5.3.1.5).
const LINE_MAX: usize = 400;

/// The states of recipients whose mail is in the queue.
const WAITING: [RecipientState; 3] = [
    RecipientState::Queued,
    RecipientState::Deferred,
    RecipientState::Held,
];

/// Asks the listener at `path` for the queue, and prints it.
///
/// # Errors
/// With `EX_TEMPFAIL` where nothing listens; with `EX_UNAVAILABLE` where the caller may not see the queue.
pub fn print(path: &Path, out: &mut impl Write) -> Result<(), SendmailFailure> {
    let mut client = SubmissionClient::connect(path, &host())?;
    let listed = client.command(QUEUE_COMMAND)?;
    client.quit();
    let mut text = String::new();
    for line in listed.lines {
        text.push_str(&printable(&line, LINE_MAX));
        text.push('\n');
    }
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|error| {
        SendmailFailure::new(EX_IOERR, format!("the queue cannot be printed: {error}"))
    })
}

/// The lines of the reply to [`QUEUE_COMMAND`] of a process of this local user. Other users would see each
/// other's mail.
///
/// # Errors
/// [`Kind::Forbidden`] for others than root and the user of this process; as [`queue_lines`].
pub async fn queue_for(postern: &Postern, uid: u32) -> Result<Vec<String>, Refusal> {
    if uid != 0 && uid != getuid().as_raw() {
        let text = "Only root and the user of Postern see the queue.";
        return Err(Refusal::new(Kind::Forbidden, text));
    }
    queue_lines(postern, &Actor::local(uid), LIMITS).await
}

/// The oldest messages that wait, within `limits`, as Postfix lists them: oldest first, times in UTC. Each line
/// has at most 400 octets.
///
/// # Errors
/// [`Kind::Forbidden`] for an actor that does not see every message; [`Kind::Unavailable`] where the database
/// fails.
pub async fn queue_lines(
    postern: &Postern,
    actor: &Actor,
    limits: QueueLimits,
) -> Result<Vec<String>, Refusal> {
    let outbox = postern.outbox();
    // One more shows whether there are more.
    let most = limits.messages;
    let mut ids = outbox.oldest(actor, &WAITING, most + 1).await?;
    let mut is_cut = ids.len() > most as usize;
    ids.truncate(most as usize);
    let (mut messages, mut recipients) = (Vec::new(), 0);
    for id in ids {
        if recipients >= limits.recipients {
            is_cut = true;
            break;
        }
        match outbox.message(actor, &id).await {
            Ok(message) => {
                recipients += message.recipients.len();
                messages.push(message);
            }
            // It was removed meanwhile.
            Err(refusal) if refusal.kind == Kind::NotFound => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(listing(&messages, is_cut))
}

fn is_waiting(recipient: &RecipientView) -> bool {
    WAITING.contains(&recipient.state)
}

/// The listing, as Postfix prints it.
fn listing(messages: &[MessageView], is_cut: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut number, mut octets) = (0, 0);
    for message in messages {
        let mut waiting = message
            .recipients
            .iter()
            .filter(|one| is_waiting(one))
            .peekable();
        if waiting.peek().is_none() {
            continue;
        }
        number += 1;
        octets += message.size;
        lines.push(message_line(message));
        for recipient in waiting {
            let last = recipient.timeline.last();
            if let Some(reason) = last.filter(|event| !event.reply.is_empty()) {
                let reason = format!("({})", printable(&reason.reply, LINE_MAX));
                lines.push(format!("{reason:>78}"));
            }
            lines.push(format!("{:41}{}", "", recipient.address));
        }
        lines.push(String::new());
    }
    if number == 0 {
        return vec!["Mail queue is empty".to_owned()];
    }
    let title = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------";
    lines.insert(0, title.to_owned());
    let plural = if number == 1 { "" } else { "s" };
    let more = if is_cut { " More are not listed." } else { "" };
    let kilobytes = octets / 1024;
    lines.push(format!(
        "-- {kilobytes} Kbytes in {number} Request{plural}.{more}"
    ));
    for line in &mut lines {
        line.truncate(line.floor_char_boundary(LINE_MAX));
    }
    lines
}

/// The line of a message. Behind its id `*` says that it is being delivered, and `!` that it is held.
fn message_line(message: &MessageView) -> String {
    let mut waiting = message.recipients.iter().filter(|one| is_waiting(one));
    let is_active = message.recipients.iter().any(|recipient| recipient.leased);
    let is_held = waiting.all(|recipient| recipient.state == RecipientState::Held);
    let mark = match (is_active, is_held) {
        (true, _) => "*",
        (false, true) => "!",
        (false, false) => "",
    };
    let sender = match message.from.as_str() {
        "" => "MAILER-DAEMON",
        from => from,
    };
    let id = format!("{}{mark}", message.id);
    let arrived = arrival(message.accepted);
    format!("{id:<11} {:>7} {arrived:<20} {sender}", message.size)
}

/// A time as in `Mon Nov 30 07:30:08`, in UTC.
fn arrival(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // The epoch was a Thursday.
    let days = at.periods(DAY).rem_euclid(7);
    let day = usize::try_from(days).map_or("", |day| DAYS[day]);
    let text = at.rfc3339();
    let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok());
    let month = month.and_then(|month| MONTHS.get(month.checked_sub(1)?).copied());
    let (date, time) = (text.get(8..10), text.get(11..19));
    format!(
        "{day} {} {} {}",
        month.unwrap_or_default(),
        date.unwrap_or_default(),
        time.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use domain::outbox::{DeliveryEvent, EventKind, Priority};
    use domain::settings::PasswordChange;
    use domain::{Form, Label};
    use engine::{Config, Submission, Submissions};

    use super::*;

    const AT: Timestamp = Timestamp(1_796_023_808_000);

    fn recipient(address: &str, state: RecipientState, reply: &str) -> RecipientView {
        let event = DeliveryEvent {
            at: AT,
            kind: EventKind::Deferred,
            by: "relay.example:25".to_owned(),
            choice: None,
            reply: reply.to_owned(),
            took: None,
            may_have_arrived: false,
        };
        RecipientView {
            position: 0,
            address: address.to_owned(),
            state,
            leased: false,
            attempts: 1,
            due: None,
            timeline: vec![event],
        }
    }

    fn message(id: &str, from: &str, recipients: Vec<RecipientView>) -> MessageView {
        MessageView {
            id: id.to_owned(),
            accepted: AT,
            by: String::new(),
            from: from.to_owned(),
            subject: "Fire".to_owned(),
            priority: Priority::Normal,
            message_id: "<1@example.org>".to_owned(),
            size: 2048,
            kept: true,
            confidential: false,
            recipients,
            waits_for: Vec::new(),
            opens: None,
        }
    }

    #[test]
    fn the_queue_is_listed_as_postfix_does() {
        let deferred = recipient("b@example.org", RecipientState::Deferred, "451 later");
        let delivered = recipient("c@example.org", RecipientState::Delivered, "250 ok");
        let held = recipient("d@example.org", RecipientState::Held, "");
        let mut active = recipient("e@example.org", RecipientState::Queued, "");
        active.leased = true;
        let messages = [
            message("01JDQ", "a@example.org", vec![deferred, delivered.clone()]),
            message("01JDR", "", vec![held]),
            message("01JDS", "a@example.org", vec![active]),
            message("01JDT", "a@example.org", vec![delivered]),
        ];
        let reason = format!("{}(451 later)", " ".repeat(67));
        assert_eq!(
            listing(&messages, false),
            [
                "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------",
                "01JDQ          2048 Mon Nov 30 07:30:08  a@example.org",
                reason.as_str(),
                "                                         b@example.org",
                "",
                "01JDR!         2048 Mon Nov 30 07:30:08  MAILER-DAEMON",
                "                                         d@example.org",
                "",
                "01JDS*         2048 Mon Nov 30 07:30:08  a@example.org",
                "                                         e@example.org",
                "",
                "-- 6 Kbytes in 3 Requests.",
            ]
        );
        let one = listing(&messages[1..2], true);
        assert_eq!(
            one.last().map(String::as_str),
            Some("-- 2 Kbytes in 1 Request. More are not listed.")
        );
        assert_eq!(listing(&messages[3..], false), ["Mail queue is empty"]);
        assert_eq!(listing(&[], false), ["Mail queue is empty"]);
    }

    #[tokio::test]
    async fn mail_that_waits_is_in_the_queue() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().to_owned(),
            ..Config::default()
        };
        let postern = Postern::open(config).await.expect("opens");
        let actor = Actor::local(0);
        let lines = queue_for(&postern, 0).await.expect("listed");
        assert_eq!(lines, ["Mail queue is empty"]);
        let form = Form::default()
            .with(Label::FromAddress, "alerts@example.org")
            .with(Label::Host, "127.0.0.1")
            .with(Label::Port, "25");
        let settings = postern.settings();
        let saved = settings.save(&actor, form, PasswordChange::Keep, None);
        saved.await.expect("saves");
        let mail = Submission {
            to: vec!["b@example.net".to_owned(), "c@example.net".to_owned()],
            subject: Some("Fire".to_owned()),
            text: Some("Hello.".to_owned()),
            ..Submission::default()
        };
        let mail = Submissions::One(Box::new(mail));
        let accepted = postern.outbox().accept(&actor, mail, None).await;
        let ids = accepted.expect("accepted").ids;
        let lines = queue_lines(&postern, &actor, LIMITS).await.expect("listed");
        assert!(lines[1].starts_with(&ids[0]), "{lines:?}");
        assert!(lines[1].ends_with(" alerts@example.org"), "{lines:?}");
        let to: Vec<&str> = lines[2..4].iter().map(|line| line.trim()).collect();
        assert_eq!(to, ["b@example.net", "c@example.net"]);
        assert!(lines[5].ends_with(" Kbytes in 1 Request."), "{lines:?}");
        let own = queue_for(&postern, getuid().as_raw()).await;
        assert_eq!(own, Ok(lines));

        let mut ids = ids;
        for _ in 0..2 {
            let mail = Submission {
                to: vec!["b@example.net".to_owned()],
                subject: Some("Fire".to_owned()),
                text: Some("Hello again.".to_owned()),
                ..Submission::default()
            };
            let mail = Submissions::One(Box::new(mail));
            let accepted = postern.outbox().accept(&actor, mail, None).await;
            ids.extend(accepted.expect("accepted").ids);
        }
        ids.sort();
        // The first message has two recipients, the others one each.
        for (messages, recipients, number, end) in [
            (3, 9, 3, " in 3 Requests."),
            (2, 9, 2, " in 2 Requests. More are not listed."),
            (3, 3, 2, " in 2 Requests. More are not listed."),
            (3, 1, 1, " in 1 Request. More are not listed."),
        ] {
            let limits = QueueLimits {
                messages,
                recipients,
            };
            let lines = queue_lines(&postern, &actor, limits).await.expect("listed");
            let listed = lines.iter().filter(|line| line.starts_with("01"));
            let listed: Vec<&str> = listed.filter_map(|line| line.split(' ').next()).collect();
            assert_eq!(listed, ids[..number], "{limits:?}");
            let last = lines.last().expect("a line");
            assert!(last.ends_with(end), "{limits:?}: {last}");
        }
        let other = queue_for(&postern, 4_000_000_000).await;
        assert_eq!(other.expect_err("another user").kind, Kind::Forbidden);
        postern.close().await;
    }

    #[test]
    fn lines_fit_into_a_reply() {
        let long = "ü".repeat(1000);
        let waiting = recipient(&long, RecipientState::Queued, &long);
        let lines = listing(&[message("01JDQ", &long, vec![waiting])], false);
        assert!(lines.iter().all(|line| line.len() <= LINE_MAX));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (at, expected) in [
            (0, "Thu Jan 01 00:00:00"),
            (951_782_400_000, "Tue Feb 29 00:00:00"),
            (-1000, "Wed Dec 31 23:59:59"),
        ] {
            assert_eq!(arrival(Timestamp(at)), expected);
        }
    }
}
