//! Room for large bodies: so many of them are in memory at a time, and no more.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use domain::{Kind, Refusal};
use futures::{Stream, StreamExt, pin_mut};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::body::{READ_ON, torn};

/// The largest body, in bytes: a mail of 25 MiB as base64, and the rest of it.
const LARGEST: usize = 40 * 1024 * 1024;

/// What all of them share in this process, in KiB.
static ROOM: Semaphore = Semaphore::const_new(128 * 1024);

/// How long nothing may arrive of a body that has its room.
const SILENCE: Duration = Duration::from_secs(30);

/// The room of a body, and of what is made of it, until it is dropped.
#[derive(Debug)]
pub struct Room(#[expect(dead_code, reason = "it is kept to be dropped")] SemaphorePermit<'static>);

/// Reads a body of up to [`LARGEST`].
///
/// # Errors
/// [`Kind::TooLarge`]; [`Kind::Unavailable`] when there is no room, and then nothing is read on;
/// [`Kind::BadRequest`] when it does not arrive whole.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<(Vec<u8>, Room), Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let chunks = body
        .into_data_stream()
        .map(|chunk| chunk.map_err(|_| torn()));
    read_into(&ROOM, announced, chunks).await
}

async fn read_into(
    room: &'static Semaphore,
    announced: Option<usize>,
    chunks: impl Stream<Item = Result<Bytes, Refusal>>,
) -> Result<(Vec<u8>, Room), Refusal> {
    pin_mut!(chunks);
    let mut fits = announced.is_none_or(|length| length <= LARGEST);
    let mut expected = if fits { announced.unwrap_or(0) } else { 0 };
    let mut permit = take(room, expected)?;
    let mut bytes = Vec::with_capacity(expected);
    let mut length = 0;
    while let Some(chunk) = tokio::time::timeout(SILENCE, chunks.next())
        .await
        .map_err(|_| torn())?
    {
        let chunk = chunk?;
        length += chunk.len();
        fits &= length <= LARGEST;
        if !fits {
            bytes = Vec::new();
            if length > LARGEST + READ_ON {
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
        let text = "A body has at most 40 MiB here, and a mail 25 MiB. Send fewer mails at once.";
        return Err(Refusal::new(Kind::TooLarge, text));
    }
    Ok((bytes, Room(permit)))
}

fn take(room: &'static Semaphore, bytes: usize) -> Result<SemaphorePermit<'static>, Refusal> {
    let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    room.try_acquire_many(kibibytes).map_err(|_| Refusal {
        retry_after: Some(1),
        ..Refusal::new(
            Kind::Unavailable,
            "Postern is taking in as much mail as it has memory for. Send this again in a second.",
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
    async fn what_is_held_takes_room_until_it_is_dropped() {
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
    async fn nothing_is_read_where_there_is_no_room() {
        static ROOM: Semaphore = Semaphore::const_new(0);
        let refusal = read_into(&ROOM, Some(1), stream::pending()).await;
        assert_eq!(refusal.expect_err("full").kind, Kind::Unavailable);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_read_on_without_being_kept() {
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
    async fn a_body_that_breaks_off_gives_its_room_back() {
        static ROOM: Semaphore = Semaphore::const_new(3 * 1024);
        let broken = chunks(1).chain(stream::iter([Err(torn())]));
        let refusal = read_into(&ROOM, Some(2 * MIB), broken).await;
        assert_eq!(refusal.expect_err("torn").kind, Kind::BadRequest);
        assert_eq!(ROOM.available_permits(), 3 * 1024);
    }
}
