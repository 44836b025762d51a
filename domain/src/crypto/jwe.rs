//! JWE compact serialisation (RFC 7516 section 7.1) with A256GCM content (RFC 7518 section 5.3).
//!
//! The browser seals with [`seal_for`]; the engine, which holds the keys, opens. Randomness comes in
//! as an argument.

use std::str::FromStr;

use aes_gcm::aead::{AeadInPlace, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use rand_core::CryptoRngCore;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Oaep, RsaPublicKey};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The maximum length of a token in bytes. A password of 245 characters, its header and its key fit
/// in 2 KiB.
pub const TOKEN_MAX: usize = 4096;

/// A 256-bit content key.
pub type ContentKey = Zeroizing<[u8; 32]>;

/// An error of sealing or opening a token. It reveals nothing about the key or the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JweError {
    /// The token is not five base64url parts with a JSON object as header.
    NotAToken,
    /// The header names an unsupported algorithm or extension.
    Algorithm,
    /// The key does not open the token, or the token was changed.
    Sealed,
}

/// The key management algorithm (RFC 7518 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// The content key is encrypted with RSA-OAEP and SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// The content key is shared in advance.
    #[serde(rename = "dir")]
    Direct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Encryption {
    A256GCM,
}

/// The protected header: authenticated with the content, not encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The key management algorithm.
    pub alg: Algorithm,
    enc: Encryption,
    /// The identifier of the key.
    pub kid: String,
    /// The scope of the row that a value at rest is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The label of the row that a value at rest is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The critical extensions. A header with this member is refused: none is supported (RFC 7516
    /// section 4.1.13).
    #[serde(default, skip_serializing)]
    crit: Option<serde_json::Value>,
    /// The compression algorithm. A header with this member is refused: compression is not supported.
    #[serde(default, skip_serializing)]
    zip: Option<serde_json::Value>,
}

impl Header {
    /// The header of a value sealed with [`seal_for`].
    pub fn rsa(kid: &str) -> Self {
        Self::new(Algorithm::RsaOaep256, kid)
    }

    /// The header of a value at rest, bound to the row `scope`, `label`.
    pub fn direct(kid: &str, scope: &str, label: &str) -> Self {
        Self {
            scope: Some(scope.to_owned()),
            label: Some(label.to_owned()),
            ..Self::new(Algorithm::Direct, kid)
        }
    }

    fn new(alg: Algorithm, kid: &str) -> Self {
        let kid = kid.to_owned();
        Self {
            alg,
            enc: Encryption::A256GCM,
            kid,
            scope: None,
            label: None,
            crit: None,
            zip: None,
        }
    }
}

/// A public key as a bare JWK (RFC 7517, RFC 7518 section 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(example = json!({
        "kty": "RSA",
        "use": "enc",
        "alg": "RSA-OAEP-256",
        "kid": "01M3XT1500C7D9E1F3G5H7J9K7",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z…",
        "e": "AQAB",
    }))
)]
pub struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: String,
    alg: String,
    /// The identifier of the key.
    pub kid: String,
    n: String,
    e: String,
}

impl Jwk {
    /// Encodes a public key.
    pub fn new(kid: &str, key: &RsaPublicKey) -> Self {
        Self {
            kty: "RSA".to_owned(),
            usage: "enc".to_owned(),
            alg: "RSA-OAEP-256".to_owned(),
            kid: kid.to_owned(),
            n: BASE64URL.encode(key.n().to_bytes_be()),
            e: BASE64URL.encode(key.e().to_bytes_be()),
        }
    }

    fn key(&self) -> Result<RsaPublicKey, JweError> {
        let number = |text: &str| {
            BASE64URL
                .decode(text)
                .map(|bytes| BigUint::from_bytes_be(&bytes))
                .map_err(|_| JweError::NotAToken)
        };
        RsaPublicKey::new(number(&self.n)?, number(&self.e)?).map_err(|_| JweError::NotAToken)
    }
}

/// Seals `plaintext` for the holder of the private key of `key`.
///
/// # Errors
/// [`JweError::NotAToken`] when `key` is not an RSA key, [`JweError::Sealed`] when encryption fails.
pub fn seal_for(
    key: &Jwk,
    plaintext: &[u8],
    rng: &mut impl CryptoRngCore,
) -> Result<String, JweError> {
    let mut content_key = ContentKey::default();
    rng.fill_bytes(content_key.as_mut());
    let encrypted_key = key
        .key()?
        .encrypt(rng, Oaep::new::<Sha256>(), content_key.as_ref())
        .map_err(|_| JweError::Sealed)?;
    seal(
        &Header::rsa(&key.kid),
        &encrypted_key,
        &content_key,
        plaintext,
        rng,
    )
}

/// Seals `plaintext` with a content key. `encrypted_key` is empty with [`Algorithm::Direct`].
///
/// # Errors
/// [`JweError::Sealed`] when encryption fails.
pub fn seal(
    header: &Header,
    encrypted_key: &[u8],
    content_key: &ContentKey,
    plaintext: &[u8],
    rng: &mut impl CryptoRngCore,
) -> Result<String, JweError> {
    let protected = BASE64URL.encode(serde_json::to_vec(header).map_err(|_| JweError::NotAToken)?);
    let mut iv = [0; 12];
    rng.fill_bytes(&mut iv);
    let mut content = plaintext.to_vec();
    let tag = cipher(content_key)
        .encrypt_in_place_detached(Nonce::from_slice(&iv), protected.as_bytes(), &mut content)
        .map_err(|_| JweError::Sealed)?;
    Ok([
        protected,
        BASE64URL.encode(encrypted_key),
        BASE64URL.encode(iv),
        BASE64URL.encode(content),
        BASE64URL.encode(tag),
    ]
    .join("."))
}

/// A parsed token, still sealed.
#[derive(Debug)]
pub struct Token {
    /// The protected header.
    pub header: Header,
    /// The encrypted content key; empty with [`Algorithm::Direct`].
    pub encrypted_key: Vec<u8>,
    protected: String,
    iv: [u8; 12],
    content: Vec<u8>,
    tag: [u8; 16],
}

impl FromStr for Token {
    type Err = JweError;

    fn from_str(text: &str) -> Result<Self, JweError> {
        if text.len() > TOKEN_MAX {
            return Err(JweError::NotAToken);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [protected, encrypted_key, iv, content, tag] = parts[..] else {
            return Err(JweError::NotAToken);
        };
        let decode = |part: &str| BASE64URL.decode(part).map_err(|_| JweError::NotAToken);
        let header: serde_json::Value =
            serde_json::from_slice(&decode(protected)?).map_err(|_| JweError::NotAToken)?;
        if !header.is_object() {
            return Err(JweError::NotAToken);
        }
        let header: Header = serde_json::from_value(header).map_err(|_| JweError::Algorithm)?;
        if header.crit.is_some() || header.zip.is_some() {
            return Err(JweError::Algorithm);
        }
        Ok(Self {
            header,
            encrypted_key: decode(encrypted_key)?,
            protected: protected.to_owned(),
            iv: decode(iv)?.try_into().map_err(|_| JweError::NotAToken)?,
            content: decode(content)?,
            tag: decode(tag)?.try_into().map_err(|_| JweError::NotAToken)?,
        })
    }
}

impl Token {
    /// Decrypts and authenticates the content.
    ///
    /// # Errors
    /// [`JweError::Sealed`] when another key sealed it or any part was changed.
    pub fn open(mut self, content_key: &ContentKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let mut content = Zeroizing::new(std::mem::take(&mut self.content));
        cipher(content_key)
            .decrypt_in_place_detached(
                Nonce::from_slice(&self.iv),
                self.protected.as_bytes(),
                content.as_mut_slice(),
                Tag::from_slice(&self.tag),
            )
            .map_err(|_| JweError::Sealed)?;
        Ok(content)
    }
}

fn cipher(key: &ContentKey) -> Aes256Gcm {
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.as_ref()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::OsRng;

    use super::*;

    fn key() -> ContentKey {
        Zeroizing::new([7; 32])
    }

    fn sealed() -> String {
        seal(
            &Header::direct("k1", "global", "smtp_password"),
            b"",
            &key(),
            b"hunter2",
            &mut OsRng,
        )
        .expect("seals")
    }

    #[test]
    fn a_sealed_value_opens_with_its_key_only() {
        let open = |key: ContentKey| sealed().parse::<Token>().expect("parses").open(&key);
        assert_eq!(open(key()).expect("opens").as_slice(), b"hunter2");
        assert_eq!(open(Zeroizing::new([8; 32])).err(), Some(JweError::Sealed));
    }

    #[test]
    fn a_change_anywhere_is_seen() {
        let token = sealed();
        let parts: Vec<&str> = token.split('.').collect();
        let other = Header::direct("k1", "global", "smtp_username");
        let moved = BASE64URL.encode(serde_json::to_vec(&other).expect("serialises"));
        for (index, part) in [
            (0, moved.as_str()),
            (2, "AAAAAAAAAAAAAAAA"),
            (3, "AAAAAAAAAA"),
            (4, "AAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            let mut parts = parts.clone();
            parts[index] = part;
            let opened = parts
                .join(".")
                .parse::<Token>()
                .expect("parses")
                .open(&key());
            assert_eq!(opened.err(), Some(JweError::Sealed), "part {index}");
        }
    }

    #[test]
    fn other_tokens_are_refused() {
        let with = |header: &str| {
            format!(
                "{}..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA",
                BASE64URL.encode(header)
            )
        };
        for (token, error) in [
            ("hunter2".to_owned(), JweError::NotAToken),
            ("a.b.c".to_owned(), JweError::NotAToken),
            (with("not json"), JweError::NotAToken),
            (
                with(r#"{"alg":"RSA1_5","enc":"A256GCM","kid":"k"}"#),
                JweError::Algorithm,
            ),
            (
                with(r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k"}"#),
                JweError::Algorithm,
            ),
            (
                with(r#"{"alg":"dir","enc":"A128CBC-HS256","kid":"k"}"#),
                JweError::Algorithm,
            ),
            (
                with(r#"{"alg":"dir","enc":"A256GCM","kid":"k","crit":["exp"],"exp":1}"#),
                JweError::Algorithm,
            ),
            (
                with(r#"{"alg":"dir","enc":"A256GCM","kid":"k","zip":"DEF"}"#),
                JweError::Algorithm,
            ),
            (format!("{}A", "A".repeat(TOKEN_MAX)), JweError::NotAToken),
        ] {
            assert_eq!(token.parse::<Token>().err(), Some(error), "{token:.60}");
        }
        assert!(
            with(r#"{"alg":"dir","enc":"A256GCM","kid":"k","typ":"JWE"}"#)
                .parse::<Token>()
                .is_ok()
        );
    }

    #[test]
    fn the_longest_password_of_any_script_fits_a_token() {
        let private = rsa::RsaPrivateKey::new(&mut OsRng, 1024).expect("a small key is quick");
        let jwk = Jwk::new("k", &private.to_public_key());
        let password = "\u{10ffff}".repeat(crate::settings::form::PASSWORD_MAX);
        let token = seal_for(&jwk, password.as_bytes(), &mut OsRng).expect("seals");
        assert!(token.len() + 512 < TOKEN_MAX, "{}", token.len());
        let token: Token = token.parse().expect("parses");
        let unwrapped = private
            .decrypt(Oaep::new::<Sha256>(), &token.encrypted_key)
            .expect("unwraps");
        let content_key: [u8; 32] = unwrapped.try_into().expect("32 bytes");
        assert_eq!(
            token
                .open(&Zeroizing::new(content_key))
                .expect("opens")
                .as_slice(),
            password.as_bytes()
        );
    }

    #[test]
    fn the_length_limit_is_exact() {
        let token = |length: usize| {
            let rest = ".AAAA.AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA";
            let header = BASE64URL.encode(br#"{"alg":"dir","enc":"A256GCM","kid":"k"}"#);
            let filler = "A".repeat(length - header.len() - rest.len());
            format!("{header}.{filler}{}", &rest[1..])
        };
        assert!(token(TOKEN_MAX).parse::<Token>().is_ok());
        assert_eq!(
            token(TOKEN_MAX + 4).parse::<Token>().err(),
            Some(JweError::NotAToken)
        );
    }

    #[test]
    fn a_value_at_rest_names_its_row() {
        let token: Token = sealed().parse().expect("parses");
        assert_eq!(
            token.header,
            Header::direct("k1", "global", "smtp_password")
        );
        assert_eq!(token.header.scope.as_deref(), Some("global"));
        assert_eq!(token.header.label.as_deref(), Some("smtp_password"));
        assert!(token.encrypted_key.is_empty());
    }

    #[test]
    fn two_seals_share_no_initialisation_vector() {
        let part = |token: String| token.split('.').nth(2).map(str::to_owned);
        assert_ne!(part(sealed()), part(sealed()));
    }

    #[test]
    fn an_invalid_key_seals_nothing() {
        let jwk: Jwk = serde_json::from_str(
            r#"{"kty":"RSA","use":"enc","alg":"RSA-OAEP-256","kid":"k","n":"AQ","e":"AQAB"}"#,
        )
        .expect("deserialises");
        assert!(seal_for(&jwk, b"hunter2", &mut OsRng).is_err());
    }

    proptest! {
        #[test]
        fn any_content_opens_unchanged(content in any::<Vec<u8>>(), key in any::<[u8; 32]>()) {
            let key = Zeroizing::new(key);
            let token = seal(&Header::rsa("k"), b"key", &key, &content, &mut OsRng).expect("seals");
            let token: Token = token.parse().expect("parses");
            prop_assert_eq!(&token.header, &Header::rsa("k"));
            prop_assert_eq!(token.encrypted_key.as_slice(), b"key");
            let opened = token.open(&key).expect("opens");
            prop_assert_eq!(opened.as_slice(), content.as_slice());
        }

        #[test]
        fn one_changed_character_is_noticed(at in any::<prop::sample::Index>(), new in "[A-Za-z0-9_.-]") {
            let mut token = sealed();
            let at = at.index(token.len());
            prop_assume!(token[at..=at] != new);
            token.replace_range(at..=at, &new);
            let opened = token.parse::<Token>().and_then(|token| token.open(&key()));
            prop_assert!(opened.is_err());
        }

        #[test]
        fn any_text_parses_or_is_refused(text in prop_oneof!["[A-Za-z0-9_=.-]{0,200}", any::<String>()]) {
            let _ = text.parse::<Token>();
        }
    }
}
