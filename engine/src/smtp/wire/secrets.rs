//! What must not be shown of a sign-in, struck out of whatever a relay says.
//!
//! Relays repeat what they did not understand: cut off, folded, in capitals, decoded.

use zeroize::Zeroizing;

/// What stands in a secret's place.
pub(crate) const STRUCK: &str = "[…]";

/// So much of an encoded secret gives it away. No word of a language looks like it.
const PIECE: usize = 8;

/// The fewest octets of a password that are looked for: shorter ones stand in any reply.
const LEAST: usize = 4;

/// The secrets of a connection, in small letters.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Secret>);

struct Secret {
    octets: Zeroizing<Vec<u8>>,
    /// How many octets in a row are enough.
    piece: usize,
    /// Of each octet whether the secret holds it.
    holds: Zeroizing<[bool; 256]>,
}

impl Secret {
    /// Where pieces of it begin. A reply of every mail passes through here, so what cannot be one
    /// is passed over: an octet that the secret does not hold is in none.
    fn places(&self, said: &[u8]) -> impl Iterator<Item = usize> {
        let mut held = 0;
        said.iter().enumerate().filter_map(move |(at, octet)| {
            held = match self.holds[usize::from(octet.to_ascii_lowercase())] {
                true => held + 1,
                false => 0,
            };
            if held < self.piece {
                return None;
            }
            let begin = at + 1 - self.piece;
            let window = &said[begin..=at];
            let mut pieces = self.octets.windows(self.piece);
            let found = pieces.any(|piece| piece.eq_ignore_ascii_case(window));
            found.then_some(begin)
        })
    }
}

impl Secrets {
    /// What was typed: looked for as a whole, since a part of it may be a word.
    pub fn keep(&mut self, typed: &str) {
        if typed.len() >= LEAST {
            self.add(typed, typed.len());
        }
    }

    /// A form of it that was sent: each part of it counts.
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

    /// Strikes every secret out.
    pub fn strike(&self, said: &mut Vec<u8>) {
        let mut struck = Vec::new();
        for secret in &self.0 {
            for at in secret.places(said) {
                struck.resize(said.len(), false);
                struck[at..at + secret.piece].fill(true);
            }
        }
        if !struck.is_empty() {
            let mut clean = Vec::with_capacity(said.len());
            for (at, octet) in said.iter().enumerate() {
                match (struck[at], at > 0 && struck[at - 1]) {
                    (false, _) => clean.push(*octet),
                    (true, false) => clean.extend_from_slice(STRUCK.as_bytes()),
                    (true, true) => {}
                }
            }
            *said = clean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_repeats_a_secret_is_not_repeated() {
        let mut secrets = Secrets::default();
        secrets.keep("hunter2");
        secrets.keep("abc");
        secrets.keep("…]");
        secrets.keep_encoded("AHUAaHVudGVyMg==");
        for (said, shown) in [
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
            let mut bytes = said.as_bytes().to_vec();
            secrets.strike(&mut bytes);
            assert_eq!(String::from_utf8(bytes).expect("text"), shown);
        }
    }
}
