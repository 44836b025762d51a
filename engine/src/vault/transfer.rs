//! Keys of operators that exported passwords are sealed for, and opened with, as PEM (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64URL};
use domain::crypto::jwe::{Algorithm, ContentKey, Jwk, Token, seal_for};
use domain::crypto::pem;
use domain::{Kind, Label, Refusal};
use rand::rngs::OsRng;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The smallest key, in octets of its modulus: 2048 bits.
const MODULUS_MIN: usize = 256;

const NOT_PUBLIC: &str = "This is not an RSA public key in PEM (“BEGIN PUBLIC KEY”) of 2048 to 4096 bits. \
                          Make one with: openssl genrsa -out import.pem 3072, and openssl pkey -in \
                          import.pem -pubout -out export.pem.";

const NOT_PRIVATE: &str = "This is not an RSA private key in PEM without a passphrase (“BEGIN PRIVATE KEY”, \
                           PKCS #8). Convert one with: openssl pkcs8 -topk8 -nocrypt -in KEY.";

/// The public key that passwords of an export are sealed for.
pub struct ExportKey(Jwk);

impl ExportKey {
    /// Reads a public key in PEM (`SubjectPublicKeyInfo`).
    ///
    /// # Errors
    /// [`Kind::Invalid`] if it is not an RSA key of 2048 to 4096 bits.
    pub fn from_pem(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new(Kind::Invalid, NOT_PUBLIC);
        let der = der(text, "PUBLIC KEY").ok_or_else(refused)?;
        let key = RsaPublicKey::from_public_key_der(&der).map_err(|_| refused())?;
        if key.size() < MODULUS_MIN {
            return Err(refused());
        }
        let kid = fingerprint(&key).ok_or_else(refused)?;
        Ok(Self(Jwk::new(&kid, &key)))
    }

    /// The SHA-256 fingerprint of the key, base64url.
    pub fn fingerprint(&self) -> &str {
        &self.0.kid
    }

    /// Seals a value for this key.
    ///
    /// # Errors
    /// [`Kind::Internal`](domain::Kind::Internal) where the value cannot be encrypted.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<String, Refusal> {
        let sealed = seal_for(&self.0, plaintext, &mut OsRng);
        sealed.map_err(|_| Refusal::internal())
    }
}

/// The private key of an [`ExportKey`].
pub struct ImportKey {
    kid: String,
    private: RsaPrivateKey,
}

impl ImportKey {
    /// Reads a private key in PEM (PKCS #8) without a passphrase.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if it is not an RSA key.
    pub fn from_pem(text: &str) -> Result<Self, Refusal> {
        let refused = || Refusal::new(Kind::Invalid, NOT_PRIVATE);
        let der = der(text, "PRIVATE KEY").ok_or_else(refused)?;
        let private = RsaPrivateKey::from_pkcs8_der(&der).map_err(|_| refused())?;
        let kid = fingerprint(&private.to_public_key()).ok_or_else(refused)?;
        Ok(Self { kid, private })
    }

    /// Opens a value.
    ///
    /// # Errors
    /// A fault under `smtp_password` if it was sealed for another key, or changed.
    pub(crate) fn open(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let refused = |text: &str| Refusal::field(Label::Password, text);
        let token: Token = sealed
            .parse()
            .map_err(|_| refused("This is not a sealed password (JWE)."))?;
        if token.header.alg != Algorithm::RsaOaep256 || token.header.kid != self.kid {
            return Err(refused(
                "The password is sealed for another key than the private key that was given.",
            ));
        }
        let damaged = || refused("The sealed password was changed since it was exported.");
        let unwrapped = self
            .private
            .decrypt_blinded(&mut OsRng, Oaep::new::<Sha256>(), &token.encrypted_key)
            .map(Zeroizing::new)
            .map_err(|_| damaged())?;
        let content_key: [u8; 32] = unwrapped.as_slice().try_into().map_err(|_| damaged())?;
        let opened = token.open(&ContentKey::new(content_key));
        opened.map_err(|_| damaged())
    }
}

/// The SHA-256 fingerprint of a public key.
fn fingerprint(key: &RsaPublicKey) -> Option<String> {
    let der = key.to_public_key_der().ok()?;
    Some(BASE64URL.encode(Sha256::digest(der.as_bytes())))
}

/// The content of the first PEM block with this label.
fn der(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let blocks = pem::blocks(text)?;
    let block = blocks.into_iter().find(|block| block.label == label)?;
    let body: Zeroizing<String> = Zeroizing::new(block.body.split_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use rsa::pkcs8::EncodePrivateKey;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    }

    /// A pair as PEM: the public and the private key. Generating one takes a second.
    fn pair() -> &'static [String; 2] {
        static PAIR: OnceLock<[String; 2]> = OnceLock::new();
        PAIR.get_or_init(|| {
            let private = RsaPrivateKey::new(&mut OsRng, 2048).expect("a key");
            let public = private.to_public_key().to_public_key_der();
            let public = public.expect("encodes");
            let private = private.to_pkcs8_der().expect("encodes");
            [
                pem("PUBLIC KEY", public.as_bytes()),
                pem("PRIVATE KEY", private.as_bytes()),
            ]
        })
    }

    #[test]
    fn a_value_opens_with_the_private_key_of_its_public_key() {
        let [public, private] = pair();
        let sealing = ExportKey::from_pem(public).expect("a key");
        let opening = ImportKey::from_pem(private).expect("a key");
        assert_eq!(sealing.fingerprint(), opening.kid);
        let sealed = sealing.seal(b"hunter2").expect("seals");
        assert!(!sealed.contains("hunter2"));
        let opened = opening.open(&sealed).expect("opens");
        assert_eq!(opened.as_slice(), b"hunter2");
        let mut changed = sealed.clone();
        let last = changed.pop().expect("a character");
        changed.push(if last == 'A' { 'Q' } else { 'A' });
        for wrong in [changed.as_str(), "hunter2", "a.b.c.d.e"] {
            let refusal = opening.open(wrong).expect_err("refused");
            assert!(refusal.fields.contains_key("smtp_password"));
        }
        let other = ImportKey {
            kid: "other".to_owned(),
            private: opening.private.clone(),
        };
        let refusal = other.open(&sealed).expect_err("of another key");
        assert!(refusal.text().contains("another key"));
    }

    #[test]
    fn other_files_are_refused_with_the_repair() {
        let [public, private] = pair();
        for wrong in ["", "hunter2", private] {
            let refusal = ExportKey::from_pem(wrong).err().expect("refused");
            assert!(refusal.text().contains("openssl"), "{refusal}");
        }
        for wrong in ["", "hunter2", public] {
            let refusal = ImportKey::from_pem(wrong).err().expect("refused");
            assert!(refusal.text().contains("openssl"), "{refusal}");
        }
    }
}
