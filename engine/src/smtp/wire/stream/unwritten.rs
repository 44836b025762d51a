//! Commands and message bodies for a relay, written in pieces while replies are read.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// About how much of a message is written at once, in octets.
pub(in crate::smtp) const PIECE_SIZE: usize = 64 * 1024;

/// What is to be written, in order.
#[derive(Default)]
pub(in crate::smtp) struct Unwritten {
    parts: VecDeque<Part>,
    /// The piece that is being written.
    piece: Vec<u8>,
    /// How much of it is written.
    at: usize,
    queued: u64,
    written: u64,
    flushed: bool,
    /// Why nothing can be written any more.
    error: Option<io::Error>,
}

/// A part of what is to be written, and how much of it is in a piece.
struct Part {
    octets: Octets,
    taken: usize,
}

enum Octets {
    Lines(Vec<u8>),
    Message(Arc<[u8]>),
}

impl Part {
    fn rest(&self) -> &[u8] {
        match &self.octets {
            Octets::Lines(lines) => &lines[self.taken..],
            Octets::Message(message) => &message[self.taken..],
        }
    }
}

impl Unwritten {
    /// Appends command lines.
    pub fn push_lines(&mut self, lines: Vec<u8>) {
        self.push(lines.len(), Octets::Lines(lines));
    }

    /// Appends a message.
    pub fn push_message(&mut self, message: Arc<[u8]>) {
        self.push(message.len(), Octets::Message(message));
    }

    fn push(&mut self, length: usize, octets: Octets) {
        self.queued += length as u64;
        self.flushed = false;
        self.parts.push_back(Part { octets, taken: 0 });
    }

    /// The octets that were ever appended.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// The octets that were ever written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether everything is written.
    pub fn is_written(&self) -> bool {
        self.written == self.queued
    }

    /// Whether everything is written and flushed, or nothing can be written any more.
    pub fn is_done(&self) -> bool {
        self.flushed || self.error.is_some()
    }

    /// Whether nothing can be written any more.
    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Takes back everything from an octet on that is not written and is the first of an appended part.
    pub fn truncate(&mut self, octet: u64) {
        let taken_back = self.queued.saturating_sub(octet.max(self.written));
        self.queued -= taken_back;
        let mut left = usize::try_from(taken_back).unwrap_or(usize::MAX);
        while left > 0
            && let Some(part) = self.parts.pop_back()
        {
            left = left.saturating_sub(part.rest().len());
        }
        // What is left was copied into the piece.
        let kept = self.piece.len().saturating_sub(left);
        self.piece.truncate(kept.max(self.at));
    }

    /// The next octets to write. Empty when all are written.
    pub(in crate::smtp) fn piece(&mut self) -> &[u8] {
        if self.at == self.piece.len() {
            self.piece.clear();
            self.at = 0;
            while let Some(part) = self.parts.front_mut() {
                let rest = part.rest();
                let taken = rest.len().min(PIECE_SIZE - self.piece.len());
                self.piece.extend_from_slice(&rest[..taken]);
                if taken < rest.len() {
                    part.taken += taken;
                    break;
                }
                self.parts.pop_front();
            }
        }
        &self.piece[self.at..]
    }

    /// Notes that `count` octets of the piece were written. Returns whether the piece is.
    pub(in crate::smtp) fn wrote(&mut self, count: usize) -> bool {
        self.at += count;
        self.written += count as u64;
        self.at == self.piece.len()
    }

    pub(super) fn set_flushed(&mut self) {
        self.flushed = true;
    }

    /// Drops what is not written: the connection takes nothing more.
    pub(super) fn fail(&mut self, error: io::Error) {
        self.parts.clear();
        self.piece.clear();
        self.at = 0;
        self.error = Some(error);
    }

    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_written_in_order_and_in_pieces() {
        let message: Arc<[u8]> = b"m".repeat(PIECE_SIZE + 5).into();
        let mut unwritten = Unwritten::default();
        unwritten.push_lines(b"BDAT\r\n".to_vec());
        unwritten.push_message(message.clone());
        unwritten.push_lines(b"RSET\r\n".to_vec());
        assert_eq!(unwritten.queued(), PIECE_SIZE as u64 + 17);
        let mut written = Vec::new();
        for expected in [PIECE_SIZE, 17] {
            assert_eq!(unwritten.piece().len(), expected);
            while !unwritten.piece().is_empty() {
                let some = unwritten.piece().len().min(40_000);
                written.extend_from_slice(&unwritten.piece()[..some]);
                if unwritten.wrote(some) {
                    break;
                }
            }
        }
        assert!(unwritten.piece().is_empty() && !unwritten.is_done());
        assert_eq!(unwritten.written(), unwritten.queued());
        assert!(written == [b"BDAT\r\n", &message[..], b"RSET\r\n"].concat());
        unwritten.set_flushed();
        assert!(unwritten.is_done());
        unwritten.push_lines(b"QUIT\r\n".to_vec());
        assert!(!unwritten.is_done());
        unwritten.fail(io::ErrorKind::BrokenPipe.into());
        assert!(unwritten.is_done() && unwritten.piece().is_empty());
        assert!(unwritten.written() < unwritten.queued());
    }

    #[test]
    fn octets_that_are_not_written_are_taken_back() {
        let large: Arc<[u8]> = b"m".repeat(2 * PIECE_SIZE).into();
        // Of three messages the first is begun: what is kept, and how much of the piece is written.
        for (message, written, kept) in [
            (large.clone(), 5, 1),
            (large.clone(), PIECE_SIZE, 1),
            (Arc::from(&b"hi\r\n"[..]), 5, 1),
            (Arc::from(&b"hi\r\n"[..]), 11, 2),
        ] {
            let mut unwritten = Unwritten::default();
            let mut first_octets = Vec::new();
            for _ in 0..3 {
                first_octets.push(unwritten.queued());
                unwritten.push_lines(b"BDAT\r\n".to_vec());
                unwritten.push_message(message.clone());
                unwritten.push_lines(Vec::new());
            }
            let mut sent = unwritten.piece()[..written].to_vec();
            unwritten.wrote(written);
            unwritten.truncate(first_octets[kept]);
            assert_eq!(unwritten.queued(), first_octets[kept]);
            while !unwritten.piece().is_empty() {
                let some = unwritten.piece().to_vec();
                unwritten.wrote(some.len());
                sent.extend_from_slice(&some);
            }
            let one = [b"BDAT\r\n", &message[..]].concat();
            assert!(sent == one.repeat(kept), "{written} written");
            assert!(unwritten.is_written());
        }
    }
}
