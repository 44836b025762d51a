//! Key pairs of DKIM: RSA with 2048 bits, and Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::mail::dkim::DkimAlgorithm;
use rand::rngs::OsRng;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The bits of an RSA key: its record still fits into one UDP answer.
const RSA_BITS: usize = 2048;

/// A new key pair.
pub struct NewDkimKey {
    /// PKCS #8 in Base64, to be sealed.
    pub private: Zeroizing<String>,
    /// The tag `p=` of the record.
    pub public: String,
}

impl NewDkimKey {
    /// Makes a key pair. One of RSA takes up to a second of CPU: call it on a blocking thread. `None` where
    /// the machine gives no randomness.
    pub fn generate(algorithm: DkimAlgorithm) -> Option<Self> {
        match algorithm {
            DkimAlgorithm::Rsa => Self::rsa(),
            DkimAlgorithm::Ed25519 => Self::ed25519(),
        }
    }

    fn rsa() -> Option<Self> {
        let private = RsaPrivateKey::new(&mut OsRng, RSA_BITS).ok()?;
        let (n, e, d) = (
            private.n().clone(),
            private.e().clone(),
            private.d().clone(),
        );
        let mut primes = private.primes().to_vec();
        // The greater prime comes first, as OpenSSL writes them.
        primes.sort_by(|first, second| second.cmp(first));
        let private = RsaPrivateKey::from_components(n, e, d, primes).ok()?;
        let public = private.to_public_key().to_public_key_der().ok()?;
        let der = private.to_pkcs8_der().ok()?;
        Some(Self {
            private: Zeroizing::new(STANDARD.encode(der.as_bytes())),
            public: STANDARD.encode(public.as_bytes()),
        })
    }

    fn ed25519() -> Option<Self> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).ok()?;
        Some(Self {
            private: Zeroizing::new(STANDARD.encode(&der)),
            public: STANDARD.encode(pair.public_key()),
        })
    }
}

/// A private key that signs.
pub(super) enum PrivateDkimKey {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl PrivateDkimKey {
    /// Reads a key as [`NewDkimKey::private`] has it; `None` where it is no such key.
    pub fn parse(algorithm: DkimAlgorithm, private: &str) -> Option<Self> {
        let der = Zeroizing::new(STANDARD.decode(private).ok()?);
        Some(match algorithm {
            DkimAlgorithm::Rsa => Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(&der).ok()?)),
            DkimAlgorithm::Ed25519 => {
                Self::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?)
            }
        })
    }

    pub fn algorithm(&self) -> DkimAlgorithm {
        match self {
            Self::Rsa(_) => DkimAlgorithm::Rsa,
            Self::Ed25519(_) => DkimAlgorithm::Ed25519,
        }
    }

    /// The signature of canonical header fields, in Base64. `None` where the machine gives no randomness.
    pub fn sign(&self, data: &[u8]) -> Option<String> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    data,
                    &mut signature,
                )
                .ok()?;
                Some(STANDARD.encode(signature))
            }
            // RFC 8463 section 3: the hash is what is signed.
            Self::Ed25519(pair) => Some(STANDARD.encode(pair.sign(&Sha256::digest(data)))),
        }
    }
}
