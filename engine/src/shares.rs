//! Places that are taken by key, such as an account: limited for each key and in all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// The number of places that each key has. Cheap to clone.
pub struct Shares<K>(Arc<Mutex<HashMap<K, usize>>>);

/// The most places of one key, and of all keys together.
#[derive(Clone, Copy, Debug)]
pub struct ShareLimit {
    /// Of one key.
    pub own: usize,
    /// Of all keys.
    pub all: usize,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullShare {
    /// The key has as many places as it may.
    Own,
    /// All places are taken.
    All,
}

/// One place, until it is dropped.
pub struct Share<K: Hash + Eq> {
    shares: Shares<K>,
    key: K,
}

impl<K> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// Takes a place.
    ///
    /// # Errors
    /// [`FullShare`] at the limit.
    pub fn take(&self, key: K, limit: ShareLimit) -> Result<Share<K>, FullShare> {
        let mut taken = self.0.lock();
        let own = taken.get(&key).copied().unwrap_or(0);
        if own >= limit.own {
            return Err(FullShare::Own);
        }
        if taken.values().sum::<usize>() >= limit.all {
            return Err(FullShare::All);
        }
        taken.insert(key.clone(), own + 1);
        drop(taken);
        Ok(Share {
            shares: self.clone(),
            key,
        })
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.0.lock();
        if let Some(own) = taken.get_mut(&self.key) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_for_each_key_and_in_all() {
        let shares = Shares::default();
        let limit = ShareLimit { own: 2, all: 4 };
        let take = |key| shares.take(key, limit);
        let held = ["a", "a", "b"].map(|key| take(key).ok());
        assert!(held.iter().all(Option::is_some));
        assert_eq!(take("a").err(), Some(FullShare::Own));
        let last = take("c").ok();
        assert_eq!(take("d").err(), Some(FullShare::All));
        drop(last);
        assert!(take("b").is_ok());
        drop(held);
        assert!(shares.0.lock().is_empty());
    }
}
