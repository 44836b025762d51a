//! Reads large bodies within a memory budget that all requests share.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use domain::{Kind, Refusal};
use futures::{Stream, StreamExt, pin_mut};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::extract::{DISCARDED, incomplete};

/// The largest body, in bytes: a mail of 25 MiB as base64, and the rest of it.
const LARGEST: usize = 40 * 1024 * 1024;

/// The budget of the process, in KiB.
static BUDGET: Semaphore = Semaphore::const_new(128 * 1024);

/// The longest pause between two chunks of a body.
const SILENCE: Duration = Duration::from_secs(30);

/// The share of a body, and of what is decoded from it, until it is dropped.
#[derive(Debug)]
pub struct BodyPermit(
    #[expect(dead_code, reason = "held until it is dropped")] SemaphorePermit<'static>,
);

/// Reads a body of up to [`LARGEST`].
///
/// # Errors
/// [`Kind::TooLarge`]; [`Kind::Unavailable`] when the budget is used up, and then nothing more is read;
/// [`Kind::BadRequest`] when it ends early.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<(Vec<u8>, BodyPermit), Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let chunks = body
        .into_data_stream()
        .map(|chunk| chunk.map_err(|_| incomplete()));
    read_into(&BUDGET, announced, chunks).await
}

async fn read_into(
    room: &'static Semaphore,
    announced: Option<usize>,
    chunks: impl Stream<Item = Result<Bytes, Refusal>>,
) -> Result<(Vec<u8>, BodyPermit), Refusal> {
    pin_mut!(chunks);
    let mut fits = announced.is_none_or(|length| length <= LARGEST);
    let mut expected = if fits { announced.unwrap_or(0) } else { 0 };
    let mut permit = take(room, expected)?;
    let mut bytes = Vec::with_capacity(expected);
    let mut length = 0;
    while let Some(chunk) = tokio::time::timeout(SILENCE, chunks.next())
        .await
        .map_err(|_| incomplete())?
    {
        let chunk = chunk?;
        length += chunk.len();
        fits &= length <= LARGEST;
        if !fits {
            bytes = Vec::new();
            if length > LARGEST + DISCARDED {
                break;
            }
            continue;
        }
        if length > expected {
            permit.merge(take(room, length - expected)?);
            expected = length;
        }
        bytes.extend_from_slice(&chunk);
    }
    if !fits {
        let text =
            "The body is larger than 40 MiB. A mail has at most 25 MiB; send fewer mails at once.";
        return Err(Refusal::new(Kind::TooLarge, text));
    }
    Ok((bytes, BodyPermit(permit)))
}

fn take(room: &'static Semaphore, bytes: usize) -> Result<SemaphorePermit<'static>, Refusal> {
    let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    room.try_acquire_many(kibibytes).map_err(|_| Refusal {
        retry_after: Some(1),
        ..Refusal::new(
            Kind::Unavailable,
            "Too many large submissions at once. Send this again in a second.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    const MIB: usize = 1024 * 1024;

    fn chunks(count: usize) -> impl Stream<Item = Result<Bytes, Refusal>> {
        let chunk = Bytes::from(vec![b'x'; MIB]);
        stream::iter((0..count).map(move |_| Ok(chunk.clone())))
    }

    #[tokio::test]
    async fn a_body_uses_the_budget_until_it_is_dropped() {
        static ROOM: Semaphore = Semaphore::const_new(3 * 1024);
        for announced in [Some(2 * MIB), None] {
            let held = read_into(&ROOM, announced, chunks(2)).await.expect("room");
            assert_eq!(held.0.len(), 2 * MIB);
            assert_eq!(ROOM.available_permits(), 1024);
            for announced in [Some(2 * MIB), None] {
                let refusal = read_into(&ROOM, announced, chunks(2))
                    .await
                    .expect_err("full");
                assert_eq!(refusal.kind, Kind::Unavailable);
                assert_eq!(refusal.retry_after, Some(1));
                assert_eq!(ROOM.available_permits(), 1024);
            }
            drop(held);
            assert_eq!(ROOM.available_permits(), 3 * 1024);
        }
    }

    #[tokio::test]
    async fn nothing_is_read_beyond_the_budget() {
        static ROOM: Semaphore = Semaphore::const_new(0);
        let refusal = read_into(&ROOM, Some(1), stream::pending()).await;
        assert_eq!(refusal.expect_err("full").kind, Kind::Unavailable);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_discarded() {
        static ROOM: Semaphore = Semaphore::const_new(128 * 1024);
        for (announced, count) in [(Some(41 * MIB), 41), (None, 41), (None, 10_000)] {
            let refusal = read_into(&ROOM, announced, chunks(count)).await;
            assert_eq!(refusal.expect_err("too large").kind, Kind::TooLarge);
            assert_eq!(ROOM.available_permits(), 128 * 1024);
        }
        let held = read_into(&ROOM, None, chunks(40)).await.expect("it fits");
        assert_eq!(held.0.len(), LARGEST);
    }

    #[tokio::test]
    async fn a_body_that_ends_early_frees_its_share() {
        static ROOM: Semaphore = Semaphore::const_new(3 * 1024);
        let broken = chunks(1).chain(stream::iter([Err(incomplete())]));
        let refusal = read_into(&ROOM, Some(2 * MIB), broken).await;
        assert_eq!(refusal.expect_err("torn").kind, Kind::BadRequest);
        assert_eq!(ROOM.available_permits(), 3 * 1024);
    }
}
