//! Certificates as text (RFC 7468): the blocks of one that anybody may have written, and how one is
//! written here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block from BEGIN to END.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// As in `CERTIFICATE`.
    pub kind: &'a str,
    /// What it holds; none where that is not base64.
    pub der: Option<Vec<u8>>,
}

/// The blocks of a text, whatever stands around them; none where it has none, or one is not whole.
pub(crate) fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.split(['\r', '\n']) {
        // Only a whole line begins or ends one: the words of a certificate may hold anything.
        let line = line.trim();
        let edge = |of: &str| line.strip_prefix(of)?.strip_suffix("-----");
        match (open.take(), edge("-----BEGIN "), edge("-----END ")) {
            (None, None, None) => {}
            (None, Some(kind), _) => open = Some((kind, String::new())),
            (Some((kind, body)), None, None) => open = Some((kind, body + line)),
            (Some((kind, body)), None, Some(ended)) if kind == ended => found.push(Block {
                kind,
                der: STANDARD.decode(body).ok(),
            }),
            _ => return None,
        }
    }
    (open.is_none() && !found.is_empty()).then_some(found)
}

/// The textual encoding (RFC 7468 section 5), lines of 64 characters.
pub(crate) fn pem(der: &[u8]) -> String {
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // 48 octets make 64 characters, and only the last piece is padded.
    for piece in der.chunks(48) {
        STANDARD.encode_string(piece, &mut pem);
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_words() {
        let text = "Subject: a\nfor -----BEGIN X-----\n  -----BEGIN A-----\r\n AB\r\nE=\r\n-----END A-----\n\
                    Subject: b\n\n-----BEGIN B C-----\n!\n-----END B C-----\nthe rest";
        let found = blocks(text).expect("blocks");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kind, &found[0].der), ("A", &Some(vec![0, 17])));
        assert_eq!((found[1].kind, &found[1].der), ("B C", &None));
    }

    #[test]
    fn a_block_is_whole_or_there_is_none() {
        let block = "-----BEGIN A-----\nAA==\n-----END A-----\n";
        for (text, count) in [
            (block.to_owned(), Some(1)),
            (block.repeat(2), Some(2)),
            (block.replace('\n', "\r"), Some(1)),
            (block.replace("-----E", "---E"), None),
            (block.replace("END A", "END B"), None),
            (format!("{block}{}", &block[..18]), None),
            (format!("{}{block}", &block[..18]), None),
            ("no block".to_owned(), None),
        ] {
            assert_eq!(blocks(&text).map(|blocks| blocks.len()), count, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for size in [1, 47, 48, 49, 1_000] {
            let der = vec![7; size];
            let written = pem(&der);
            assert!(written.lines().all(|line| line.len() <= 64));
            assert_eq!(blocks(&written).expect("a block")[0].der, Some(der));
        }
    }
}
