//! The networks of administrators in memory, so that requests do not each query the database.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::list::NetworkList;

/// How long the networks are cached. A change by another process is followed after as long.
const LIFETIME: Duration = Duration::from_secs(1);

/// The networks, and when they were read.
#[derive(Default)]
pub struct NetworkCache(Mutex<Option<(Instant, Arc<NetworkList>)>>);

impl NetworkCache {
    /// The networks, if they were read within [`LIFETIME`] before `now`.
    pub fn find(&self, now: Instant) -> Option<Arc<NetworkList>> {
        let cached = self.0.lock();
        let (read_at, networks) = cached.as_ref()?;
        let is_recent = now.saturating_duration_since(*read_at) < LIFETIME;
        is_recent.then(|| networks.clone())
    }

    /// Caches networks that were read at `now`.
    pub fn remember(&self, now: Instant, networks: Arc<NetworkList>) {
        *self.0.lock() = Some((now, networks));
    }

    /// Empties the cache.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }
}
