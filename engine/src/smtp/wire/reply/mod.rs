//! Frames replies (RFC 5321 section 4.2): cuts a stream of bytes into replies, within limits.

pub(super) mod capabilities;
pub(super) mod redaction;

use domain::Reply;
use domain::sanitize::printable;
use thiserror::Error;

/// The maximum length of a line without its end, in octets. RFC 5321 section 4.5.3.1.5 asks for 512.
const LINE_MAX: usize = 2048;

/// The maximum number of lines of a reply.
const LINES_MAX: usize = 100;

/// How much of a line is shown, in characters.
const SHOWN_MAX: usize = 500;

/// How much is read at once, in bytes.
const BUFFER: usize = 4096;

/// Why bytes are no reply.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Malformed {
    #[error("a line that does not begin with a reply code")]
    NoCode,
    #[error("TLS where a reply was expected")]
    Tls,
    #[error("a reply whose lines have different codes")]
    MixedCodes,
    #[error("a line of more than {LINE_MAX} octets")]
    LongLine,
    #[error("a reply of more than {LINES_MAX} lines")]
    ManyLines,
}

/// A reply exactly as it came, codes and line ends included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawReply {
    pub code: u16,
    pub bytes: Vec<u8>,
}

impl RawReply {
    /// The lines without their codes and ends.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| without_end(line).get(4..).unwrap_or_default())
    }

    /// The lines with their codes, without control characters.
    pub fn shown_lines(&self) -> impl Iterator<Item = String> {
        self.bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| printable(&String::from_utf8_lossy(without_end(line)), SHOWN_MAX))
    }

    /// Without control characters.
    pub fn shown(&self) -> Reply {
        Reply::new(self.code, self.lines())
    }
}

/// Cuts a stream of bytes into replies. Holds at most one reply and one buffer.
///
/// A line ends with LF; a CR before it belongs to the end. RFC 5321 section 2.3.8 knows CRLF only,
/// but some relays end lines with LF alone, and such a line is not ambiguous.
pub(crate) struct Framer {
    buffer: Box<[u8; BUFFER]>,
    start: usize,
    end: usize,
    reply: RawReply,
    /// Where the incomplete line begins in the reply.
    line: usize,
    lines: usize,
}

impl Framer {
    pub fn new() -> Self {
        Self {
            buffer: Box::new([0; BUFFER]),
            start: 0,
            end: 0,
            reply: RawReply::default(),
            line: 0,
            lines: 0,
        }
    }

    /// The space to read into. To be called when [`Framer::next`] returned `None`.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Notes that `count` bytes were read into [`Framer::space`].
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// Whether every byte read has been returned in a reply.
    pub fn is_empty(&self) -> bool {
        self.start == self.end && self.reply.bytes.is_empty()
    }

    /// The incomplete reply and everything read after it, with code 0.
    pub fn unfinished(&self) -> RawReply {
        RawReply {
            code: 0,
            bytes: [&self.reply.bytes, &self.buffer[self.start..self.end]].concat(),
        }
    }

    /// The next whole reply. `None` until more bytes are read.
    ///
    /// # Errors
    /// [`Malformed`], after which the stream is not read further.
    pub fn next(&mut self) -> Result<Option<RawReply>, Malformed> {
        while self.start < self.end {
            let unread = &self.buffer[self.start..self.end];
            let line_end = memchr::memchr(b'\n', unread);
            let taken = line_end.map_or(unread.len(), |at| at + 1);
            self.reply.bytes.extend_from_slice(&unread[..taken]);
            self.start += taken;

            let line = without_end(&self.reply.bytes[self.line..]);
            if line.len() > LINE_MAX {
                return Err(Malformed::LongLine);
            }
            if line_end.is_none() {
                check_start(line)?;
                break;
            }
            let (code, last) = line_code(line)?;
            if self.lines > 0 && code != self.reply.code {
                return Err(Malformed::MixedCodes);
            }
            self.reply.code = code;
            self.line = self.reply.bytes.len();
            self.lines += 1;
            if last {
                (self.line, self.lines) = (0, 0);
                return Ok(Some(std::mem::take(&mut self.reply)));
            }
            if self.lines == LINES_MAX {
                return Err(Malformed::ManyLines);
            }
        }
        Ok(None)
    }
}

/// A line's code, and whether the line is the last of its reply. The space may be missing where
/// there is no text (RFC 5321 section 4.2).
fn line_code(line: &[u8]) -> Result<(u16, bool), Malformed> {
    check_start(line)?;
    let (code, rest) = match line {
        [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            (digit(a) * 100 + digit(b) * 10 + digit(c), rest)
        }
        _ => return Err(Malformed::NoCode),
    };
    match rest.first() {
        None | Some(b' ') => Ok((code, true)),
        Some(b'-') => Ok((code, false)),
        Some(_) => Err(Malformed::NoCode),
    }
}

/// Refuses a line by its first bytes, so that what is not SMTP is refused before its line ends.
fn check_start(line: &[u8]) -> Result<(), Malformed> {
    match line {
        // A TLS alert or handshake record (RFC 8446 section 5.1).
        [0x15 | 0x16, 0x03, ..] => Err(Malformed::Tls),
        [b'2'..=b'5' | 0x15 | 0x16, ..] | [] => Ok(()),
        _ => Err(Malformed::NoCode),
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The replies in bytes that come in pieces of `piece` bytes.
    fn frame(bytes: &[u8], piece: usize) -> Result<Vec<RawReply>, Malformed> {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            let space = framer.space();
            space[..piece.len()].copy_from_slice(piece);
            framer.filled(piece.len());
            while let Some(reply) = framer.next()? {
                found.push(reply);
            }
        }
        Ok(found)
    }

    #[test]
    fn replies_are_the_same_in_pieces_of_any_size() {
        let bytes = b"220 ready\r\n250-one\r\n250-\r\n250 caf\xe9\n354\r\n550-a\n550 b\r\n";
        for piece in [1, 2, 3, 7, BUFFER] {
            let found: Vec<_> = frame(bytes, piece)
                .unwrap()
                .iter()
                .map(|reply| (reply.code, reply.shown().text))
                .collect();
            assert_eq!(
                found,
                [
                    (220, "ready".to_owned()),
                    (250, "one\n\ncaf\u{fffd}".to_owned()),
                    (354, String::new()),
                    (550, "a\nb".to_owned()),
                ],
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn raw_bytes_are_kept() {
        let bytes = b"250-caf\xe9\r\n250 \x07\n";
        assert_eq!(frame(bytes, 5).unwrap()[0].bytes, bytes);
    }

    #[test]
    fn malformed_replies_are_refused() {
        for (bytes, expected) in [
            (&b"250-ok\r\n550 no\r\n"[..], Malformed::MixedCodes),
            (b"hello\r\n", Malformed::NoCode),
            (b"hello", Malformed::NoCode),
            (b"\r\n", Malformed::NoCode),
            (b"25\r\n", Malformed::NoCode),
            (b"250_ok\r\n", Malformed::NoCode),
            (b"2500\r\n", Malformed::NoCode),
            (b"150 preliminary\r\n", Malformed::NoCode),
            (b"600 no class\r\n", Malformed::NoCode),
            (b"+OK POP3 ready\r\n", Malformed::NoCode),
            (b"250-ok\r\nno code\r\n", Malformed::NoCode),
            (b"\x15\x03\x01\x00\x02\x02\x28", Malformed::Tls),
            (&b"250-x\r\n".repeat(100), Malformed::ManyLines),
            (
                &[b"250 ", &[b'x'; LINE_MAX][..]].concat(),
                Malformed::LongLine,
            ),
        ] {
            for piece in [1, BUFFER] {
                assert_eq!(
                    frame(bytes, piece),
                    Err(expected),
                    "{}",
                    bytes.escape_ascii()
                );
            }
        }
    }

    #[test]
    fn the_limits_are_inclusive() {
        let line = [b"250 ", &[b'x'; LINE_MAX - 4][..], b"\r\n"].concat();
        assert_eq!(frame(&line, 100).unwrap().len(), 1);
        let lines = [b"250-x\r\n".repeat(99), b"250 x\r\n".to_vec()].concat();
        assert_eq!(frame(&lines, 100).unwrap().len(), 1);
    }

    #[test]
    fn unread_bytes_are_noticed() {
        let mut framer = Framer::new();
        for (bytes, empty) in [(&b"220 go\r\n250"[..], false), (b" ok\r\n", true)] {
            framer.space()[..bytes.len()].copy_from_slice(bytes);
            framer.filled(bytes.len());
            assert!(framer.next().unwrap().is_some());
            assert_eq!(framer.is_empty(), empty);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_framed_the_same_in_pieces_of_any_size(
            bytes in prop::collection::vec(
                prop::sample::select(b"2345099- \r\n\x15\x16\x03\xffx".as_slice()),
                0..64,
            ),
            piece in 1usize..8,
        ) {
            let whole = frame(&bytes, BUFFER);
            prop_assert_eq!(&frame(&bytes, piece), &whole);
            if let Ok(replies) = whole {
                let framed = replies.iter().flat_map(|reply| reply.bytes.clone());
                prop_assert!(bytes.starts_with(&framed.collect::<Vec<_>>()));
            }
        }

        #[test]
        fn replies_are_parsed_from_any_chunks(
            sent in prop::collection::vec(
                (200u16..560, prop::collection::vec("[ -~]{0,30}", 1..5), "\r?\n"),
                1..6,
            ),
            piece in 1usize..64,
        ) {
            let mut bytes = Vec::new();
            for (code, lines, end) in &sent {
                for (at, line) in lines.iter().enumerate() {
                    let separator = if at + 1 == lines.len() { ' ' } else { '-' };
                    bytes.extend(format!("{code}{separator}{line}{end}").into_bytes());
                }
            }
            let read = frame(&bytes, piece).expect("replies");
            prop_assert_eq!(read.len(), sent.len());
            for (reply, (code, lines, _)) in read.iter().zip(&sent) {
                prop_assert_eq!(reply.code, *code);
                let read: Vec<&[u8]> = reply.lines().collect();
                let sent: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
                prop_assert_eq!(read, sent);
            }
        }
    }
}
