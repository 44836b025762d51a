//! Reads a mail behind DATA: its end, its stuffed dots and its size (RFC 5321 section 4.5.2).
//!
//! Only CR LF dot CR LF ends the data. A bare CR or LF is a part of the mail, which the engine refuses or
//! repairs: whatever a client hides behind one (CVE-2023-51764 and others) is never read as a command.

use engine::MAIL_MAX;
use memchr::memchr;

use super::replies::{SmtpReply, TOO_LARGE};

/// How much is read of a mail that is refused, in octets: then the connection is closed.
pub const DISCARD_MAX: u64 = 4 * MAIL_MAX as u64;

/// What the last octets are a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataState {
    /// The beginning of a line: the octet before is the LF of a CRLF.
    LineStart,
    /// A dot at the beginning of a line, which is not a part of the mail.
    Dot,
    /// A CR behind it, which is not stored yet.
    DotCr,
    /// A CR, which is stored.
    Cr,
    /// Anything else.
    Within,
}

/// The reader of the data of one mail.
#[derive(Debug)]
pub struct DataReader {
    state: DataState,
    body: Vec<u8>,
    limit: usize,
    received: u64,
    refusal: Option<SmtpReply>,
}

/// What a part of the input was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataProgress {
    /// How many octets belong to the data.
    pub octets: usize,
    /// Whether they end it.
    pub is_end: bool,
}

impl DataReader {
    /// A reader of mails of at most `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self {
            state: DataState::LineStart,
            body: Vec::new(),
            limit,
            received: 0,
            refusal: None,
        }
    }

    /// The octets of the mail so far.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// The octets that were read.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the mail is refused, and so much of it was read that its end is not waited for.
    pub fn is_hopeless(&self) -> bool {
        self.refusal.is_some() && self.received > DISCARD_MAX
    }

    /// Refuses the mail: the rest of it is read and dropped.
    pub fn refuse(&mut self, reply: SmtpReply) {
        self.refusal.get_or_insert(reply);
        self.body = Vec::new();
    }

    /// The mail, or the reply that refuses it.
    pub fn finish(self) -> Result<Vec<u8>, SmtpReply> {
        match self.refusal {
            None => Ok(self.body),
            Some(reply) => Err(reply),
        }
    }

    /// Reads up to the end of the data or of the input.
    pub fn push(&mut self, input: &[u8]) -> DataProgress {
        let mut at = 0;
        // What is stored together, of the octets before `at`.
        let mut kept = 0;
        while let Some(&octet) = input.get(at) {
            match (self.state, octet) {
                (DataState::LineStart, b'.') => {
                    self.store(&input[kept..at]);
                    at += 1;
                    kept = at;
                    self.state = DataState::Dot;
                }
                (DataState::Dot, b'\r') => {
                    at += 1;
                    kept = at;
                    self.state = DataState::DotCr;
                }
                (DataState::DotCr, b'\n') => {
                    self.received += at as u64 + 1;
                    return DataProgress {
                        octets: at + 1,
                        is_end: true,
                    };
                }
                (DataState::DotCr, _) => {
                    self.store(b"\r");
                    self.state = DataState::Cr;
                }
                (DataState::Cr, b'\n') => {
                    at += 1;
                    self.state = DataState::LineStart;
                }
                (DataState::Cr | DataState::Dot | DataState::LineStart | DataState::Within, _) => {
                    at = self.skip_line(input, at);
                }
            }
        }
        self.store(&input[kept..]);
        self.received += input.len() as u64;
        DataProgress {
            octets: input.len(),
            is_end: false,
        }
    }

    /// Goes on to the beginning of the next line, and returns its index: behind the first LF, or at the end of
    /// the input.
    fn skip_line(&mut self, input: &[u8], from: usize) -> usize {
        let rest = &input[from..];
        let (length, is_line) = match memchr(b'\n', rest) {
            Some(end) => (end + 1, end > 0 && rest[end - 1] == b'\r'),
            None => (rest.len(), false),
        };
        self.state = match rest[length - 1] {
            b'\n' if is_line => DataState::LineStart,
            b'\r' => DataState::Cr,
            _ => DataState::Within,
        };
        from + length
    }

    fn store(&mut self, octets: &[u8]) {
        if self.refusal.is_some() {
            return;
        }
        if self.body.len() + octets.len() > self.limit {
            self.refuse(TOO_LARGE);
            return;
        }
        self.body.extend_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mail of some data, and what is behind its end; `None` where it does not end.
    fn read(parts: &[&[u8]]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut reader = DataReader::new(1000);
        let mut parts = parts.iter();
        while let Some(part) = parts.next() {
            let progress = reader.push(part);
            if progress.is_end {
                let mut behind = part[progress.octets..].to_vec();
                parts.for_each(|part| behind.extend_from_slice(part));
                return Some((reader.finish().expect("fits"), behind));
            }
            assert_eq!(progress.octets, part.len());
        }
        None
    }

    #[test]
    fn data_ends_with_a_dot_alone() {
        for (data, mail, behind) in [
            (".\r\n", "", ""),
            ("a\r\n.\r\n", "a\r\n", ""),
            ("a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"),
            ("..\r\n.\r\n", ".\r\n", ""),
            ("..a\r\n.b\r\n.\r\n", ".a\r\nb\r\n", ""),
            ("a.\r\n.\r\n", "a.\r\n", ""),
            ("\r\n.\r\n", "\r\n", ""),
            (".\r\r\n.\r\n", "\r\r\n", ""),
            (".\ra\r\n.\r\n", "\ra\r\n", ""),
        ] {
            let expected = Some((mail.as_bytes().to_vec(), behind.as_bytes().to_vec()));
            assert_eq!(read(&[data.as_bytes()]), expected, "{data:?}");
            for cut in 0..data.len() {
                let (first, second) = data.as_bytes().split_at(cut);
                assert_eq!(read(&[first, second]), expected, "{data:?} at {cut}");
            }
            let octets: Vec<&[u8]> = data.as_bytes().chunks(1).collect();
            assert_eq!(read(&octets), expected, "{data:?}");
        }
    }

    #[test]
    fn nothing_else_ends_data() {
        for data in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\n\r.\r\n",
            "\r\n.\r",
            "\r\n.\r\r\n",
            "\r\n. \r\n",
            "\r\n..\r\n",
            "\r\n.\0\r\n",
            "a.\r\n",
            "\r\r\n.\n\r\n",
        ] {
            let data = format!("From: a@example.org\r\n\r\na{data}b");
            assert_eq!(read(&[data.as_bytes()]), None, "{data:?}");
            for cut in 0..data.len() {
                let (first, second) = data.as_bytes().split_at(cut);
                assert_eq!(read(&[first, second]), None, "{data:?} at {cut}");
            }
        }
    }

    #[test]
    fn a_mail_that_is_too_large_is_read_and_dropped() {
        for (size, fits) in [(10, true), (11, false)] {
            let mut reader = DataReader::new(10);
            let data = [&vec![b'x'; size - 2][..], b"\r\n.\r\nNOOP"].concat();
            let progress = reader.push(&data);
            assert!(progress.is_end && data[progress.octets..] == *b"NOOP");
            assert_eq!(reader.finish().is_ok(), fits, "{size}");
        }
        let mut reader = DataReader::new(10);
        for _ in 0..1000 {
            let progress = reader.push(&[b'x'; 64]);
            assert!(!progress.is_end && reader.body.capacity() < 64);
        }
        assert_eq!((reader.size(), reader.received()), (0, 64_000));
        assert!(!reader.is_hopeless());
        reader.received = DISCARD_MAX + 1;
        assert!(reader.is_hopeless());
    }

    /// The definition: the data up to the first CR LF dot CR LF, counting a CRLF before it, without the dots
    /// at the beginning of lines.
    fn defined(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let all = [b"\r\n", data].concat();
        let end = all.windows(5).position(|five| five == b"\r\n.\r\n")?;
        let mut mail = Vec::new();
        for (index, octet) in all.iter().enumerate().take(end + 2).skip(2) {
            if *octet != b'.' || all[index - 2..index] != *b"\r\n" {
                mail.push(*octet);
            }
        }
        Some((mail, all[end + 5..].to_vec()))
    }

    proptest! {
        // The default is larger in a soak test.
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2000)))]

        #[test]
        fn data_is_read_as_defined_however_it_arrives(
            data in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..40),
            cut in 0usize..40,
        ) {
            let (first, second) = data.split_at(cut.min(data.len()));
            let expected = defined(&data);
            prop_assert_eq!(&read(&[&data[..]]), &expected);
            prop_assert_eq!(&read(&[first, second]), &expected);
        }

        #[test]
        fn no_data_takes_more_memory_than_the_limit(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
        ) {
            let mut reader = DataReader::new(100);
            for part in &parts {
                let progress = reader.push(part);
                prop_assert!(progress.octets <= part.len() && reader.size() <= 100);
                if progress.is_end {
                    break;
                }
            }
        }
    }
}
