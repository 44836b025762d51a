//! API tokens looked up within the last second, by their digests: programs ask often.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::store::tokens::Token;

/// How long a token is cached. For as long it still works on this node after it was revoked on
/// another.
const LIFETIME: Duration = Duration::from_secs(1);

/// The most tokens in the cache.
const MOST: usize = 10_000;

/// The cache, by the digests of tokens.
#[derive(Default)]
pub struct TokenCache(Mutex<HashMap<String, (Instant, Token)>>);

impl TokenCache {
    fn known(&self) -> MutexGuard<'_, HashMap<String, (Instant, Token)>> {
        self.0.lock()
    }

    /// The token with this digest, if it was looked up recently.
    pub fn find(&self, digest: &str) -> Option<Token> {
        let known = self.known();
        let (found, token) = known.get(digest)?;
        (found.elapsed() < LIFETIME).then(|| token.clone())
    }

    /// Adds a token that was looked up.
    pub fn remember(&self, digest: String, token: Token) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest, (Instant::now(), token));
    }

    /// Empties the cache.
    pub fn forget(&self) {
        self.known().clear();
    }
}
