//! Waiting for a condition, with a deadline that prints what was seen last.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long any wait may take: far longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

/// How long a story may take, whatever it waits for.
const STORY_DEADLINE: Duration = Duration::from_secs(600);

/// The time between two probes.
const INTERVAL: Duration = Duration::from_millis(2);

/// Probes until the result is `Ok`, and returns its value.
///
/// # Panics
/// After 90 s, with the last error.
pub async fn wait_for<T, S: Debug>(
    condition: &str,
    mut probe: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {DEADLINE:?} for {condition}; last seen: {seen:#?}")
            }
            Err(_) => sleep(INTERVAL).await,
        }
    }
}

/// The value of a future that ends by itself.
///
/// # Panics
/// After 90 s.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = timeout(DEADLINE, future).await;
    ended.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}

/// Runs a story.
///
/// # Panics
/// After 10 minutes.
pub async fn run(story: impl Future<Output = ()>) {
    let ended = timeout(STORY_DEADLINE, Box::pin(story)).await;
    assert!(ended.is_ok(), "the story hangs since {STORY_DEADLINE:?}");
}
