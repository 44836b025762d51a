//! The body of DATA: line ends are checked, dots stuffed (RFC 5321 section 4.5.2).

use domain::sanitize::printable;
use memchr::{memchr_iter, memmem};

use crate::smtp::wire::PIECE_SIZE;

/// The end of data (RFC 5321 section 4.1.1.4).
pub(crate) const END_OF_DATA: &[u8] = b".\r\n";

/// A message in which every CR and LF is part of a CRLF, so that no relay finds an end of data
/// inside it.
#[derive(Clone, Copy)]
pub(crate) struct CheckedMessage<'a> {
    bytes: &'a [u8],
    /// Whether it has octets above 127.
    pub eight_bit: bool,
    /// Whether its header has octets above 127 (RFC 6532).
    pub eight_bit_header: bool,
}

/// A text in a header with octets above 127, for display.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EightBitText {
    /// The name of its header field.
    pub field: String,
    /// The text up to the next space or delimiter on both sides.
    pub word: String,
}

/// The maximum length of a name or word that is shown, in characters.
const SHOWN: usize = 80;

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

impl<'a> CheckedMessage<'a> {
    /// `None` where a CR or LF is not part of a CRLF.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let paired = memchr_iter(b'\r', bytes).all(|at| bytes.get(at + 1) == Some(&b'\n'))
            && memchr_iter(b'\n', bytes).all(|at| at > 0 && bytes[at - 1] == b'\r');
        if !paired {
            return None;
        }
        let eight_bit = !bytes.is_ascii();
        let header_end = if bytes.starts_with(b"\r\n") {
            Some(0)
        } else {
            memmem::find(bytes, b"\r\n\r\n")
        };
        Some(Self {
            bytes,
            eight_bit,
            eight_bit_header: eight_bit && !bytes[..header_end.unwrap_or(bytes.len())].is_ascii(),
        })
    }

    /// Where the header has its first octet above 127.
    pub fn eight_bit_text(&self) -> Option<EightBitText> {
        if !self.eight_bit_header {
            return None;
        }
        let at = self.bytes.iter().position(|byte| !byte.is_ascii())?;
        // A line that begins with white space continues the field before it.
        let mut start = at;
        while start > 0 && (self.bytes[start - 1] != b'\n' || is_blank(self.bytes[start])) {
            start -= 1;
        }
        let is_edge = |byte: &u8| is_blank(*byte) || b"\r\n<>(),;:\"".contains(byte);
        let before = self.bytes[..at].iter().rev();
        let word = at - before.take_while(|byte| !is_edge(byte)).count();
        let rest = self.bytes[at..].iter();
        let end = at + rest.take_while(|byte| !is_edge(byte)).count();
        let field = self.bytes[start..].split(|byte| *byte == b':').next()?;
        let shown = |bytes| printable(&String::from_utf8_lossy(bytes), SHOWN);
        Some(EightBitText {
            field: shown(field),
            word: shown(&self.bytes[word..end]),
        })
    }

    /// The size in octets as RFC 1870 section 3 counts it: with every line end, without stuffed
    /// dots.
    pub fn size(&self) -> usize {
        self.bytes.len() + missing_end(self.bytes).len()
    }
}

/// The line end that a message lacks, if any.
pub(crate) fn missing_end(message: &[u8]) -> &'static [u8] {
    match message {
        [] | [.., b'\n'] => b"",
        _ => b"\r\n",
    }
}

/// The bytes to write after the 354, in pieces: the message with stuffed dots, and the end of data.
pub(crate) struct BodyPieces<'a> {
    /// `None` once the end of data has been returned.
    rest: Option<&'a [u8]>,
    line_start: bool,
}

impl<'a> BodyPieces<'a> {
    /// The message must have been checked by [`CheckedMessage`].
    pub fn new(message: &'a [u8]) -> Self {
        Self {
            rest: Some(message),
            line_start: true,
        }
    }

    /// Whether the end of data has been returned.
    pub fn ended(&self) -> bool {
        self.rest.is_none()
    }

    /// Replaces the content of `piece` by the next piece. `false` when there is none.
    pub fn next(&mut self, piece: &mut Vec<u8>) -> bool {
        let Some(rest) = self.rest else { return false };
        piece.clear();
        let (mut now, later) = rest.split_at(rest.len().min(PIECE_SIZE));
        // For stuffed dots, and for commands after the end of data.
        piece.reserve(now.len() + 512);
        if self.line_start && now.starts_with(b".") {
            piece.push(b'.');
        }
        self.line_start = now.last().map_or(self.line_start, |byte| *byte == b'\n');
        while let Some(at) = memmem::find(now, b"\n.") {
            let (line, dot) = now.split_at(at + 1);
            piece.extend_from_slice(line);
            piece.push(b'.');
            now = dot;
        }
        piece.extend_from_slice(now);
        if later.is_empty() {
            if !self.line_start {
                piece.extend_from_slice(b"\r\n");
            }
            piece.extend_from_slice(END_OF_DATA);
            self.rest = None;
        } else {
            self.rest = Some(later);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Removes stuffed dots as a relay does (RFC 5321 section 4.5.2). `None` where the end of data
    /// is missing or not at the end.
    fn unstuffed(body: &[u8]) -> Option<Vec<u8>> {
        let mut message = Vec::new();
        let mut rest = body;
        loop {
            let end = memmem::find(rest, b"\r\n")? + 2;
            let (line, after) = rest.split_at(end);
            match line {
                END_OF_DATA => return after.is_empty().then_some(message),
                [b'.', stuffed @ ..] => message.extend_from_slice(stuffed),
                line => message.extend_from_slice(line),
            }
            rest = after;
        }
    }

    fn body(message: &[u8]) -> Vec<u8> {
        CheckedMessage::new(message).expect("a message");
        let mut pieces = BodyPieces::new(message);
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        while pieces.next(&mut piece) {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[test]
    fn dots_are_stuffed_at_the_start_of_lines_only() {
        for (message, expected) in [
            (&b""[..], &b".\r\n"[..]),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".", b"..\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"..\r\n", b"...\r\n.\r\n"),
            (
                b"a.b\r\n.c\r\n.\r\n.\r\n",
                b"a.b\r\n..c\r\n..\r\n..\r\n.\r\n",
            ),
            (b"\r\n.\r\nQUIT\r\n", b"\r\n..\r\nQUIT\r\n.\r\n"),
        ] {
            assert_eq!(
                body(message).escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn pieces_make_the_same_body_wherever_they_are_cut() {
        for offset in 0..4 {
            let message = [
                &b"x".repeat(PIECE_SIZE - offset)[..],
                b"\r\n.y\r\n",
                &b".\r\n".repeat(PIECE_SIZE),
            ]
            .concat();
            let expected = [
                &b"x".repeat(PIECE_SIZE - offset)[..],
                b"\r\n..y\r\n",
                &b"..\r\n".repeat(PIECE_SIZE),
                END_OF_DATA,
            ]
            .concat();
            assert!(body(&message) == expected, "{offset}");
        }
    }

    #[test]
    fn a_stray_cr_or_lf_is_refused() {
        for stray in [
            "\n", "a\r", "a\nb\r\n", "a\rb\r\n", "\r\r\n", "\r\n\n", "\n\r\n",
        ] {
            assert!(CheckedMessage::new(stray.as_bytes()).is_none(), "{stray:?}");
        }
    }

    #[test]
    fn eight_bit_octets_and_size_are_counted() {
        for (message, header, anywhere, size) in [
            ("Subject: x\r\n\r\ny\r\n", false, false, 17),
            ("Subject: x\r\n\r\ny", false, false, 17),
            ("Subject: x\r\n\r\nü\r\n", false, true, 18),
            ("Subject: ü\r\n\r\ny\r\n", true, true, 18),
            ("\r\nü\r\n", false, true, 6),
            ("Subject: ü", true, true, 13),
            (".\r\n", false, false, 3),
        ] {
            let found = CheckedMessage::new(message.as_bytes()).expect("a message");
            assert_eq!(
                (found.eight_bit_header, found.eight_bit, found.size()),
                (header, anywhere, size),
                "{message:?}"
            );
        }
    }

    #[test]
    fn the_field_and_word_of_eight_bit_octets_are_found() {
        for (message, expected) in [
            ("To: A <ü@d.example>\r\n\r\n", Some(("To", "ü@d.example"))),
            (
                "X: y\r\nTo: a@b.example,\r\n\tgrüße@d.example, c@d.example\r\n\r\n",
                Some(("To", "grüße@d.example")),
            ),
            ("Subject: an übung\r\n\r\n", Some(("Subject", "übung"))),
            ("Subject: x\r\n\r\nü", None),
            ("ü", Some(("ü", "ü"))),
        ] {
            let found = CheckedMessage::new(message.as_bytes()).expect("a message");
            let expected = expected.map(|(field, word)| EightBitText {
                field: field.to_owned(),
                word: word.to_owned(),
            });
            assert_eq!(found.eight_bit_text(), expected, "{message}");
        }
    }

    proptest! {
        #[test]
        fn a_relay_reads_the_message_that_was_written(
            lines in prop::collection::vec("[.a]{0,4}", 0..12),
            last in "[.a]{0,4}",
        ) {
            let mut message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            message += &last;
            let read = unstuffed(&body(message.as_bytes())).expect("one end of data, at the end");
            if !last.is_empty() {
                message += "\r\n";
            }
            prop_assert_eq!(read, message.into_bytes());
        }

        #[test]
        fn no_bytes_that_pass_the_check_end_the_data_early(
            bytes in prop::collection::vec(prop::sample::select(b".\r\na".as_slice()), 0..24),
        ) {
            if CheckedMessage::new(&bytes).is_some() {
                prop_assert!(unstuffed(&body(&bytes)).is_some());
            }
        }

        #[test]
        fn pieces_of_long_lines_add_up_to_them(
            lengths in prop::collection::vec(0usize..3 * PIECE_SIZE / 2, 1..4),
        ) {
            let message: Vec<u8> = lengths
                .iter()
                .flat_map(|length| [&b".".repeat(*length)[..], b"\r\n"].concat())
                .collect();
            prop_assert!(unstuffed(&body(&message)).as_ref() == Some(&message));
        }
    }
}
