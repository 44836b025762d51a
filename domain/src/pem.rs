//! Certificates as text (RFC 7468), as far as a browser looks at them: the engine reads them, and
//! writes before each what it says of itself.

/// The most bytes of a text with certificates: sixteen of them, and their words.
pub const TEXT_MAX: usize = 48 * 1024;

/// Where a certificate of a text that the engine wrote ends. Only at the head of a line: what a
/// certificate says of itself may hold anything.
pub const END: &str = "\n-----END CERTIFICATE-----";

/// What is said of a text that is no PEM.
pub const NO_PEM: &str =
    "This is not in PEM, which goes from -----BEGIN CERTIFICATE----- to its END line.";

/// What is wrong with a text with certificates, as far as that shows without reading them.
pub fn fault(text: &str) -> Option<&'static str> {
    if text.contains("PRIVATE KEY-----") {
        Some(
            "This holds a private key. Keep that secret: it was not stored. Give the certificate alone.",
        )
    } else if text.len() > TEXT_MAX {
        Some("This is too large; 16 certificates and 48 kB are the most.")
    } else if !text.contains("-----BEGIN ") {
        Some(NO_PEM)
    } else {
        None
    }
}

/// Each certificate of a text that the engine wrote: what stands before it, and it.
pub fn certificates(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split_terminator(END)
        .map(|each| each.split_once("\n-----BEGIN ").unwrap_or(("", each)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_found_behind_their_words() {
        let text = "Subject: a -----BEGIN X-----\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n\
                    Subject: b -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----";
        let found: Vec<_> = certificates(text).collect();
        assert_eq!(
            found,
            [
                ("Subject: a -----BEGIN X-----", "CERTIFICATE-----\nAA"),
                (
                    "\nSubject: b -----END CERTIFICATE-----",
                    "CERTIFICATE-----\nBB"
                ),
            ]
        );
        assert_eq!(certificates("").count(), 0);
    }

    #[test]
    fn what_is_no_certificate_is_told_apart() {
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n";
        for (text, word) in [
            (certificate.to_owned(), None),
            (format!("{certificate}{certificate}"), None),
            ("0\u{82}binary".to_owned(), Some("not in PEM")),
            (String::new(), Some("not in PEM")),
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
