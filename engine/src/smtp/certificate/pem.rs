//! Decoding and encoding certificates as PEM (RFC 7468). `domain::crypto::pem` finds the blocks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block of a PEM text, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PemBlock<'a> {
    /// As in `CERTIFICATE`.
    pub label: &'a str,
    /// `None` where the body is not base64.
    pub der: Option<Vec<u8>>,
}

/// Decodes the blocks of a text. `None` where there is no block, or one is incomplete.
pub(crate) fn decode(text: &str) -> Option<Vec<PemBlock<'_>>> {
    let blocks = domain::crypto::pem::blocks(text)?.into_iter();
    let decoded = blocks.map(|block| {
        let lines = block.body.split(['\r', '\n']).map(str::trim);
        PemBlock {
            label: block.label,
            der: STANDARD.decode(lines.collect::<String>()).ok(),
        }
    });
    Some(decoded.collect())
}

/// A certificate in the textual encoding of RFC 7468 section 5, in lines of 64 characters.
pub(super) fn encode(der: &[u8]) -> String {
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // 48 octets make 64 characters, and only the last line is padded.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut pem);
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bodies_are_decoded_with_any_line_breaks() {
        let text = "-----BEGIN A-----\r\n AB\r\nE=\r\n-----END A-----\n-----BEGIN B-----\n!\n-----END B-----";
        let found = decode(text).expect("blocks");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label, &found[0].der), ("A", &Some(vec![0, 17])));
        assert_eq!((found[1].label, &found[1].der), ("B", &None));
    }

    proptest! {
        #[test]
        fn encoded_certificates_are_decoded(der in prop::collection::vec(any::<u8>(), 0..1_000)) {
            let pem = encode(&der);
            prop_assert!(pem.lines().all(|line| line.len() <= 64));
            let found = decode(&pem).expect("a block");
            prop_assert_eq!(found, [PemBlock { label: "CERTIFICATE", der: Some(der) }]);
        }

        #[test]
        fn any_text_is_decoded_or_refused(text in "(-----(BEGIN|END) A-----|[A-Za-z=]|\\PC|\n){0,20}") {
            if let Some(blocks) = decode(&text) {
                prop_assert!(!blocks.is_empty());
            }
        }
    }
}
