//! SMTP replies, sanitised for display (RFC 5321 section 4.2).

use serde::{Deserialize, Serialize};

use crate::sanitize::{printable, truncate};

/// The characters kept of a reply. A hostile relay can send a hundred lines of 2 KiB.
const TEXT_MAX: usize = 2_000;

/// A reply (RFC 5321 section 4.2). Its text has no control characters except the line feeds between
/// its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reply {
    /// The reply code, 200 to 599.
    pub code: u16,
    /// The enhanced status code, if there is one (RFC 3463).
    pub enhanced: Option<[u16; 3]>,
    /// The text without codes, at most 2,000 characters.
    pub text: String,
}

impl Reply {
    /// Sanitises the lines of a reply, each without its code and line end.
    pub fn new<'a>(code: u16, lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let text = truncate(lines.map(shown).collect::<Vec<_>>().join("\n"), TEXT_MAX);
        Self {
            code,
            enhanced: enhanced(code, &text),
            text,
        }
    }

    /// Whether this is a transient failure, 4xx (RFC 5321 section 4.2.1).
    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Code and text on one line.
    pub fn to_line(&self) -> String {
        format!("{} {}", self.code, self.text.replace('\n', " "))
            .trim_end()
            .to_owned()
    }
}

/// Decodes lossy UTF-8 and sanitises it.
fn shown(line: &[u8]) -> String {
    printable(&String::from_utf8_lossy(line), TEXT_MAX)
}

/// The enhanced status code at the start of the text (RFC 2034 section 4), if its class matches the
/// reply code.
fn enhanced(code: u16, text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split_ascii_whitespace().next()?.split('.');
    let mut number = || {
        let part = parts.next().filter(|part| part.len() <= 3)?;
        part.parse::<u16>().ok()
    };
    let found = [number()?, number()?, number()?];
    (parts.next().is_none() && found[0] == code / 100).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_status_codes_are_parsed_only_if_valid() {
        for (code, text, expected) in [
            (550, "5.1.1 no such user", Some([5, 1, 1])),
            (535, "5.7.8", Some([5, 7, 8])),
            (250, "2.1.0 Ok", Some([2, 1, 0])),
            (550, "4.1.1 class of another code", None),
            (220, "1.2.3.4 ready", None),
            (550, "no such user", None),
            (550, "5.1234.1 too long", None),
            (550, "", None),
        ] {
            assert_eq!(
                Reply::new(code, [text.as_bytes()].into_iter()).enhanced,
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_relay_that_talks_on_is_cut_short() {
        let line = "ü".repeat(1_500);
        let reply = Reply::new(250, [line.as_bytes(), line.as_bytes()].into_iter());
        assert_eq!(reply.text.chars().count(), TEXT_MAX + 1);
        assert!(reply.text.ends_with('…'));
    }

    #[test]
    fn shown_text_has_no_control_characters() {
        let reply = Reply::new(
            220,
            [b"caf\xe9 \x1b[31mred\x07".as_slice(), b"second"].into_iter(),
        );
        assert_eq!(reply.text, "caf\u{fffd} [31mred\nsecond");
        assert_eq!(reply.to_line(), "220 caf\u{fffd} [31mred second");
    }

    #[test]
    fn only_4xx_is_transient() {
        for (code, transient) in [(399, false), (400, true), (499, true), (500, false)] {
            assert_eq!(
                Reply::new(code, std::iter::empty()).is_transient(),
                transient,
                "{code}"
            );
        }
    }
}
