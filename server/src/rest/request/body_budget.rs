//! Reads large bodies within memory budgets that all requests share, each account within its share.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use domain::{Kind, Refusal};
use engine::Actor;
use futures::{Stream, pin_mut};
use parking_lot::{Mutex, const_mutex};
use tokio::time::Instant;

use crate::http::body::{self, BODY_TIME};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The largest body, in bytes: a mail of 25 MiB as base64, and the rest of it.
const LARGEST: usize = 40 * MIB;

/// The number of bytes of each body that are in the budget of small bodies.
const SMALL: usize = 64 * KIB;

/// The lowest rate of a body after its first ten seconds, in bytes a second. A slower one would keep
/// its room for hours.
const LOWEST_RATE: usize = 32 * KIB;

/// The budget for the first bytes of each body, which are most bodies as a whole. Large mails never use
/// it up.
static SMALL_BODIES: Budget = Budget::new(32 * MIB, 16 * MIB);

/// The budget for the rest of large bodies. While one account uses up its share, another has room for
/// the largest body.
static LARGE_BODIES: Budget = Budget::new(128 * MIB, 80 * MIB);

/// A budget of memory for bodies.
struct Budget {
    /// The size in bytes.
    total: usize,
    /// The share of one account, in bytes.
    per_account: usize,
    used: Mutex<Used>,
}

struct Used {
    total: usize,
    by_account: BTreeMap<String, usize>,
}

impl Budget {
    const fn new(total: usize, per_account: usize) -> Self {
        Self {
            total,
            per_account,
            used: const_mutex(Used {
                total: 0,
                by_account: BTreeMap::new(),
            }),
        }
    }

    /// Takes `bytes` more for an account; `false` where the budget or its share is used up.
    fn take(&self, account: &str, bytes: usize) -> bool {
        let used = &mut *self.used.lock();
        let of_account = used.by_account.get(account).copied().unwrap_or(0) + bytes;
        if used.total + bytes > self.total || of_account > self.per_account {
            return false;
        }
        used.total += bytes;
        match used.by_account.get_mut(account) {
            Some(taken) => *taken = of_account,
            None => drop(used.by_account.insert(account.to_owned(), of_account)),
        }
        true
    }

    fn give_back(&self, account: &str, bytes: usize) {
        let used = &mut *self.used.lock();
        used.total -= bytes;
        if let Some(taken) = used.by_account.get_mut(account) {
            *taken -= bytes;
            if *taken == 0 {
                used.by_account.remove(account);
            }
        }
    }
}

/// The budgets that a body is read into.
#[derive(Clone, Copy)]
struct Budgets {
    small: &'static Budget,
    large: &'static Budget,
}

/// The budgets of this process.
fn budgets() -> Budgets {
    Budgets {
        small: &SMALL_BODIES,
        large: &LARGE_BODIES,
    }
}

/// The room of a body, and of what is decoded from it, until it is dropped.
pub struct BodyPermit {
    budgets: Budgets,
    account: String,
    bytes: usize,
}

impl BodyPermit {
    /// No room yet for a body of an account, in the budgets of this process.
    pub fn new(account: &str) -> Self {
        Self {
            budgets: budgets(),
            account: account.to_owned(),
            bytes: 0,
        }
    }

    /// Takes room for a body that has grown to `bytes`.
    ///
    /// # Errors
    /// [`Kind::Unavailable`]
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let small = bytes.min(SMALL) - self.bytes.min(SMALL);
        let large = bytes - self.bytes - small;
        let Budgets {
            small: first,
            large: rest,
        } = self.budgets;
        if !first.take(&self.account, small) {
            return Err(unavailable());
        }
        if large > 0 && !rest.take(&self.account, large) {
            first.give_back(&self.account, small);
            return Err(unavailable());
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for BodyPermit {
    fn drop(&mut self) {
        let small = self.bytes.min(SMALL);
        self.budgets.small.give_back(&self.account, small);
        if self.bytes > small {
            let large = self.bytes - small;
            self.budgets.large.give_back(&self.account, large);
        }
    }
}

fn unavailable() -> Refusal {
    Refusal {
        retry_after: Some(1),
        ..Refusal::new(
            Kind::Unavailable,
            "Too many large submissions at once. Send this again in a second.",
        )
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        Kind::TooLarge,
        "The body is larger than 40 MiB. A mail has at most 25 MiB; send fewer mails at once.",
    )
}

/// Reads a body of up to [`LARGEST`].
///
/// # Errors
/// [`Kind::TooLarge`]; [`Kind::Unavailable`] where a budget is used up; [`Kind::RequestTimedOut`] below
/// [`LOWEST_RATE`]; [`Kind::BadRequest`] where it ends early.
pub async fn read(
    actor: &Actor,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<u8>, BodyPermit), Refusal> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    read_into(budgets(), actor.name(), announced, body.into_data_stream()).await
}

async fn read_into<E>(
    budgets: Budgets,
    account: &str,
    announced: usize,
    chunks: impl Stream<Item = Result<Bytes, E>>,
) -> Result<(Vec<u8>, BodyPermit), Refusal> {
    if announced > LARGEST {
        return Err(too_large());
    }
    pin_mut!(chunks);
    let begun = Instant::now();
    let mut permit = BodyPermit {
        budgets,
        account: account.to_owned(),
        bytes: 0,
    };
    let mut bytes = Vec::with_capacity(announced.min(SMALL));
    loop {
        let expected = Duration::from_secs_f64(bytes.len() as f64 / LOWEST_RATE as f64);
        let deadline = begun + BODY_TIME + expected;
        let Some(chunk) = body::next(&mut chunks, deadline).await? else {
            return Ok((bytes, permit));
        };
        let length = bytes.len() + chunk.len();
        if length > LARGEST {
            return Err(too_large());
        }
        permit.grow_to(length)?;
        bytes.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io;

    use futures::{StreamExt, stream};

    use super::*;

    fn chunks(count: usize) -> impl Stream<Item = Result<Bytes, Infallible>> {
        let chunk = Bytes::from(vec![b'x'; MIB]);
        stream::iter((0..count).map(move |_| Ok(chunk.clone())))
    }

    /// Budgets of a test, in MiB, with what large bodies have beside their small beginnings.
    fn budgets(total: usize, per_account: usize) -> Budgets {
        let leaked = |budget| &*Box::leak(Box::new(budget));
        Budgets {
            small: leaked(Budget::new(8 * SMALL, 4 * SMALL)),
            large: leaked(Budget::new(total * MIB, per_account * MIB)),
        }
    }

    fn used(budgets: Budgets) -> usize {
        budgets.small.used.lock().total + budgets.large.used.lock().total
    }

    #[tokio::test]
    async fn a_body_uses_the_budget_until_it_is_dropped() {
        let budgets = budgets(3, 3);
        let held = read_into(budgets, "a", 2 * MIB, chunks(2))
            .await
            .expect("room");
        assert_eq!(held.0.len(), 2 * MIB);
        assert_eq!(used(budgets), 2 * MIB);
        let refusal = read_into(budgets, "b", 0, chunks(2))
            .await
            .err()
            .expect("full");
        assert_eq!(refusal.kind, Kind::Unavailable);
        assert_eq!(refusal.retry_after, Some(1));
        assert_eq!(used(budgets), 2 * MIB);
        drop(held);
        assert_eq!(used(budgets), 0);
        assert!(budgets.large.used.lock().by_account.is_empty());
    }

    #[tokio::test]
    async fn an_account_has_a_share_and_small_bodies_a_reserve() {
        let budgets = budgets(4, 2);
        let of = async |account, count| read_into(budgets, account, 0, chunks(count)).await;
        let held = of("a", 2).await.expect("its share");
        assert!(of("a", 1).await.is_err(), "more than its share");
        let other = of("b", 2).await.expect("the share of another");
        assert!(of("c", 1).await.is_err(), "all is used");
        let small = || stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b'x'; SMALL]))]);
        let small = read_into(budgets, "c", 0, small())
            .await
            .expect("the reserve");
        drop((held, other, small));
        assert_eq!(used(budgets), 0);
    }

    #[tokio::test]
    async fn room_is_taken_as_octets_arrive() {
        let budgets = budgets(3, 3);
        let silent = stream::pending::<Result<Bytes, Infallible>>();
        let silent = read_into(budgets, "a", LARGEST, silent);
        let mut silent = Box::pin(silent);
        assert!(futures::poll!(&mut silent).is_pending());
        assert_eq!(used(budgets), 0);
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_refused() {
        let budgets = budgets(128, 128);
        for (announced, count) in [(LARGEST + 1, 0), (0, 41)] {
            let refusal = read_into(budgets, "a", announced, chunks(count)).await;
            assert_eq!(refusal.err().expect("too large").kind, Kind::TooLarge);
            assert_eq!(used(budgets), 0);
        }
        let held = read_into(budgets, "a", 0, chunks(40))
            .await
            .expect("it fits");
        assert_eq!(held.0.len(), LARGEST);
    }

    #[tokio::test]
    async fn a_body_that_ends_early_frees_its_room() {
        let budgets = budgets(3, 3);
        let torn = stream::iter([Ok(Bytes::from_static(b"x")), Err(io::Error::other("torn"))]);
        let refusal = read_into(budgets, "a", 2 * MIB, torn).await;
        assert_eq!(refusal.err().expect("torn").kind, Kind::BadRequest);
        assert_eq!(used(budgets), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_arrives_at_the_lowest_rate_at_least() {
        let budgets = budgets(3, 3);
        for (octets, arrives) in [(LOWEST_RATE, true), (LOWEST_RATE * 2 / 5, false)] {
            let begun = Instant::now();
            let seconds = tokio::time::interval(Duration::from_secs(1));
            let dripping = stream::unfold(seconds, move |mut seconds| async move {
                seconds.tick().await;
                Some((
                    Ok::<_, Infallible>(Bytes::from(vec![b'x'; octets])),
                    seconds,
                ))
            });
            let read = read_into(budgets, "a", 0, dripping.take(60)).await;
            assert_eq!(read.is_ok(), arrives, "{octets} octets a second");
            if let Err(refusal) = read {
                assert_eq!(refusal.kind, Kind::RequestTimedOut);
                // By then 17 chunks have arrived, which is 6.8 s more than the first 10 s.
                assert_eq!(begun.elapsed().as_secs(), 16);
            }
        }
    }
}
