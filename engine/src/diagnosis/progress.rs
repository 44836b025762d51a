//! Event streams that drive a run, and ticks each second that reveal a disconnected client.

use std::time::Duration;

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::time::{Instant, interval};

/// The events that `run` sends. The stream drives `run`: dropping the stream drops the run as well.
pub(super) fn stream_of<E, F>(
    run: impl FnOnce(UnboundedSender<E>) -> F,
) -> impl Stream<Item = E> + Send
where
    E: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (events, received) = unbounded();
    let running = run(events).into_stream().filter_map(async |()| None);
    stream::select(received, running.boxed())
}

/// Awaits `work`, and calls `tick` each second with the number of seconds that have passed.
pub(super) async fn with_ticks<T>(work: impl Future<Output = T>, tick: impl Fn(u64)) -> T {
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
