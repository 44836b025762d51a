//! An authenticator in software, with the browser in front of it (Web Authentication Level 2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

/// What stands before the point of a P-256 key in its `SubjectPublicKeyInfo`.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// What stands before an Ed25519 key.
const ED25519_PREFIX: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// An authenticator with one credential. Its public fields are what a hostile page or a clone would change.
pub struct Authenticator {
    key: Key,
    id: [u8; 16],
    /// The relying party that it signs for.
    pub relying_party: String,
    /// The origin of the page.
    pub origin: String,
    /// Whether the page is in a frame of another site.
    pub cross_origin: bool,
    /// Whether somebody touches it.
    pub user_present: bool,
    /// How often it has signed; it does not count where this is `None`.
    pub sign_count: Option<u32>,
}

impl Authenticator {
    /// An authenticator with a P-256 key.
    pub fn new(relying_party: &str, origin: &str) -> Self {
        let random = SystemRandom::new();
        let signing = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = EcdsaKeyPair::generate_pkcs8(signing, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(signing, key.as_ref(), &random).expect("a key");
        let mut id = [0; 16];
        random.fill(&mut id).expect("octets");
        Self {
            key: Key::P256(key),
            id,
            relying_party: relying_party.to_owned(),
            origin: origin.to_owned(),
            cross_origin: false,
            user_present: true,
            sign_count: Some(0),
        }
    }

    /// The same with an Ed25519 key.
    #[must_use]
    pub fn with_ed25519(mut self) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        self.key = Key::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key"));
        self
    }

    /// The id of the credential, in base64url.
    pub fn id(&self) -> String {
        BASE64URL.encode(self.id)
    }

    /// The public key, a `SubjectPublicKeyInfo`.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            Key::P256(key) => [P256_PREFIX, key.public_key().as_ref()].concat(),
            Key::Ed25519(key) => [ED25519_PREFIX, key.public_key().as_ref()].concat(),
        }
    }

    /// The answer to a registration with this challenge, as browsers write it in JSON.
    pub fn register(&mut self, challenge: &str) -> String {
        let mut data = self.data(0x40);
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(self.id);
        // An empty map in the place of the COSE key, which Postern does not read.
        data.push(0xa0);
        let client_data = self.client_data("webauthn.create", challenge);
        format!(
            r#"{{"id":"{}","response":{{"clientDataJSON":"{}","authenticatorData":"{}","publicKey":"{}"}}}}"#,
            self.id(),
            BASE64URL.encode(client_data),
            BASE64URL.encode(data),
            BASE64URL.encode(self.public_key())
        )
    }

    /// The answer to an assertion with this challenge.
    pub fn sign(&mut self, challenge: &str) -> String {
        let data = self.data(0);
        let client_data = self.client_data("webauthn.get", challenge);
        let signed = [&data[..], digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
        let signature = match &self.key {
            Key::P256(key) => {
                let signature = key.sign(&SystemRandom::new(), &signed);
                signature.expect("signs").as_ref().to_vec()
            }
            Key::Ed25519(key) => key.sign(&signed).as_ref().to_vec(),
        };
        format!(
            r#"{{"id":"{}","response":{{"clientDataJSON":"{}","authenticatorData":"{}","signature":"{}"}}}}"#,
            self.id(),
            BASE64URL.encode(client_data),
            BASE64URL.encode(data),
            BASE64URL.encode(signature)
        )
    }

    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.sign_count = self.sign_count.map(|count| count + 1);
        let mut data = digest(&SHA256, self.relying_party.as_bytes())
            .as_ref()
            .to_vec();
        data.push(flags | u8::from(self.user_present));
        data.extend(self.sign_count.unwrap_or_default().to_be_bytes());
        data
    }

    fn client_data(&self, kind: &str, challenge: &str) -> String {
        format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{}","crossOrigin":{}}}"#,
            self.origin, self.cross_origin
        )
    }
}
