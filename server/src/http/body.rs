//! Reads request bodies within limits of size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use domain::{Kind, Refusal};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

/// The largest body outside of submissions, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// The largest form of a person who need not be signed in, in bytes. Any number of them may come.
pub const FORM_MAX: usize = 8 * 1024;

/// The time for such a body, and for the first bytes of a larger one.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// Reads a body of up to `max` bytes.
///
/// # Errors
/// [`Kind::TooLarge`]; [`Kind::RequestTimedOut`] after ten seconds; [`Kind::BadRequest`] where it ends
/// early.
pub async fn read(body: Body, max: usize) -> Result<Bytes, Refusal> {
    let deadline = Instant::now() + BODY_TIME;
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = next(&mut chunks, deadline).await? {
        if bytes.len() + chunk.len() > max {
            let text = format!("A body has at most {} KiB here.", max / 1024);
            return Err(Refusal::new(Kind::TooLarge, text));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// The next chunk; `None` behind the last one.
///
/// # Errors
/// [`Kind::RequestTimedOut`] after `deadline`; [`Kind::BadRequest`] where the body ends early.
pub async fn next<E>(
    chunks: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    deadline: Instant,
) -> Result<Option<Bytes>, Refusal> {
    match timeout_at(deadline, chunks.next()).await {
        Ok(chunk) => chunk.transpose().map_err(|_| {
            let text = "The body is incomplete. Send it again.";
            Refusal::new(Kind::BadRequest, text)
        }),
        Err(_) => {
            let text = "The body did not arrive in time. Send it again, without a pause.";
            Err(Refusal::new(Kind::RequestTimedOut, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use std::io::Error;

    use super::*;

    fn body(chunks: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Body {
        Body::from_stream(chunks)
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        for (length, fits) in [(0, true), (BODY_MAX, true), (BODY_MAX + 1, false)] {
            let read = read(Body::from(vec![b'x'; length]), BODY_MAX).await;
            match read {
                Ok(bytes) => assert!(fits && bytes.len() == length),
                Err(refusal) => assert!(!fits && refusal.kind == Kind::TooLarge),
            }
        }
        let torn = stream::iter([Ok(Bytes::from_static(b"{")), Err(Error::other("torn"))]);
        let refusal = read(body(torn), BODY_MAX).await.expect_err("incomplete");
        assert_eq!(refusal.kind, Kind::BadRequest);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_given_up_after_ten_seconds() {
        let begun = Instant::now();
        let seconds = tokio::time::interval(Duration::from_secs(1));
        let drips = stream::unfold(seconds, |mut seconds| async {
            seconds.tick().await;
            Some((Ok(Bytes::from_static(b"x")), seconds))
        });
        let refusal = read(body(drips), BODY_MAX).await.expect_err("too slow");
        assert_eq!(refusal.kind, Kind::RequestTimedOut);
        assert_eq!(begun.elapsed(), BODY_TIME);
    }
}
