//! Replies of the submission listener, with enhanced status codes (RFC 2034, RFC 3463).

use std::borrow::Cow;
use std::io::Write as _;

use domain::{Kind, Refusal};

/// The longest text of a line, in octets: a reply line has at most 512 (RFC 5321 section 4.5.3.1.5).
const TEXT_MAX: usize = 480;

/// The longest text of a refusal, in octets.
const REFUSAL_MAX: usize = 2000;

/// A reply to a command. Lines of the text are separated by LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    pub code: u16,
    /// The enhanced status code; empty where there is none.
    pub status: &'static str,
    pub text: Cow<'static, str>,
}

impl SmtpReply {
    pub const fn new(code: u16, status: &'static str, text: &'static str) -> Self {
        Self {
            code,
            status,
            text: Cow::Borrowed(text),
        }
    }

    /// A reply whose text contains input of the client or a refusal of the engine.
    pub fn made(code: u16, status: &'static str, text: &str) -> Self {
        Self {
            code,
            status,
            text: Cow::Owned(printable(text)),
        }
    }

    /// Whether the command was refused for good.
    pub fn is_error(&self) -> bool {
        self.code >= 500
    }

    /// Appends the reply as it is sent.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let mut lines = self.text.split('\n').flat_map(wrapped).peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            let gap = if self.status.is_empty() { "" } else { " " };
            // Writing to memory does not fail.
            let _ = write!(
                out,
                "{}{separator}{}{gap}{line}\r\n",
                self.code, self.status
            );
        }
    }
}

/// The parts of a line that fit into a reply line each, cut at spaces.
fn wrapped(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= TEXT_MAX {
            return Some(text);
        }
        let space = text.as_bytes()[..=TEXT_MAX]
            .iter()
            .rposition(|octet| *octet == b' ');
        let cut = space.filter(|at| *at > 0).unwrap_or(TEXT_MAX);
        let (part, others) = text.split_at(cut);
        rest = Some(others.trim_start_matches(' '));
        Some(part)
    })
}

/// A text as a reply can carry it: in ASCII (RFC 5321 section 4.2.1), on one line, of limited length.
fn printable(text: &str) -> String {
    let octets = text.chars().map(|c| match c {
        ' '..='~' => c,
        '“' | '”' => '"',
        '‘' | '’' => '\'',
        '–' | '—' => '-',
        c if c.is_whitespace() => ' ',
        _ => '?',
    });
    octets.take(REFUSAL_MAX).collect()
}

pub const OK: SmtpReply = SmtpReply::new(250, "2.0.0", "OK");
pub const SENDER_OK: SmtpReply = SmtpReply::new(250, "2.1.0", "Sender OK");
pub const RECIPIENT_OK: SmtpReply = SmtpReply::new(250, "2.1.5", "Recipient OK");
pub const SEND_DATA: SmtpReply = SmtpReply::new(354, "", "End data with <CR><LF>.<CR><LF>");
pub const START_TLS: SmtpReply = SmtpReply::new(220, "2.0.0", "Ready to start TLS");
pub const BYE: SmtpReply = SmtpReply::new(221, "2.0.0", "Bye");
pub const TOO_LARGE: SmtpReply = SmtpReply::new(
    552,
    "5.3.4",
    "A mail has at most 25 MiB; send less, or a link",
);
pub const LINE_TOO_LONG: SmtpReply = SmtpReply::new(
    500,
    "5.5.2",
    "The line is too long; the connection is closed",
);
pub const BARE_LINE_END: SmtpReply = SmtpReply::new(
    500,
    "5.5.2",
    "Lines end with CR and LF together; the connection is closed",
);
pub const TOO_MANY_ERRORS: SmtpReply =
    SmtpReply::new(421, "4.7.0", "Too many errors; the connection is closed");
pub const TOO_MANY_COMMANDS: SmtpReply = SmtpReply::new(
    421,
    "4.7.0",
    "Too many commands without a mail; the connection is closed",
);
pub const TOO_MANY_CONNECTIONS: SmtpReply = SmtpReply::new(
    421,
    "4.7.0",
    "Too many connections; close some, and try again later",
);
pub const IDLE: SmtpReply = SmtpReply::new(
    421,
    "4.4.2",
    "Nothing arrived in time; the connection is closed",
);
pub const NO_MAIL: SmtpReply = SmtpReply::new(
    421,
    "4.4.2",
    "No mail arrived in time; the connection is closed",
);
pub const STOPPING: SmtpReply = SmtpReply::new(
    421,
    "4.3.2",
    "Postern is stopping; try again in a few seconds",
);
pub const BEHIND_START_TLS: SmtpReply = SmtpReply::new(
    503,
    "5.5.1",
    "Nothing may be sent behind STARTTLS before its reply; the connection is closed",
);
pub const NOT_CURRENT: SmtpReply = SmtpReply::new(
    535,
    "5.7.8",
    "The account is disabled, or its token has expired or is revoked",
);

/// The reply to a mail that is on disk.
pub fn accepted(ids: &[String]) -> SmtpReply {
    SmtpReply {
        code: 250,
        status: "2.0.0",
        text: Cow::Owned(format!("Queued as {}", ids.join(" "))),
    }
}

/// The reply to a mail, or to an AUTH, that the engine refuses.
pub fn refused(refusal: &Refusal) -> SmtpReply {
    let has = |field: &str| refusal.fields.contains_key(field);
    let (code, status) = match refusal.kind {
        Kind::TooMany => (451, "4.7.1"),
        Kind::Unavailable | Kind::Internal | Kind::Conflict | Kind::RequestTimedOut => {
            (451, "4.3.0")
        }
        Kind::TooLarge => (552, "5.3.4"),
        Kind::Unauthenticated => (535, "5.7.8"),
        Kind::Forbidden => (550, "5.7.1"),
        _ if has("received") => (554, "5.4.6"),
        _ if has("from") => (550, "5.7.1"),
        _ if has("to") => (550, "5.1.3"),
        _ => (550, "5.6.0"),
    };
    let texts: Vec<&str> = refusal.fields.values().map(String::as_str).collect();
    let mut text = texts.join(" ");
    if let Some(seconds) = refusal.retry_after {
        text = format!("{text} (retry in {seconds} s)");
    }
    SmtpReply::made(code, status, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(reply: &SmtpReply) -> String {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_reply_has_a_line_for_each_line_of_its_text() {
        assert_eq!(sent(&OK), "250 2.0.0 OK\r\n");
        assert_eq!(sent(&SEND_DATA), "354 End data with <CR><LF>.<CR><LF>\r\n");
        let reply = SmtpReply::new(250, "", "gate\nSIZE 1\nDSN");
        assert_eq!(sent(&reply), "250-gate\r\n250-SIZE 1\r\n250 DSN\r\n");
    }

    #[test]
    fn long_texts_are_cut_at_spaces() {
        for word in ["word ", "endless"] {
            let reply = SmtpReply::made(550, "5.6.0", &word.repeat(300));
            let text = sent(&reply);
            assert!(text.lines().count() > 2, "{text}");
            for (index, line) in text.lines().enumerate() {
                assert!(line.len() <= 510, "{line}");
                let last = index + 1 == text.lines().count();
                let start = if last { "550 5.6.0 " } else { "550-5.6.0 " };
                assert!(line.starts_with(start), "{line}");
            }
        }
    }

    #[test]
    fn texts_are_ascii_on_one_line() {
        let reply = SmtpReply::made(550, "5.1.3", "“grüße” –\r\n250 OK\u{7}");
        assert_eq!(sent(&reply), "550 5.1.3 \"gr??e\" -  250 OK?\r\n");
    }

    #[test]
    fn refusals_have_the_codes_of_their_kind_and_field() {
        let of = Refusal::of;
        for (refusal, expected) in [
            (of(Kind::Invalid, "from", "No."), "550 5.7.1 No.\r\n"),
            (of(Kind::Invalid, "to", "No."), "550 5.1.3 No.\r\n"),
            (of(Kind::Invalid, "raw", "No."), "550 5.6.0 No.\r\n"),
            (of(Kind::Invalid, "received", "No."), "554 5.4.6 No.\r\n"),
            (of(Kind::TooLarge, "raw", "No."), "552 5.3.4 No.\r\n"),
            (Refusal::new(Kind::Forbidden, "No."), "550 5.7.1 No.\r\n"),
            (Refusal::new(Kind::TooLarge, "No."), "552 5.3.4 No.\r\n"),
            (
                Refusal::too_many(7, "Later."),
                "451 4.7.1 Later. (retry in 7 s)\r\n",
            ),
            (
                Refusal::new(Kind::Unavailable, "Later."),
                "451 4.3.0 Later.\r\n",
            ),
        ] {
            assert_eq!(sent(&refused(&refusal)), expected);
        }
        let mut both = of(Kind::Invalid, "raw", "One.");
        both.add("from", "Two.");
        assert_eq!(sent(&refused(&both)), "550 5.7.1 Two. One.\r\n");
    }

    #[test]
    fn a_mail_on_disk_has_its_id_in_the_reply() {
        let reply = accepted(&["01JD".to_owned()]);
        assert_eq!(sent(&reply), "250 2.0.0 Queued as 01JD\r\n");
    }
}
