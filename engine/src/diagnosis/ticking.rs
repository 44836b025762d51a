//! The seconds of a run: told while it lasts, so that somebody notices who has gone.

use std::time::Duration;

use tokio::time::{Instant, interval};

/// Awaits `work`, and calls `tick` with every whole second since now.
pub(super) async fn ticking<T>(work: impl Future<Output = T>, tick: impl Fn(u64)) -> T {
    let begun = Instant::now();
    tokio::pin!(work);
    let mut second = interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            _ = second.tick() => tick(begun.elapsed().as_secs()),
        }
    }
}
