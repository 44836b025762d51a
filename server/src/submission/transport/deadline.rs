//! A timer that is cheap to move into the future: it is armed again only when it fires too early.

use std::pin::Pin;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a session.
pub struct Deadline {
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub fn new(at: Instant) -> Self {
        Self {
            timer: Box::pin(sleep_until(at)),
        }
    }

    /// Waits until `at`.
    pub async fn passed(&mut self, at: Instant) {
        if self.timer.deadline() > at {
            self.timer.as_mut().reset(at);
        }
        loop {
            self.timer.as_mut().await;
            if Instant::now() >= at {
                return;
            }
            self.timer.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_passes_at_its_last_time() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut deadline = Deadline::new(at(5));
        deadline.passed(at(9)).await;
        assert_eq!(begun.elapsed().as_secs(), 9);
        deadline.passed(at(12)).await;
        assert_eq!(begun.elapsed().as_secs(), 12);
        let mut deadline = Deadline::new(at(100));
        deadline.passed(at(20)).await;
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}
