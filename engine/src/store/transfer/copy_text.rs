//! Rows in the text format of PostgreSQL's COPY, and digests of tables in it.

use data_encoding::HEXLOWER;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

/// The approximate size of a chunk, in octets.
const CHUNK: usize = 256 * 1024;

/// The number of octets of a value that are encoded at a time.
const PART: usize = 16 * 1024;

/// The number of rows of a table, and the sum of their SHA-256. The order of the rows does not change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableDigest {
    pub rows: u64,
    /// The four quarters of the sum, each added separately modulo 2 to the 64th.
    sum: [u64; 4],
}

/// Computes a digest from rows that come in pieces.
#[derive(Default)]
pub(super) struct TableDigester {
    row: Sha256,
    table: TableDigest,
}

impl TableDigester {
    /// Adds octets, in which a line break ends a row.
    pub fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.row.update(&rest[..end]);
            self.end_row();
            rest = &rest[end + 1..];
        }
        self.row.update(rest);
    }

    fn end_row(&mut self) {
        let digest = std::mem::take(&mut self.row).finalize();
        for (sum, octets) in self.table.sum.iter_mut().zip(digest.chunks_exact(8)) {
            let mut quarter = [0; 8];
            quarter.copy_from_slice(octets);
            *sum = sum.wrapping_add(u64::from_be_bytes(quarter));
        }
        self.table.rows += 1;
    }

    pub fn finish(self) -> TableDigest {
        self.table
    }
}

/// The error of writing a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyFault {
    /// The value has a type that Postern does not store.
    Value,
    /// PostgreSQL does not store the text: it has a NUL, or is not UTF-8.
    Text,
    /// The receiver of the chunks is gone.
    Closed,
}

/// Writes rows in the format of PostgreSQL's `COPY … TO`, and passes them on in chunks.
pub(super) struct CopyWriter<S> {
    chunk: Vec<u8>,
    send: S,
    digester: TableDigester,
    /// Whether the row has a value.
    begun: bool,
}

impl<S: FnMut(Vec<u8>) -> bool> CopyWriter<S> {
    /// A writer that passes chunks to `send`, until that returns `false`.
    pub fn new(send: S) -> Self {
        Self {
            chunk: Vec::new(),
            send,
            digester: TableDigester::default(),
            begun: false,
        }
    }

    /// Writes the next value of the row.
    ///
    /// # Errors
    /// Where PostgreSQL does not store such a value, or the receiver of the chunks is gone.
    pub fn value(&mut self, value: ValueRef<'_>) -> Result<(), CopyFault> {
        if self.begun {
            self.push(b"\t")?;
        }
        self.begun = true;
        match value {
            ValueRef::Null => self.push(b"\\N"),
            ValueRef::Integer(number) => self.push(number.to_string().as_bytes()),
            ValueRef::Text(text) => self.text(text),
            ValueRef::Blob(octets) => self.bytea(octets),
            ValueRef::Real(_) => Err(CopyFault::Value),
        }
    }

    /// Ends the row.
    ///
    /// # Errors
    /// Where the receiver of the chunks is gone.
    pub fn end_row(&mut self) -> Result<(), CopyFault> {
        self.begun = false;
        self.push(b"\n")
    }

    /// Passes on the last chunk, and returns the digest of all rows.
    ///
    /// # Errors
    /// Where the receiver of the chunks is gone.
    pub fn finish(mut self) -> Result<TableDigest, CopyFault> {
        self.flush()?;
        Ok(self.digester.finish())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), CopyFault> {
        if memchr::memchr(0, text).is_some() || std::str::from_utf8(text).is_err() {
            return Err(CopyFault::Text);
        }
        let mut rest = text;
        while let Some(at) = rest.iter().position(|octet| letter(*octet).is_some()) {
            self.push(&rest[..at])?;
            if let Some(letter) = letter(rest[at]) {
                self.push(&[b'\\', letter])?;
            }
            rest = &rest[at + 1..];
        }
        self.push(rest)
    }

    /// The format is that of `bytea_output = hex`, with the backslash escaped.
    fn bytea(&mut self, octets: &[u8]) -> Result<(), CopyFault> {
        self.push(b"\\\\x")?;
        for part in octets.chunks(PART) {
            self.push(HEXLOWER.encode(part).as_bytes())?;
        }
        Ok(())
    }

    fn push(&mut self, octets: &[u8]) -> Result<(), CopyFault> {
        self.chunk.extend_from_slice(octets);
        match self.chunk.len() < CHUNK {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<(), CopyFault> {
        self.digester.update(&self.chunk);
        match (self.send)(std::mem::take(&mut self.chunk)) {
            true => Ok(()),
            false => Err(CopyFault::Closed),
        }
    }
}

/// The character after the backslash for an octet that is escaped.
const fn letter(octet: u8) -> Option<u8> {
    match octet {
        b'\\' => Some(b'\\'),
        0x08 => Some(b'b'),
        b'\t' => Some(b't'),
        b'\n' => Some(b'n'),
        0x0b => Some(b'v'),
        0x0c => Some(b'f'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of rows with their digest, and the number of chunks.
    fn written(rows: &[&[ValueRef<'_>]]) -> (Vec<u8>, TableDigest) {
        let mut text = Vec::new();
        let mut writer = CopyWriter::new(|chunk: Vec<u8>| {
            text.extend(chunk);
            true
        });
        for row in rows {
            for value in *row {
                writer.value(*value).expect("a value");
            }
            writer.end_row().expect("written");
        }
        let digest = writer.finish().expect("written");
        (text, digest)
    }

    #[test]
    fn values_are_written_as_postgresql_does() {
        let row = [
            ValueRef::Null,
            ValueRef::Integer(-7),
            ValueRef::Text(b"a\\b\tc\nd\re\x08\x0b\x0c'\" \xc3\xa9"),
            ValueRef::Text(b""),
            ValueRef::Blob(b"\x00\xff\\"),
            ValueRef::Blob(b""),
        ];
        let (text, digest) = written(&[&row]);
        let expected = b"\\N\t-7\ta\\\\b\\tc\\nd\\re\\b\\v\\f'\" \xc3\xa9\t\t\\\\x00ff5c\t\\\\x\n";
        assert_eq!(text, expected);
        assert_eq!(digest.rows, 1);
    }

    #[test]
    fn a_real_number_is_refused() {
        let mut writer = CopyWriter::new(|_| true);
        assert_eq!(writer.value(ValueRef::Real(0.5)), Err(CopyFault::Value));
    }

    #[test]
    fn a_text_that_postgresql_does_not_store_is_refused() {
        for text in [&b"a\0b"[..], b"\0", b"a\xff", b"\xed\xa0\x80"] {
            let mut writer = CopyWriter::new(|_| true);
            let refused = writer.value(ValueRef::Text(text));
            assert_eq!(refused, Err(CopyFault::Text), "{text:?}");
        }
    }

    #[test]
    fn a_writer_stops_when_its_receiver_is_gone() {
        let mut writer = CopyWriter::new(|_| false);
        let large = vec![0; CHUNK];
        assert_eq!(writer.value(ValueRef::Blob(&large)), Err(CopyFault::Closed));
    }

    #[test]
    fn a_large_value_goes_out_in_chunks() {
        let large = vec![7; 4 * CHUNK];
        let mut chunks = Vec::new();
        let mut writer = CopyWriter::new(|chunk: Vec<u8>| {
            chunks.push(chunk.len());
            true
        });
        writer.value(ValueRef::Blob(&large)).expect("a value");
        writer.end_row().expect("written");
        writer.finish().expect("written");
        assert_eq!(chunks.iter().sum::<usize>(), 8 * CHUNK + 4);
        let longest = chunks.into_iter().max();
        assert!(longest <= Some(CHUNK + 2 * PART), "{longest:?}");
    }

    #[test]
    fn a_digest_is_of_the_rows_and_not_of_their_order_or_pieces() {
        let (one, two) = ([ValueRef::Integer(1)], [ValueRef::Integer(2)]);
        let (text, digest) = written(&[&one, &two, &two]);
        let (_, turned) = written(&[&two, &one, &two]);
        assert_eq!(digest, turned);
        let mut digester = TableDigester::default();
        for octet in &text {
            digester.update(&[*octet]);
        }
        assert_eq!(digester.finish(), digest);
        let others: [&[&[ValueRef<'_>]]; 3] = [
            &[&one, &two, &one],
            &[&one, &two],
            &[&one, &two, &two, &two],
        ];
        for other in others {
            assert_ne!(written(other).1, digest);
        }
    }
}
