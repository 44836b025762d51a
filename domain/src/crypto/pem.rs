//! PEM texts (RFC 7468): the reader of their blocks, and limits on a text with certificates.
//!
//! Certificates of settings and keys of exports are read here. The files of the server's own certificate
//! and key are the exception: rustls reads them, because its base64 decoder has no table look-ups that
//! depend on the private key.

/// The maximum size of a text with certificates, in bytes: sixteen of them with descriptions.
pub const TEXT_MAX: usize = 48 * 1024;

/// The refusal of a text that holds a private key.
pub const PRIVATE_KEY: &str =
    "This contains a private key, which was not stored. Enter only the certificate.";

/// A block of a PEM text, with the text before it. All parts are slices of that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// Explanatory text (RFC 7468 section 5.2): everything between the previous block and this one,
    /// without trailing white space.
    pub preamble: &'a str,
    /// The label of the block, such as `CERTIFICATE`.
    pub label: &'a str,
    /// The text between the BEGIN line and the END line, not decoded.
    pub body: &'a str,
    /// The preamble and the block, up to the end of the END line.
    pub whole: &'a str,
}

/// Reads the blocks of a text, with any text between them. `None` if there is no block, or one is
/// incomplete.
///
/// Lines end with CR, LF or both. Only a whole line begins or ends a block, because explanatory
/// text may contain anything.
pub fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    let (mut preamble_start, mut body_start) = (0, 0);
    let mut next_line = 0;
    for line in text.split(['\r', '\n']) {
        let (start, end) = (next_line, next_line + line.len());
        next_line = end + 1;
        let line = line.trim();
        let boundary = |of: &str| line.strip_prefix(of)?.strip_suffix("-----");
        match (open, boundary("-----BEGIN "), boundary("-----END ")) {
            (_, None, None) => {}
            (None, Some(label), _) => {
                body_start = end;
                open = Some(Block {
                    preamble: text[preamble_start..start].trim_end(),
                    label,
                    body: "",
                    whole: "",
                });
            }
            (Some(block), None, Some(label)) if block.label == label => {
                found.push(Block {
                    body: &text[body_start..start],
                    whole: &text[preamble_start..end],
                    ..block
                });
                preamble_start = end;
                open = None;
            }
            _ => return None,
        }
    }
    (open.is_none() && !found.is_empty()).then_some(found)
}

/// The fault of a text with certificates, as far as it can be found without decoding them.
pub fn fault(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        Some(PRIVATE_KEY)
    } else if text.len() > TEXT_MAX {
        Some("This is too large: at most 16 certificates and 48 kB.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: &str = "Subject: a -----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn blocks_are_found_behind_their_preambles() {
        let other = "Subject: b -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
        let text = format!("{ONE}{other}");
        let found = blocks(&text).expect("blocks");
        let parts: Vec<_> = found
            .iter()
            .map(|block| (block.preamble, block.label, block.body.trim()))
            .collect();
        assert_eq!(
            parts,
            [
                (
                    "Subject: a -----BEGIN CERTIFICATE-----",
                    "CERTIFICATE",
                    "AA"
                ),
                (
                    "\nSubject: b -----END CERTIFICATE-----",
                    "CERTIFICATE",
                    "BB"
                ),
            ]
        );
        let whole: String = found.iter().map(|block| block.whole).collect();
        assert_eq!(whole, text);
        assert_eq!(blocks(""), None);
    }

    #[test]
    fn blocks_are_found_with_any_line_breaks() {
        let text = "Subject: a\nfor -----BEGIN X-----\n  -----BEGIN A-----\r\n AB\r\nE=\r\n-----END A-----\n\
                    Subject: b\n\n-----BEGIN B C-----\n!\n-----END B C-----\nthe rest";
        let found = blocks(text).expect("blocks");
        let bodies: Vec<_> = found
            .iter()
            .map(|block| (block.label, block.body))
            .collect();
        assert_eq!(bodies, [("A", "\r\n AB\r\nE=\r\n"), ("B C", "\n!\n")]);
    }

    #[test]
    fn an_incomplete_block_is_not_a_block() {
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
    fn a_private_key_and_too_much_are_seen_at_once() {
        let key = "-----BEGIN EC PRIVATE KEY-----\r\nAA==\r\n-----END EC PRIVATE KEY-----\r\n";
        for (text, word) in [
            (ONE.to_owned(), None),
            (key.to_owned(), Some("private key")),
            (format!("{ONE}{key}"), Some("private key")),
            (key[..40].to_owned(), Some("private key")),
            (" ".repeat(TEXT_MAX), None),
            (format!("{}{ONE}", " ".repeat(TEXT_MAX)), Some("too large")),
        ] {
            let fault = fault(&text);
            assert_eq!(fault.is_some(), word.is_some(), "{text}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(word.unwrap_or_default()));
        }
    }

    /// Generates lines of PEM texts, valid and damaged, and any other text.
    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("-----BEGIN A-----".to_owned()),
            Just("-----END A-----".to_owned()),
            Just("-----END B-----".to_owned()),
            Just("----BEGIN A-----".to_owned()),
            "[A-Za-z0-9+/=]{0,8}",
            "\\PC{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn slices_of_any_text_add_up_to_it(
            lines in prop::collection::vec((line(), "\r\n|\r|\n"), 0..12),
        ) {
            let text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
            if let Some(found) = blocks(&text) {
                let whole: String = found.iter().map(|block| block.whole).collect();
                prop_assert!(text.starts_with(&whole));
                for block in found {
                    prop_assert!(block.whole.starts_with(block.preamble));
                    prop_assert!(block.whole.contains(block.body));
                    prop_assert!(!block.body.contains("-----END A-----"));
                }
            }
        }

        #[test]
        fn written_blocks_are_parsed_back(
            written in prop::collection::vec(("[a-z :]{0,9}", "[A-Z ]{0,9}", "[A-Za-z0-9+/\n]{0,90}"), 1..5),
        ) {
            let text: String = written
                .iter()
                .map(|(preamble, label, body)| {
                    format!("{preamble}\n-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
                })
                .collect();
            let found = blocks(&text).expect("blocks");
            prop_assert_eq!(found.len(), written.len());
            for (block, (preamble, label, body)) in found.iter().zip(&written) {
                prop_assert_eq!(block.preamble.trim(), preamble.trim());
                prop_assert_eq!(block.label, label.as_str());
                prop_assert_eq!(block.body.trim(), body.trim());
            }
        }
    }
}
