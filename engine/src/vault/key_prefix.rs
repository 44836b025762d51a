//! The first characters of a value sealed at rest, which name its key: the database counts by them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

/// What the header of every value at rest begins with ([`domain::crypto::jwe::Header::direct`]).
const START: &str = r#"{"alg":"dir","enc":"A256GCM","kid":""#;

/// How many characters name the key. [`START`], an id of 26 characters and a quotation mark are 63 octets,
/// which are 84 characters of base64url without a remainder.
pub const KEY_PREFIX: usize = 84;

/// The first characters of every value that the key with this id seals.
pub fn key_prefix(kid: &str) -> String {
    BASE64URL.encode(format!("{START}{kid}\""))
}

/// The id of the key that seals values that begin so; `None` of what is no sealed value.
pub fn kid_of(prefix: &str) -> Option<String> {
    let octets = BASE64URL.decode(prefix).ok()?;
    let text = String::from_utf8(octets).ok()?;
    let kid = text.strip_prefix(START)?.strip_suffix('"')?;
    Some(kid.to_owned())
}

#[cfg(test)]
mod tests {
    use domain::crypto::jwe::{ContentKey, Header, seal};
    use rand::rngs::OsRng;

    use super::*;

    #[test]
    fn every_sealed_value_begins_with_the_prefix_of_its_key() {
        let key = ContentKey::default();
        let kid = ulid::Ulid::new().to_string();
        for (scope, label) in [("global", "smtp_password"), ("a", ""), ("", "x@1")] {
            let header = Header::direct(&kid, scope, label);
            let sealed = seal(&header, &[], &key, b"secret", &mut OsRng).expect("seals");
            let prefix = &sealed[..KEY_PREFIX];
            assert_eq!(prefix, key_prefix(&kid));
            assert_eq!(kid_of(prefix).as_deref(), Some(kid.as_str()));
        }
        let (whole, other) = (key_prefix(&kid), "A".repeat(KEY_PREFIX));
        for other in ["", "x", &whole[..80], other.as_str()] {
            assert_eq!(kid_of(other), None, "{other:?}");
        }
    }
}
