//! Octets in JSON: base64 with the standard alphabet (RFC 4648 section 4).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::expect::Expect;

/// With padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Expects octets; null is as if it were not there. Line breaks inside are read over.
pub struct Octets;

/// What was read of them.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    Octets(Vec<u8>),
    Absent,
    Wrong,
}

impl Expect<'_> for Octets {
    type Value = Read;

    fn wrong(self) -> Read {
        Read::Wrong
    }

    fn null(self) -> Read {
        Read::Absent
    }

    fn text(self, text: &str) -> Read {
        let octets = BASE64.decode(text).or_else(|fault| {
            if !text.contains(['\r', '\n']) {
                return Err(fault);
            }
            let mut line = text.as_bytes().to_vec();
            line.retain(|byte| !matches!(byte, b'\r' | b'\n'));
            BASE64.decode(line)
        });
        octets.map_or(Read::Wrong, Read::Octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_people_write_it() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("aGk=", Some(b"hi")),
            ("aGk", Some(b"hi")),
            ("aG\r\nk=\n", Some(b"hi")),
            ("+/+/", Some(b"\xfb\xff\xbf")),
            ("-_-_", None),
            ("aG k=", None),
            ("a", None),
            ("aGl=", None),
            ("aGk==", None),
            ("aGk=aGk=", None),
            ("ü", None),
        ] {
            let read = expected.map_or(Read::Wrong, |octets| Read::Octets(octets.to_vec()));
            assert_eq!(Octets.text(text), read, "{text:?}");
        }
    }
}
