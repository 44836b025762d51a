//! Time-based one-time passwords (RFC 6238) of 6 digits, with HMAC-SHA-1 and steps of 30 s.
//!
//! Authenticator apps read other parameters from the URI and many of them ignore these, so there are no
//! others here. SHA-1 is no weakness of HMAC.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use domain::Timestamp;
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::OsRng;
use sha1::Sha1;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The octets of a secret: those of a SHA-1, as RFC 4226 section 4 recommends.
const SECRET: usize = 20;
/// A time step.
const STEP: Duration = Duration::from_secs(30);
/// The number of codes of 6 digits.
const CODES: u32 = 1_000_000;
/// The name that an authenticator app shows.
const ISSUER: &str = "Postern";

/// A new secret, in Base32 (RFC 4648 section 6) without padding, as apps read it.
pub fn new_secret() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; SECRET]);
    OsRng.fill_bytes(&mut *bytes);
    Zeroizing::new(BASE32_NOPAD.encode(&*bytes))
}

/// The `otpauth:` URI of a secret, which authenticator apps read from a QR code.
pub fn uri(secret: &str, email: &str) -> String {
    let account: String = byte_serialize(email.as_bytes()).collect();
    let period = STEP.as_secs();
    format!(
        "otpauth://totp/{ISSUER}:{account}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period={period}"
    )
}

/// The number of a code as typed, with or without spaces; `None` for what is no code.
pub fn parse(typed: &str) -> Option<u32> {
    let digits: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_code.then(|| digits.parse().ok()).flatten()
}

/// The time step of this moment (RFC 6238 section 4.2).
fn step_at(now: Timestamp) -> i64 {
    now.periods(STEP)
}

/// The code of a time step (RFC 4226 section 5.3).
fn code(secret: &[u8], step: i64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[hash.len() - 1] & 0xf);
    let word = [
        hash[offset] & 0x7f,
        hash[offset + 1],
        hash[offset + 2],
        hash[offset + 3],
    ];
    u32::from_be_bytes(word) % CODES
}

/// The time step that a code belongs to, of the present one and its neighbours: the clock of a phone may be
/// a step ahead or behind. Steps up to `last`, whose codes were used, do not count. `None` for a wrong code.
pub fn matching_step(secret: &str, typed: u32, now: Timestamp, last: i64) -> Option<i64> {
    let secret = Zeroizing::new(BASE32_NOPAD.decode(secret.as_bytes()).ok()?);
    let now = step_at(now);
    let matching = (now - 1..=now + 1).filter(|step| code(&secret, *step) == typed);
    // All are computed, so that the time does not say which one it was.
    matching.fold(None, |found, step| found.or((step > last).then_some(step)))
}

#[cfg(test)]
mod tests {
    use domain::timestamp::milliseconds;

    use super::*;

    /// The secret of the test vectors, in ASCII.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        // The appendix has 8 digits; a code is the last 6 of them.
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            let step = step_at(Timestamp(seconds * 1000));
            assert_eq!(code(SECRET, step), expected % CODES, "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_before_and_after_its_own() {
        let secret = BASE32_NOPAD.encode(SECRET);
        let now = Timestamp(1_111_111_111_000);
        let own = step_at(now);
        let typed = code(SECRET, own);
        for (steps, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let at = Timestamp(now.0 + steps * milliseconds(STEP));
            let found = matching_step(&secret, typed, at, 0);
            assert_eq!(found, counts.then_some(own), "{steps}");
        }
        assert_eq!(matching_step(&secret, typed, now, own), None, "used");
        assert_eq!(matching_step(&secret, typed, now, own - 1), Some(own));
        assert_eq!(matching_step(&secret, (typed + 1) % CODES, now, 0), None);
    }

    #[test]
    fn six_digits_are_a_code() {
        for (typed, expected) in [
            ("050471", Some(50_471)),
            (" 050 471\n", Some(50_471)),
            ("50471", None),
            ("0504711", None),
            ("+50471", None),
            ("05047a", None),
            ("٠٥٠٤٧١", None),
            ("", None),
        ] {
            assert_eq!(parse(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_secret_has_160_bits_and_its_uri_names_the_account() {
        let secret = new_secret();
        let bytes = BASE32_NOPAD.decode(secret.as_bytes()).expect("Base32");
        assert_eq!(bytes.len(), 20);
        assert_ne!(*secret, *new_secret());
        assert_eq!(
            uri("GEZDGNBV", "ann+mail@example.org"),
            "otpauth://totp/Postern:ann%2Bmail%40example.org?secret=GEZDGNBV&issuer=Postern\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
