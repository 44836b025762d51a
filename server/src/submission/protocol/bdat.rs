//! Reads a chunk behind BDAT: as many octets as announced, whatever they are (RFC 3030).

use super::replies::SmtpReply;

/// The reader of one chunk.
#[derive(Debug)]
pub struct ChunkReader {
    remaining: u64,
    is_last: bool,
    received: u64,
    refusal: Option<SmtpReply>,
}

impl ChunkReader {
    /// A reader of a chunk of the mail.
    pub fn new(octets: u64, is_last: bool) -> Self {
        Self {
            remaining: octets,
            is_last,
            received: 0,
            refusal: None,
        }
    }

    /// A reader of a chunk that is refused: its octets are dropped before the reply.
    pub fn refused(octets: u64, reply: SmtpReply) -> Self {
        Self {
            refusal: Some(reply),
            ..Self::new(octets, false)
        }
    }

    /// Refuses the chunk: the rest of it is read and dropped.
    pub fn refuse(&mut self, reply: SmtpReply) {
        self.refusal.get_or_insert(reply);
    }

    /// The octets that were read.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the chunk is complete.
    pub fn is_complete(&self) -> bool {
        self.remaining == 0
    }

    /// Appends what belongs to the chunk to `body`, and returns how many octets of the input that is.
    pub fn push(&mut self, input: &[u8], body: &mut Vec<u8>) -> usize {
        let remaining = usize::try_from(self.remaining).unwrap_or(usize::MAX);
        let octets = input.len().min(remaining);
        if self.refusal.is_none() {
            body.extend_from_slice(&input[..octets]);
        }
        self.remaining -= octets as u64;
        self.received += octets as u64;
        octets
    }

    /// Whether the mail ends with it, or the reply that refuses it.
    pub fn finish(self) -> Result<bool, SmtpReply> {
        match self.refusal {
            None => Ok(self.is_last),
            Some(reply) => Err(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::submission::protocol::replies::OK;

    proptest! {
        #[test]
        fn a_chunk_is_its_octets_however_they_arrive(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9),
            octets in 0u64..40,
        ) {
            let all = parts.concat();
            let (mut chunk, mut body) = (ChunkReader::new(octets, true), Vec::new());
            for part in &parts {
                let taken = chunk.push(part, &mut body);
                prop_assert!(taken == part.len() || chunk.is_complete());
            }
            let expected = all.len().min(usize::try_from(octets).expect("few"));
            prop_assert_eq!(&body[..], &all[..expected]);
            prop_assert_eq!(chunk.is_complete(), expected as u64 == octets);
        }
    }

    #[test]
    fn a_chunk_has_its_octets_and_no_more() {
        let mut body = b"a".to_vec();
        let mut chunk = ChunkReader::new(5, true);
        assert_eq!(chunk.push(b"\n.", &mut body), 2);
        assert!(!chunk.is_complete());
        assert_eq!(chunk.push(b"\r\n.\r\nNOOP", &mut body), 3);
        assert!(chunk.is_complete());
        assert_eq!((chunk.received(), chunk.finish()), (5, Ok(true)));
        assert_eq!(body, b"a\n.\r\n.");
        let empty = ChunkReader::new(0, false);
        assert!(empty.is_complete());
        assert_eq!(empty.finish(), Ok(false));
    }

    #[test]
    fn the_octets_of_a_refused_chunk_are_dropped() {
        let mut body = Vec::new();
        let mut chunk = ChunkReader::refused(3, OK);
        assert_eq!(chunk.push(b"abcdef", &mut body), 3);
        assert!(chunk.is_complete() && body.is_empty());
        assert_eq!(chunk.finish(), Err(OK));
        let mut chunk = ChunkReader::new(u64::MAX, true);
        chunk.refuse(OK);
        assert_eq!(chunk.push(b"abcdef", &mut body), 6);
        assert!(!chunk.is_complete() && body.is_empty());
    }
}
