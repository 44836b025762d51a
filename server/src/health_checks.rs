//! The task of `postern serve` and `postern deliver` that checks the health of relays.

use engine::Postern;
use tokio::sync::watch;

/// Checks relays until `stopped` is true. Of several processes on one database, one checks each relay.
pub fn start(postern: &Postern, mut stopped: watch::Receiver<bool>) {
    let health = postern.health().clone();
    tokio::spawn(async move {
        let stop = async {
            drop(stopped.wait_for(|stop| *stop).await);
        };
        health.run(stop).await;
    });
}
