//! Notifies other programs on this machine of saves, by their Unix sockets.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::sanitize::printable;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::answer::{ANSWER_MAX, OK};
use super::message::RESET;

/// The time for one program to take the message and to answer it.
const TIME: Duration = Duration::from_secs(5);

/// The same once the process stops.
const LAST: Duration = Duration::from_secs(1);

/// Sends [`RESET`] to each socket after every save that `saves` announces, until `stopped` is true. A save does
/// not wait for it, and saves while it is sent are sent once.
pub async fn run(
    mut saves: watch::Receiver<i64>,
    sockets: Vec<PathBuf>,
    mut stopped: watch::Receiver<bool>,
) {
    if sockets.is_empty() {
        return;
    }
    loop {
        let stop = async { drop(stopped.wait_for(|stop| *stop).await) };
        tokio::select! {
            // A save just before the end is sent too.
            biased;
            saved = saves.changed() => if saved.is_err() { return },
            () = stop => return,
        }
        let late = async {
            drop(stopped.wait_for(|stop| *stop).await);
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            _ = join_all(sockets.iter().map(|socket| notify(socket))) => {}
            () = late => return,
        }
    }
}

/// Sends the message to one socket. A failure is logged; the next save tries again.
async fn notify(socket: &Path) {
    let path = socket.display();
    match timeout(TIME, exchange(socket)).await {
        Ok(Ok(answer)) => {
            let answer = answer.trim();
            let is_success = answer.starts_with(OK) || answer.ends_with(OK);
            if !answer.is_empty() && !is_success {
                let answer = printable(answer, 200);
                tracing::warn!(%path, answer, "a program refused the notification of a save");
            }
        }
        Ok(Err(error)) => tracing::warn!(
            %path,
            error = &error as &dyn Error,
            "a program cannot be notified of a save"
        ),
        // It has the message, and need not answer.
        Err(_) => {}
    }
}

async fn exchange(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(RESET.as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    // A program that closes without an answer has the message too.
    let _ = stream
        .take(ANSWER_MAX as u64)
        .read_to_end(&mut answer)
        .await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
