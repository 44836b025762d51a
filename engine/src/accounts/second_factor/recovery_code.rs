//! Recovery codes: 120 random bits each, for an account whose second factor is lost.

use data_encoding::BASE32_NOPAD;
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

/// How many recovery codes an account gets at once.
pub const RECOVERY_CODES: usize = 10;

/// The octets of a code. A hash of 120 random bits needs no salt.
const OCTETS: usize = 15;
/// The characters of a code, without its hyphens.
const LENGTH: usize = OCTETS * 8 / 5;

/// New codes, in the form that people read: six groups of four characters.
pub fn new_codes() -> Vec<String> {
    (0..RECOVERY_CODES).map(|_| new_code()).collect()
}

fn new_code() -> String {
    let mut bytes = Zeroizing::new([0; OCTETS]);
    OsRng.fill_bytes(&mut *bytes);
    let text = Zeroizing::new(BASE32_NOPAD.encode(&*bytes).to_lowercase());
    let groups: Vec<&str> = (0..LENGTH)
        .step_by(4)
        .map(|start| &text[start..start + 4])
        .collect();
    groups.join("-")
}

/// The characters of a code as typed, without hyphens and spaces and in lower case; `None` for what is no
/// code.
pub fn parse(typed: &str) -> Option<Zeroizing<String>> {
    let skipped = |c: &char| *c == '-' || c.is_whitespace();
    let text: String = typed.chars().filter(|c| !skipped(c)).collect();
    let text = Zeroizing::new(text.to_ascii_lowercase());
    let is_code = text.len() == LENGTH
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    is_code.then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_read_as_they_are_shown_and_as_people_type_them() {
        let codes: BTreeSet<String> = new_codes().into_iter().collect();
        assert_eq!(codes.len(), RECOVERY_CODES);
        for shown in codes {
            assert_eq!(shown.len(), 29, "{shown}");
            let bare = shown.replace('-', "");
            for typed in [
                shown.clone(),
                shown.to_uppercase(),
                format!(" {} ", shown.replace('-', " ")),
                bare.clone(),
            ] {
                let parsed = parse(&typed).map(|text| text.to_string());
                assert_eq!(parsed, Some(bare.clone()), "{typed:?}");
            }
        }
        for typed in [
            "",
            "050471",
            "aaaa-bbbb-cccc-dddd-eeee-fff",
            "aaaa-bbbb-cccc-dddd-eeee-ffff-2",
            "aaaa-bbbb-cccc-dddd-eeee-fff1",
            "aaaa-bbbb-cccc-dddd-eeee-ffä",
        ] {
            assert_eq!(parse(typed).map(|text| text.to_string()), None, "{typed:?}");
        }
    }
}
