//! Secrets and signatures of webhooks, by the Standard Webhooks specification.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// The octets of a secret.
const SECRET: usize = 32;

/// A new secret: `whsec_` and 32 random octets in Base64.
pub fn new_secret() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; SECRET]);
    OsRng.fill_bytes(&mut *bytes);
    let encoded = Zeroizing::new(STANDARD.encode(*bytes));
    Zeroizing::new(format!("{PREFIX}{}", *encoded))
}

/// The value of the header `webhook-signature`; `None` where the secret is malformed. `timestamp` is in
/// seconds.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = secret.strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example of the reference implementations.
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Some(expected));
        assert_eq!(sign("MfKQ9r8G", "msg", 0, ""), None);
    }

    #[test]
    fn secrets_differ_and_can_sign() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(*one, *other);
        assert_eq!(one.len(), PREFIX.len() + 44);
        assert_ne!(sign(&one, "msg", 0, ""), sign(&other, "msg", 0, ""));
    }
}
