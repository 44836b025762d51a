//! The input buffer of a submission session: what a client sent, and the command lines in it.

use std::io;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest command line, in octets with its line end. RFC 5321 section 4.5.3.1.4 has 512, to which the
/// parameters of MAIL and RCPT and the responses of AUTH add.
pub const LINE_MAX: usize = 4096;

/// How much is read at once, in octets: at first, and from clients that send as much.
const READ_MIN: usize = 4 * 1024;
const READ_MAX: usize = 64 * 1024;

/// Why the lines of a client cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// A line has more than [`LINE_MAX`] octets.
    TooLong,
    /// A CR or LF is not part of a CRLF.
    BareLineEnd,
}

/// The octets of a client that are not handled yet.
#[derive(Debug)]
pub struct Input {
    buffer: Vec<u8>,
    /// The index of the first octet that is not handled.
    start: usize,
    read_size: usize,
}

impl Input {
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            read_size: READ_MIN,
        }
    }

    /// Whether everything is handled.
    pub fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    /// What is not handled.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Marks the first `octets` as handled.
    pub fn consume(&mut self, octets: usize) {
        self.start = (self.start + octets).min(self.buffer.len());
    }

    /// Takes the next line, without its CRLF; `None` until it is complete.
    ///
    /// # Errors
    /// [`LineFault`]. Every further call fails too.
    pub fn line(&mut self) -> Result<Option<&[u8]>, LineFault> {
        let unread = &self.buffer[self.start..];
        let longest = &unread[..unread.len().min(LINE_MAX)];
        let Some(end) = memchr(b'\n', longest) else {
            return match longest.len() {
                LINE_MAX => Err(LineFault::TooLong),
                _ => Ok(None),
            };
        };
        let Some(line) = longest[..end].strip_suffix(b"\r") else {
            return Err(LineFault::BareLineEnd);
        };
        if memchr(b'\r', line).is_some() {
            return Err(LineFault::BareLineEnd);
        }
        self.start += end + 1;
        Ok(Some(line))
    }

    /// Reads more from the client, and returns how many octets; 0 at the end. Nothing is lost where the
    /// future is dropped.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > 2 * self.read_size {
            self.buffer = Vec::new();
        }
        self.buffer.reserve(self.read_size);
        let read = stream.read_buf(&mut self.buffer).await?;
        if read >= self.read_size {
            self.read_size = (self.read_size * 2).min(READ_MAX);
        } else if read < self.read_size / 8 {
            // After large mails a client that is idle keeps little.
            self.read_size = (self.read_size / 2).max(READ_MIN);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(octets: &[u8]) -> Input {
        Input {
            buffer: octets.to_owned(),
            ..Input::new()
        }
    }

    #[test]
    fn lines_end_with_crlf() {
        let mut input = input(b"EHLO gate\r\n\r\nMAIL");
        assert_eq!(input.line(), Ok(Some(&b"EHLO gate"[..])));
        assert_eq!(input.line(), Ok(Some(&b""[..])));
        assert_eq!(input.line(), Ok(None));
        assert_eq!(input.unread(), b"MAIL");
        input.consume(9);
        assert!(input.is_empty());
    }

    #[test]
    fn other_line_ends_are_faults() {
        for octets in [
            &b"EHLO gate\n"[..],
            b"\n",
            b"EHLO\rgate\r\n",
            b"EHLO gate\r\r\n",
            b"NOOP\n\r\n",
        ] {
            let line = input(octets).line().map(|line| line.is_some());
            assert_eq!(line, Err(LineFault::BareLineEnd), "{octets:?}");
        }
    }

    #[test]
    fn a_line_has_a_longest_length() {
        let line = |octets: usize| [vec![b'x'; octets - 2], b"\r\n".to_vec()].concat();
        let mut fits = input(&line(LINE_MAX));
        assert!(fits.line().is_ok_and(|line| line.is_some()));
        for octets in [line(LINE_MAX + 1), vec![b'x'; LINE_MAX]] {
            let mut input = input(&octets);
            assert_eq!(input.line(), Err(LineFault::TooLong));
            assert_eq!(input.line(), Err(LineFault::TooLong));
        }
    }

    #[tokio::test]
    async fn a_client_that_sends_much_is_read_in_larger_parts() {
        let sent = vec![b'x'; 200 * 1024];
        let mut stream = &sent[..];
        let mut input = Input::new();
        let mut sizes = Vec::new();
        loop {
            let read = input.fill(&mut stream).await.expect("reads");
            if read == 0 {
                break;
            }
            sizes.push(read);
            input.consume(read);
        }
        let small = [b'x'; 10];
        for _ in 0..5 {
            let mut stream = &small[..];
            let read = input.fill(&mut stream).await.expect("reads");
            input.consume(read);
        }
        assert!(input.buffer.capacity() <= 8 * READ_MIN);
        assert_eq!(sizes.iter().sum::<usize>(), sent.len());
        assert!(sizes[0] <= 2 * READ_MIN, "{sizes:?}");
        assert!(sizes.len() < 20, "{sizes:?}");
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_octets_however_they_arrive(
            octets in prop::collection::vec(prop::sample::select(b"\r\nab ".to_vec()), 0..60),
            cut in 0usize..60,
        ) {
            let read = |parts: &[&[u8]]| {
                let (mut lines, mut input) = (Vec::new(), Input::new());
                for part in parts {
                    input.buffer.extend_from_slice(part);
                    loop {
                        match input.line() {
                            Ok(Some(line)) => {
                                assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
                                lines.push(line.to_vec());
                            }
                            Ok(None) => break,
                            Err(fault) => return (lines, Some(fault)),
                        }
                    }
                }
                (lines, None)
            };
            let cut = cut.min(octets.len());
            prop_assert_eq!(read(&[&octets[..]]), read(&[&octets[..cut], &octets[cut..]]));
        }
    }
}
