//! Public keys of passkeys, and their signatures: ES256, `EdDSA` with Ed25519, RS256.
//!
//! A key comes as the `SubjectPublicKeyInfo` that the browser's `getPublicKey()` reads from the attestation
//! object (Web Authentication Level 2, section 5.2.1.1), so that no CBOR is parsed here. Without attestation
//! nothing attests the key in the attestation object either: both come from the page of the session that
//! registers it. What binds an assertion to the account is its signature.

use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The COSE algorithms (RFC 9053, RFC 8812) that a browser may choose from, the preferred one first.
pub const ALGORITHMS: [i32; 3] = [-7, -8, -257];

/// The sizes of RSA keys that signatures are verified with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The public key of a passkey.
#[derive(Debug)]
pub struct PublicKey {
    algorithm: &'static dyn VerificationAlgorithm,
    /// The bits of the key, as ring takes them: a point, 32 octets, or an `RSAPublicKey`.
    bits: Vec<u8>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7) with a key of one of the [`ALGORITHMS`];
    /// `None` for others.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(der).ok()?;
        if !rest.is_empty() || info.subject_public_key.unused_bits != 0 {
            return None;
        }
        let bits = info.subject_public_key.data.to_vec();
        let kind = &info.algorithm.algorithm;
        let curve = info.algorithm.parameters.as_ref();
        let is_p256 = curve
            .and_then(|curve| curve.as_oid().ok())
            .is_some_and(|curve| curve == OID_EC_P256);
        let algorithm: &'static dyn VerificationAlgorithm =
            if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY && is_p256 && is_point(&bits) {
                &ECDSA_P256_SHA256_ASN1
            } else if *kind == OID_SIG_ED25519 && bits.len() == 32 {
                &ED25519
            } else if *kind == OID_PKCS1_RSAENCRYPTION && is_rsa_key(&bits) {
                &RSA_PKCS1_2048_8192_SHA256
            } else {
                return None;
            };
        Some(Self { algorithm, bits })
    }

    /// Whether the owner of the key signed `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(self.algorithm, &self.bits);
        key.verify(message, signature).is_ok()
    }
}

/// Whether these octets are an uncompressed point on the curve P-256. A verification checks that too, but
/// only with the first signature; the key agreement checks it at once.
fn is_point(octets: &[u8]) -> bool {
    let Ok(own) = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()) else {
        return false;
    };
    let peer = agreement::UnparsedPublicKey::new(&ECDH_P256, octets);
    agreement::agree_ephemeral(own, &peer, |_| ()).is_ok()
}

fn is_rsa_key(octets: &[u8]) -> bool {
    let parsed = RSAPublicKey::from_der(octets);
    parsed.is_ok_and(|(rest, key)| rest.is_empty() && RSA_BITS.contains(&key.key_size()))
}

#[cfg(test)]
mod tests {
    use rand::rngs::OsRng;
    use rsa::pkcs8::EncodePublicKey;
    use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
    use sha2::{Digest, Sha256};
    use testkit::authenticator::Authenticator;

    use super::*;

    /// What stands before a SHA-256 in a signature (RFC 8017 section 9.2).
    const SHA256_PREFIX: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];

    fn p256() -> Vec<u8> {
        Authenticator::new("localhost", "http://localhost").public_key()
    }

    fn ed25519() -> Vec<u8> {
        let authenticator = Authenticator::new("localhost", "http://localhost");
        authenticator.with_ed25519().public_key()
    }

    fn rsa_of(bits: usize) -> (RsaPrivateKey, Vec<u8>) {
        let key = RsaPrivateKey::new(&mut OsRng, bits).expect("a key");
        let der = RsaPublicKey::from(&key).to_public_key_der();
        (key, der.expect("DER").as_bytes().to_vec())
    }

    #[test]
    fn rsa_signatures_are_verified() {
        let (key, der) = rsa_of(2048);
        let padding = Pkcs1v15Sign {
            hash_len: Some(32),
            prefix: SHA256_PREFIX.into(),
        };
        let signature = key.sign(padding, &Sha256::digest("signed"));
        let signature = signature.expect("signs");
        let public = PublicKey::parse(&der).expect("a key");
        assert!(public.verifies(b"signed", &signature));
        assert!(!public.verifies(b"other", &signature));
        assert!(!public.verifies(b"signed", &signature[1..]));
        assert!(!public.verifies(b"signed", b""));
        let other = PublicKey::parse(&p256()).expect("a key");
        assert!(!other.verifies(b"signed", &signature));
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_no_key() {
        for der in [p256(), ed25519()] {
            assert!(PublicKey::parse(&der).is_some());
            for length in 0..der.len() {
                assert!(PublicKey::parse(&der[..length]).is_none(), "{length}");
            }
            let longer = [&der[..], &[0]].concat();
            assert!(PublicKey::parse(&longer).is_none());
        }
    }

    #[test]
    fn hostile_keys_are_refused() {
        let changed = |mut der: Vec<u8>, at: usize, octet: u8| {
            der[at] = octet;
            der
        };
        // The last octets are the ordinate: only one other is on the curve with the same abscissa.
        let mut other = p256();
        let last = other.len() - 1;
        other[last] ^= 1;
        let mut zero = p256();
        let point = zero.len() - 64;
        zero[point..].fill(0);
        let mut infinite = p256();
        infinite[point..].fill(0xff);
        for (der, why) in [
            (other, "not on the curve"),
            (zero, "no point"),
            (infinite, "coordinates above the prime"),
            (
                changed(p256(), point - 1, 0x02),
                "a compressed point with 64 octets",
            ),
            (changed(p256(), 22, 0x06), "another curve"),
            (changed(ed25519(), 8, 0x71), "Ed448"),
            (changed(ed25519(), 8, 0x6e), "X25519, which does not sign"),
            (changed(p256(), point - 2, 0x01), "unused bits"),
            (rsa_of(1024).1, "a short RSA key"),
            (
                vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
                "a length beyond the end",
            ),
            (vec![0x30, 0x80], "an indefinite length"),
            (vec![0x30; 10_000], "deeply nested"),
            (vec![0; 10_000], "zeros"),
            (b"\xa5\x01\x02\x03\x26\x20\x01".to_vec(), "a COSE key"),
        ] {
            assert!(PublicKey::parse(&der).is_none(), "{why}");
        }
    }
}
