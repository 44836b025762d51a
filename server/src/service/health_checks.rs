//! The task of `postern serve` and `postern deliver` that checks the health of relays.

use engine::Postern;
use tokio::sync::watch;

use crate::cli::HealthArgs;

/// Checks relays until `stopped` is true. Of several processes on one database, one checks each relay.
pub fn start(postern: &Postern, how: HealthArgs, mut stopped: watch::Receiver<bool>) {
    if how.no_health_checks {
        return;
    }
    let health = postern.health().clone();
    tokio::spawn(async move {
        let stop = async {
            drop(stopped.wait_for(|stop| *stop).await);
        };
        health.run(stop).await;
    });
}
