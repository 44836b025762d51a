//! PEM text with certificates (RFC 7468): size limit, private keys, and splitting into blocks.

/// The maximum length of a text with certificates in bytes: 16 certificates with their descriptions.
pub const TEXT_MAX: usize = 48 * 1024;

/// The fault of a text that contains a private key.
pub const PRIVATE_KEY: &str =
    "This holds a private key. Keep that secret: it was not stored. Give the certificate alone.";

/// Where a certificate of a text that the engine wrote ends. Only at the head of a line: what a
/// certificate says of itself may hold anything.
pub const END: &str = "\n-----END CERTIFICATE-----";

/// The fault of a text with certificates that shows without parsing them, if it has one.
pub fn fault(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        Some(PRIVATE_KEY)
    } else if text.len() > TEXT_MAX {
        Some("This is too large; 16 certificates and 48 kB are the most.")
    } else {
        None
    }
}

/// Each certificate of a text that the engine wrote: the words before it, and it.
pub fn certificates(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_terminator(END)
        .map(|each| each.split_once("\n-----BEGIN ").unwrap_or(("", each)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "Subject: a -----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_found_behind_their_words() {
        let other = "Subject: b -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
        let text = format!("{ONE}{other}");
        let found: Vec<_> = certificates(&text).collect();
        assert_eq!(
            found,
            [
                (
                    "Subject: a -----BEGIN CERTIFICATE-----",
                    "CERTIFICATE-----\nAA"
                ),
                (
                    "\nSubject: b -----END CERTIFICATE-----",
                    "CERTIFICATE-----\nBB"
                ),
            ]
        );
        assert_eq!(certificates("").count(), 0);
    }

    #[test]
    fn a_private_key_and_too_much_are_seen_at_once() {
        let key = "-----BEGIN EC PRIVATE KEY-----\r\nAA==\r\n-----END EC PRIVATE KEY-----\r\n";
        for (text, word) in [
            (ONE.to_owned(), None),
            (key.to_owned(), Some("private key")),
            (format!("{ONE}{key}"), Some("private key")),
            (key[..40].to_owned(), Some("private key")),
            (format!("{}{ONE}", " ".repeat(TEXT_MAX)), Some("too large")),
        ] {
            let fault = fault(&text);
            assert_eq!(fault.is_some(), word.is_some(), "{text}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(word.unwrap_or_default()));
        }
    }
}
