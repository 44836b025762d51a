//! Waiting for a condition, with a deadline that prints what was seen last.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task_local;
use tokio::time::{Instant, sleep, timeout};

/// How long any wait may take: far longer than a slow machine needs.
const DEADLINE: Duration = Duration::from_secs(90);

/// How long a story may take, whatever it waits for.
const STORY_DEADLINE: Duration = Duration::from_secs(600);

/// The time between the first two probes, which doubles with each until [`LONGEST_PAUSE`]: most conditions hold
/// within milliseconds, and the probes of longer waits would take the processor from the other stories.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// The longest time between two probes.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

task_local! {
    /// The last wait of the story, and whether it ended.
    static LAST_WAIT: Arc<Mutex<String>>;
}

/// Notes a wait. Tasks that the story starts have no note.
fn note(wait: String) {
    let _ = LAST_WAIT.try_with(|last| *last.lock() = wait);
}

fn last_wait() -> String {
    let last = LAST_WAIT.try_with(|last| last.lock().clone());
    last.unwrap_or_default()
}

/// Probes until the result is `Ok`, and returns its value.
///
/// # Panics
/// After 90 s, with the last error.
pub async fn wait_for<T, S: Debug>(
    condition: &str,
    mut probe: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    note(format!("{condition}, which has not come"));
    let mut pause = FIRST_PAUSE;
    loop {
        match probe().await {
            Ok(value) => {
                note(format!("{condition}, which came"));
                return value;
            }
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {DEADLINE:?} for {condition}; last seen: {seen:#?}")
            }
            Err(_) => {
                sleep(pause).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

/// The value of a future that ends by itself.
///
/// # Panics
/// After 90 s, with the wait before.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = timeout(DEADLINE, future).await;
    ended.unwrap_or_else(|_| {
        let before = last_wait();
        panic!("waited {DEADLINE:?} for {what}; the wait before was for {before}")
    })
}

/// Runs a story.
///
/// # Panics
/// After 10 minutes, with the last wait of the story.
pub async fn run(story: impl Future<Output = ()>) {
    let last = Arc::new(Mutex::new("nothing".to_owned()));
    let story = LAST_WAIT.scope(Arc::clone(&last), Box::pin(story));
    let ended = timeout(STORY_DEADLINE, story).await;
    let last = last.lock().clone();
    assert!(
        ended.is_ok(),
        "the story did not end within {STORY_DEADLINE:?}; the last wait was for {last}"
    );
}
