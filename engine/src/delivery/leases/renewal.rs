//! The renewal of the leases that a worker holds, while their messages wait or are delivered.

use tokio::time::{Instant, sleep};

use crate::delivery::worker::Worker;
use crate::outbox::WriteRequest;

impl Worker {
    /// Renews all leases three times in their length, for as long as it is polled.
    pub async fn renew_leases(&self) {
        loop {
            sleep(self.config.lease / 3).await;
            self.renew_leases_once().await;
        }
    }

    async fn renew_leases_once(&self) {
        let keys = self.pool.leases.keys();
        if keys.is_empty() {
            return;
        }
        let request = WriteRequest::Renew {
            lease: self.new_lease(),
            keys,
        };
        let since = Instant::now();
        if let Ok(written) = self.write(request).await {
            self.pool.leases.renewed(&written.renewed, since);
        }
    }
}
