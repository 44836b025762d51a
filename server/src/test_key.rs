//! The key pair that tests share: generating one takes a second of processor time.

use std::sync::LazyLock;

use engine::BROWSER_KEY_BITS;
use rand::rngs::OsRng;
use rsa::RsaPrivateKey;

static KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, BROWSER_KEY_BITS).expect("a key"));

/// The key pair that browsers seal passwords for.
pub fn browser_key() -> RsaPrivateKey {
    KEY.clone()
}
