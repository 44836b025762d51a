//! Redaction of secrets: removes the credentials of a sign-in from a relay's replies.
//!
//! Relays repeat what they did not understand: cut off, folded, in capitals, decoded.

use zeroize::Zeroizing;

/// What replaces a secret.
pub(crate) const REDACTED: &str = "[…]";

/// How many octets in a row of an encoded secret are redacted. No word of a language looks like it.
const PIECE: usize = 8;

/// The shortest password that is redacted, in octets: shorter ones occur in any reply.
const PASSWORD_MIN: usize = 4;

/// The secrets of a connection, in lower case.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Secret>);

struct Secret {
    octets: Zeroizing<Vec<u8>>,
    /// How many octets in a row are redacted.
    piece: usize,
    /// For each octet, whether the secret contains it.
    holds: Zeroizing<[bool; 256]>,
}

impl Secret {
    /// Where pieces of the secret begin in a reply. Every reply passes through here, so octets that
    /// the secret does not contain are skipped first.
    fn places(&self, reply: &[u8]) -> impl Iterator<Item = usize> {
        let mut held = 0;
        reply.iter().enumerate().filter_map(move |(at, octet)| {
            held = match self.holds[usize::from(octet.to_ascii_lowercase())] {
                true => held + 1,
                false => 0,
            };
            if held < self.piece {
                return None;
            }
            let begin = at + 1 - self.piece;
            let window = &reply[begin..=at];
            let mut pieces = self.octets.windows(self.piece);
            let found = pieces.any(|piece| piece.eq_ignore_ascii_case(window));
            found.then_some(begin)
        })
    }
}

impl Secrets {
    /// Adds a password as it was typed. It is redacted as a whole, because a part of it may be a
    /// word.
    pub fn keep(&mut self, typed: &str) {
        if typed.len() >= PASSWORD_MIN {
            self.add(typed, typed.len());
        }
    }

    /// Adds an encoded form that is sent. Any part of it is redacted.
    pub fn keep_encoded(&mut self, encoded: &str) {
        self.add(encoded, encoded.len().min(PIECE));
    }

    fn add(&mut self, secret: &str, piece: usize) {
        if piece > 0 {
            let octets = Zeroizing::new(secret.to_ascii_lowercase().into_bytes());
            let mut holds = Zeroizing::new([false; 256]);
            for octet in octets.iter() {
                holds[usize::from(*octet)] = true;
            }
            self.0.push(Secret {
                octets,
                piece,
                holds,
            });
        }
    }

    /// Replaces every secret in a reply by [`REDACTED`].
    pub fn redact(&self, reply: &mut Vec<u8>) {
        let mut redacted = Vec::new();
        for secret in &self.0 {
            for at in secret.places(reply) {
                redacted.resize(reply.len(), false);
                redacted[at..at + secret.piece].fill(true);
            }
        }
        if !redacted.is_empty() {
            let mut clean = Vec::with_capacity(reply.len());
            for (at, octet) in reply.iter().enumerate() {
                match (redacted[at], at > 0 && redacted[at - 1]) {
                    (false, _) => clean.push(*octet),
                    (true, false) => clean.extend_from_slice(REDACTED.as_bytes()),
                    (true, true) => {}
                }
            }
            *reply = clean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_a_relay_repeats_are_redacted() {
        let mut secrets = Secrets::default();
        secrets.keep("hunter2");
        secrets.keep("abc");
        secrets.keep("…]");
        secrets.keep_encoded("AHUAaHVudGVyMg==");
        for (reply, shown) in [
            ("535 bad credentials", "535 bad credentials"),
            ("500 hunter2 HUNTER2", "500 […] […]"),
            ("500 hunter abc", "500 hunter abc"),
            ("500 what is AHUAaHVudGVyMg==?", "500 what is […]?"),
            ("500 AHUAaHVu dGVyMg== cut", "500 […] […] cut"),
            ("500 ahuaahvudgvymg", "500 […]"),
            ("500 AHUAaHV", "500 AHUAaHV"),
            ("500 […]", "500 [[…]"),
            ("500 hunter2hunter2", "500 […]"),
            ("500 hunterhunter2r2", "500 hunter[…]r2"),
            ("500 huAHUAaHVuAHUAaHV", "500 hu[…]AHUAaHV"),
        ] {
            let mut bytes = reply.as_bytes().to_vec();
            secrets.redact(&mut bytes);
            assert_eq!(String::from_utf8(bytes).expect("text"), shown);
        }
    }
}
