//! Authenticator data (Web Authentication Level 2, section 6.1), and the credential it attests.

use sha2::{Digest, Sha256};

/// The octets before the attested credential: the hash of the relying party, flags and counter.
const HEAD: usize = 37;
/// The octets of the AAGUID, the model of the authenticator.
const AAGUID: usize = 16;
/// The longest id of a credential (Level 3, section 7.1).
const LONGEST_ID: usize = 1023;

const USER_PRESENT: u8 = 0x01;
const ATTESTED_CREDENTIAL: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;

/// The parts that are checked.
#[derive(Debug, PartialEq, Eq)]
pub struct AuthenticatorData<'d> {
    relying_party_hash: &'d [u8],
    flags: u8,
    /// How often the authenticator has signed; 0 where it does not count.
    pub sign_count: u32,
    /// The id of the new credential, in a registration.
    pub credential_id: Option<&'d [u8]>,
}

impl<'d> AuthenticatorData<'d> {
    /// Reads authenticator data; `None` for what is none. What follows the id of a credential, its COSE key
    /// and extensions, is not read.
    pub fn parse(data: &'d [u8]) -> Option<Self> {
        let (head, rest) = data.split_at_checked(HEAD)?;
        let (relying_party_hash, head) = head.split_at(32);
        let (flags, count) = head.split_first()?;
        let credential_id = match flags & ATTESTED_CREDENTIAL {
            0 if flags & EXTENSIONS == 0 && !rest.is_empty() => return None,
            0 => None,
            _ => Some(credential_id(rest)?),
        };
        Some(Self {
            relying_party_hash,
            flags: *flags,
            sign_count: u32::from_be_bytes(count.try_into().ok()?),
            credential_id,
        })
    }

    /// Whether it was made for this relying party, with its person present. Whether the authenticator verified
    /// the person does not count: the password is the first factor.
    pub fn is_for(&self, relying_party: &str) -> bool {
        self.relying_party_hash == Sha256::digest(relying_party).as_slice()
            && self.flags & USER_PRESENT != 0
    }
}

/// The id in attested credential data (section 6.5.1), which a key follows.
fn credential_id(data: &[u8]) -> Option<&[u8]> {
    let (_, rest) = data.split_at_checked(AAGUID)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (id, key) = rest.split_at_checked(length)?;
    let is_complete = (1..=LONGEST_ID).contains(&length) && !key.is_empty();
    is_complete.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        let mut data = Sha256::digest("localhost").to_vec();
        data.push(flags);
        data.extend(7_u32.to_be_bytes());
        data.extend(rest);
        data
    }

    /// Attested credential data with an id of this length, and so many octets where the key stands.
    fn attested(id: u16, key: usize) -> Vec<u8> {
        let mut data = vec![0; AAGUID];
        data.extend(id.to_be_bytes());
        data.extend(vec![0xab; usize::from(id)]);
        data.extend(vec![0xa5; key]);
        data
    }

    #[test]
    fn the_parts_are_read() {
        let registration = data(0x41, &attested(2, 1));
        let parsed = AuthenticatorData::parse(&registration).expect("valid");
        assert_eq!(parsed.credential_id, Some(&[0xab, 0xab][..]));
        assert_eq!(parsed.sign_count, 7);
        assert!(parsed.is_for("localhost"));
        for (flags, rest) in [(0x01, &[][..]), (0x81, &[0xa0][..])] {
            let assertion = data(flags, rest);
            let parsed = AuthenticatorData::parse(&assertion).expect("valid");
            assert_eq!(parsed.credential_id, None, "{flags}");
        }
    }

    #[test]
    fn it_is_for_a_relying_party_with_its_person_present() {
        for (flags, party, right) in [
            (0x01, "localhost", true),
            (0x05, "localhost", true),
            (0x04, "localhost", false),
            (0x00, "localhost", false),
            (0x01, "evil.example", false),
            (0x01, "", false),
        ] {
            let data = data(flags, &[]);
            let parsed = AuthenticatorData::parse(&data).expect("valid");
            assert_eq!(parsed.is_for(party), right, "{flags} {party}");
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for whole in [data(0x41, &attested(2, 1)), data(0x01, &[])] {
            assert!(AuthenticatorData::parse(&whole).is_some());
            for length in 0..whole.len() {
                assert_eq!(AuthenticatorData::parse(&whole[..length]), None, "{length}");
            }
        }
    }

    #[test]
    fn lengths_have_limits() {
        for (rest, right) in [
            (attested(1023, 1), true),
            (attested(1024, 1), false),
            (attested(u16::MAX, 1), false),
            (attested(0, 1), false),
            (attested(16, 0), false),
        ] {
            let data = data(0x41, &rest);
            assert_eq!(AuthenticatorData::parse(&data).is_some(), right);
        }
        // A length beyond the end.
        let mut short = attested(16, 1);
        short[AAGUID] = 0x7f;
        assert_eq!(AuthenticatorData::parse(&data(0x41, &short)), None);
        assert_eq!(
            AuthenticatorData::parse(&data(0x01, &[0])),
            None,
            "neither a credential nor extensions"
        );
    }
}
