//! A cache of API tokens, so that frequent requests do not each query the database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use crate::store::accounts::tokens::Token;

/// How long a token is cached. A token that is revoked on another node stays valid here for as
/// long.
const LIFETIME: Duration = Duration::from_secs(1);

/// The maximum number of tokens in the cache. A full cache is emptied.
const MOST: usize = 10_000;

/// Cached tokens, and when their last use was written.
#[derive(Default)]
pub struct TokenCache {
    /// By digest.
    known: Mutex<HashMap<String, KnownToken>>,
    /// The last use that this process wrote, by the id of the token.
    touched: Mutex<HashMap<String, Timestamp>>,
}

/// A token, and when it was looked up.
struct KnownToken {
    found_at: Instant,
    token: Arc<Token>,
}

impl TokenCache {
    fn known(&self) -> MutexGuard<'_, HashMap<String, KnownToken>> {
        self.known.lock()
    }

    /// The token with this digest, if it was looked up within [`LIFETIME`].
    pub fn find(&self, digest: &str) -> Option<Arc<Token>> {
        let known = self.known();
        let KnownToken { found_at, token } = known.get(digest)?;
        (found_at.elapsed() < LIFETIME).then(|| token.clone())
    }

    /// Caches a token that was looked up in the database.
    pub fn remember(&self, digest: String, token: Arc<Token>) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        let found_at = Instant::now();
        known.insert(digest, KnownToken { found_at, token });
    }

    /// Whether to write the last use of a token: this process did not write one after `before`.
    pub fn touch(&self, id: &str, now: Timestamp, before: Timestamp) -> bool {
        let mut touched = self.touched.lock();
        if touched.get(id).is_some_and(|last| *last > before) {
            return false;
        }
        touched.retain(|_, last| *last > before);
        touched.insert(id.to_owned(), now);
        true
    }

    /// Empties the cache.
    pub fn forget(&self) {
        self.known().clear();
    }
}
