//! A finished mail on its way into DATA: checked, and its dots stuffed.

use memchr::{memchr_iter, memmem};

/// About how much is written at once. A mail that is smaller goes out in one write.
const PIECE: usize = 64 * 1024;

/// The end of the mail (RFC 5321 section 4.1.1.4).
pub(crate) const END: &[u8] = b".\r\n";

/// A mail whose every CR and LF is part of a CRLF: no relay can see an end of mail where there is
/// none.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    bytes: &'a [u8],
    /// Octets above 127, anywhere.
    pub eight_bit: bool,
    /// Octets above 127 in the header, which is then one of RFC 6532.
    pub eight_bit_header: bool,
}

impl<'a> Message<'a> {
    /// Nothing where a CR or LF stands alone.
    pub fn check(bytes: &'a [u8]) -> Option<Self> {
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

    /// Its octets as RFC 1870 section 3 counts them: with every line's end, without stuffed dots.
    pub fn size(&self) -> usize {
        let ended = self.bytes.is_empty() || self.bytes.ends_with(b"\n");
        self.bytes.len() + if ended { 0 } else { 2 }
    }
}

/// What is written after the 354 of a mail that was checked, its end included.
pub(crate) struct Pieces<'a> {
    /// None when the end has been handed out.
    rest: Option<&'a [u8]>,
    line_start: bool,
}

impl<'a> Pieces<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self {
            rest: Some(message),
            line_start: true,
        }
    }

    /// Whether the end has been handed out.
    pub fn ended(&self) -> bool {
        self.rest.is_none()
    }

    /// Puts the next piece in the place of the one before; `false` when there is none.
    pub fn next(&mut self, piece: &mut Vec<u8>) -> bool {
        let Some(rest) = self.rest else { return false };
        piece.clear();
        let (mut now, later) = rest.split_at(rest.len().min(PIECE));
        // For stuffed dots, and for commands behind the end.
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
            piece.extend_from_slice(END);
            self.rest = None;
        } else {
            self.rest = Some(later);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poured(message: &[u8]) -> Vec<u8> {
        Message::check(message).expect("a mail");
        let mut pieces = Pieces::of(message);
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
                poured(message).escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn pieces_make_the_same_mail_wherever_they_are_cut() {
        for offset in 0..4 {
            let message = [
                &b"x".repeat(PIECE - offset)[..],
                b"\r\n.y\r\n",
                &b".\r\n".repeat(PIECE),
            ]
            .concat();
            let expected = [
                &b"x".repeat(PIECE - offset)[..],
                b"\r\n..y\r\n",
                &b"..\r\n".repeat(PIECE),
                END,
            ]
            .concat();
            assert!(poured(&message) == expected, "{offset}");
        }
    }

    #[test]
    fn a_stray_cr_or_lf_is_no_mail() {
        for stray in [
            "\n", "a\r", "a\nb\r\n", "a\rb\r\n", "\r\r\n", "\r\n\n", "\n\r\n",
        ] {
            assert!(Message::check(stray.as_bytes()).is_none(), "{stray:?}");
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
            let found = Message::check(message.as_bytes()).expect("a mail");
            assert_eq!(
                (found.eight_bit_header, found.eight_bit, found.size()),
                (header, anywhere, size),
                "{message:?}"
            );
        }
    }
}
