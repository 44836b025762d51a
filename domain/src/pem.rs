//! Certificates as text (RFC 7468): the blocks, and what is written before them.

/// The most bytes of a text with certificates: sixteen of them, and their words.
pub const TEXT_MAX: usize = 48 * 1024;

/// A block from BEGIN to END.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// All of it, with the text before it.
    pub whole: &'a str,
    /// As in `CERTIFICATE`.
    pub kind: &'a str,
    /// In base64, without line breaks.
    pub body: String,
}

impl<'a> Block<'a> {
    /// What the text before it says of something, as in `Subject`; empty when nothing.
    pub fn says(&self, what: &str) -> &'a str {
        let mut lines = self.whole.lines();
        let said = lines.find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
        said.unwrap_or_default()
    }
}

/// The blocks of a text; none where it has none, or one is not whole.
pub fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    let (mut start, mut end) = (0, 0);
    for line in text.split_inclusive(['\r', '\n']) {
        end += line.len();
        // Only a whole line begins or ends one: the words of a certificate may hold anything.
        let line = line.trim();
        let edge = |of: &str| line.strip_prefix(of)?.strip_suffix("-----");
        match (open.take(), edge("-----BEGIN "), edge("-----END ")) {
            (None, None, None) => {}
            (None, Some(kind), _) => open = Some((kind, String::new())),
            (Some((kind, body)), None, None) => open = Some((kind, body + line)),
            (Some((kind, body)), None, Some(ended)) if kind == ended => {
                found.push(Block {
                    whole: &text[start..end],
                    kind,
                    body,
                });
                start = end;
            }
            _ => return None,
        }
    }
    (open.is_none() && !found.is_empty()).then_some(found)
}

/// What is wrong with a text with certificates, as far as that shows without reading them.
pub fn fault(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        Some(
            "This holds a private key. Keep that secret: it was not stored. Give the certificate alone.",
        )
    } else if text.len() > TEXT_MAX {
        Some("This is too large; 16 certificates and 48 kB are the most.")
    } else if blocks(text).is_none() {
        Some("A certificate in PEM goes from -----BEGIN CERTIFICATE----- to its END line.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_words() {
        let text = "Subject: a\nfor -----BEGIN X-----\n  -----BEGIN A-----\r\n AB\r\nC=\r\n-----END A-----\n\
                    Subject: b\n\n-----BEGIN B C-----\n-----END B C-----\nthe rest";
        let blocks = blocks(text).expect("blocks");
        let found: Vec<_> = blocks
            .iter()
            .map(|block| (block.kind, block.body.as_str(), block.says("Subject")))
            .collect();
        assert_eq!(found, [("A", "ABC=", "a"), ("B C", "", "b")]);
        assert_eq!(blocks[0].says("Issuer"), "");
        assert!(blocks[1].whole.starts_with("Subject: b"));
        assert!(text.contains(&format!("{}{}", blocks[0].whole, blocks[1].whole)));
    }

    #[test]
    fn what_is_no_certificate_is_told_apart() {
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";
        for (text, word) in [
            (certificate.to_owned(), None),
            (format!("{certificate}{certificate}"), None),
            (certificate.replace('\n', "\r"), None),
            (certificate.replace("-----E", "---E"), Some("END line")),
            (certificate.replace("END C", "END X"), Some("END line")),
            (
                format!("{certificate}{}", &certificate[..40]),
                Some("END line"),
            ),
            ("0\u{82}binary".to_owned(), Some("END line")),
            (String::new(), Some("END line")),
            (key.to_owned(), Some("private key")),
            (format!("{certificate}{key}"), Some("private key")),
            (key[..40].to_owned(), Some("private key")),
            (
                format!("{}{certificate}", " ".repeat(TEXT_MAX)),
                Some("too large"),
            ),
        ] {
            let fault = fault(&text);
            assert_eq!(fault.is_some(), word.is_some(), "{text}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(word.unwrap_or_default()));
        }
    }
}
