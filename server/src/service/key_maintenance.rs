//! The task of `postern serve` and `postern deliver` that follows keys and seals values anew.

use engine::Postern;
use tokio::sync::watch;

/// Maintains the keys until `stopped` is true.
pub fn start(postern: &Postern, mut stopped: watch::Receiver<bool>) {
    let keys = postern.sealing_keys().clone();
    tokio::spawn(async move {
        let stop = async {
            drop(stopped.wait_for(|stop| *stop).await);
        };
        keys.run(stop).await;
    });
}
