//! Accepts the next connection of a listener, and retries after a pause where that fails.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// The pause after an accept failed.
const RETRY: Duration = Duration::from_secs(1);

/// The next connection. Where `accept` fails, as when every descriptor is in use, it is called again after
/// a pause; `fault` says so in the log.
pub async fn next_connection<T, F>(fault: &str, mut accept: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    loop {
        match accept().await {
            Ok(connection) => return connection,
            // The client was gone before it was accepted.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "{fault}; trying again in a second"
                );
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failed_accept_is_repeated_after_a_pause() {
        let results = [
            Err(ErrorKind::ConnectionAborted),
            Err(ErrorKind::Other),
            Ok("a client"),
        ];
        let mut results = results.into_iter();
        let begin = Instant::now();
        let accept = || ready(results.next().expect("a result").map_err(io::Error::from));
        let accepted = next_connection("nothing is accepted", accept).await;
        assert_eq!(accepted, "a client");
        let paused = begin.elapsed();
        assert!(
            (RETRY..RETRY * 2).contains(&paused),
            "{paused:?}: one pause"
        );
    }
}
