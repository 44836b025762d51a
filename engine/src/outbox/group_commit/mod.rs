//! Everything that mail on its way writes, gathered into as few commits as there can be: what
//! arrives while one is under way goes into the next, together.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Weak};

use domain::outbox::{RecipientState, Suppression};
use domain::{Refusal, Timestamp};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::Clock;
use crate::store::idempotency::{self, Key};
use crate::store::messages::{self, Message};
use crate::store::recipients::{self, Added, Claimed, Place, Settled};
use crate::store::{
    self, Connection, Store, StoreError, delivery_events, in_time, pause, suppressions,
};

/// How many jobs, and about how many octets of mail, one commit may have.
const MOST_JOBS: usize = 512;
const MOST_OCTETS: usize = 8 * 1024 * 1024;

/// How long a key is answered as the first time, in milliseconds (24 h).
pub const KEY_KEPT: i64 = 24 * 3600 * 1000;

/// A mail to be kept.
#[derive(Debug)]
pub struct New {
    pub message: Message,
    pub bytes: Vec<u8>,
    pub recipients: Vec<String>,
}

/// What is to be written.
#[derive(Debug)]
pub enum Work {
    /// Mail that was handed over: all of it or nothing. Unless everything is held it is `owner`'s
    /// from the start, where there is one, for a lease that ends then.
    Accept {
        mails: Arc<[New]>,
        key: Option<Key>,
        owner: Option<(Arc<str>, Timestamp)>,
        /// Of whoever handed it over, and waits. Once that is gone it is not begun any more: it was
        /// not accepted, and will be handed over again.
        waits: Weak<()>,
    },
    /// What became of mail that `owner` had.
    Settle {
        owner: Arc<str>,
        settled: Vec<Settled>,
        events: Vec<delivery_events::Entry>,
        listed: Vec<Suppression>,
    },
    /// Up to `most` mails that are due, for `owner` until `lease`; none while everything is held.
    /// If wanted also those `of_others` whose leases are over.
    Claim {
        owner: Arc<str>,
        lease: Timestamp,
        most: i64,
        of_others: bool,
    },
    /// Mail that `owner` keeps until `due`, or gives back.
    Extend {
        owner: Arc<str>,
        places: Vec<Place>,
        due: Timestamp,
        keep: bool,
    },
}

/// What delivery has to know before each mail: as it was within the commit.
#[derive(Clone, Copy, Debug)]
pub struct Current {
    /// It was not read before then.
    pub read: Instant,
    /// The newest revision of the settings; 0 before the first.
    pub revision: i64,
    pub held: bool,
}

impl Current {
    /// As the connection sees it; `hold` is whether everything is held from the start.
    pub async fn read(connection: &mut Connection, hold_mail: bool) -> Result<Self, StoreError> {
        let read = Instant::now();
        let (revision, switched) = pause::current(connection).await?;
        Ok(Self {
            read,
            revision,
            held: hold_mail || switched,
        })
    }
}

/// What came of it, once it is on disk.
#[derive(Debug)]
pub struct Written {
    pub current: Current,
    /// What the owner has got.
    pub claimed: Vec<Claimed>,
    /// What it still had.
    pub extended: Vec<Place>,
    /// The digest and the ids of the answer that the key had before; then nothing was kept.
    pub before: Option<(String, String)>,
}

struct Job {
    work: Work,
    done: oneshot::Sender<Result<Written, Refusal>>,
}

/// Hands work to whoever writes. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Begins to write. `hold` is whether everything is held from the start; `changes` counts what
    /// was written.
    pub fn start(store: Store, clock: Clock, hold_mail: bool, changes: watch::Sender<u64>) -> Self {
        let (jobs, queue) = mpsc::channel(4 * MOST_JOBS);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..store.writers() {
            let desk = Desk {
                store: store.clone(),
                clock: clock.clone(),
                hold_mail,
                changes: changes.clone(),
            };
            let queue = queue.clone();
            tokio::spawn(begun_anew(move || desk.clone().work_off(queue.clone())));
        }
        Self { jobs }
    }

    /// Writes it, and answers when it is on disk.
    pub async fn write(&self, work: Work) -> Result<Written, Refusal> {
        let (done, answer) = oneshot::channel();
        let job = Job { work, done };
        self.jobs.send(job).await.map_err(|_| Refusal::internal())?;
        answer.await.map_err(|_| Refusal::internal())?
    }
}

/// Does what ends in a panic again: those who wait for it are told, and the next are served.
async fn begun_anew<F>(begin: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while tokio::spawn(begin())
        .await
        .is_err_and(|error| error.is_panic())
    {
        tracing::error!("a writer failed; another goes on");
    }
}

/// Who writes: one on SQLite, a few on PostgreSQL.
#[derive(Clone)]
struct Desk {
    store: Store,
    clock: Clock,
    hold_mail: bool,
    changes: watch::Sender<u64>,
}

impl Desk {
    async fn work_off(self, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
        loop {
            // In a statement of its own: the queue is others' while this is written.
            let Some(jobs) = gather(&mut *queue.lock().await).await else {
                return;
            };
            let works: Vec<&Work> = jobs.iter().map(|job| &job.work).collect();
            match in_time(self.commit(&works)).await {
                Ok(written) => answer(jobs, written.into_iter().map(Ok)),
                Err(error) if works.len() > 1 && !error.is_down() => self.write_alone(jobs).await,
                Err(error) => refuse(jobs, error),
            }
        }
    }

    /// Each in a commit of its own: one that cannot be written must not keep the others from being.
    async fn write_alone(&self, jobs: Vec<Job>) {
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            match in_time(self.commit(&[&job.work])).await {
                Ok(written) => answer(vec![job], written.into_iter().map(Ok)),
                Err(error) if error.is_down() => {
                    let rest = std::iter::once(job).chain(jobs).collect();
                    return refuse(rest, error);
                }
                Err(error) => refuse(vec![job], error),
            }
        }
    }

    /// All of it in one commit.
    async fn commit(&self, works: &[&Work]) -> Result<Vec<Written>, StoreError> {
        let now = self.clock.now();
        let mut work = self.store.begin_by_key().await?;
        let current = Current::read(&mut work, self.hold_mail).await?;
        let mut written: Vec<Written> = works
            .iter()
            .map(|_| Written {
                current,
                claimed: Vec::new(),
                extended: Vec::new(),
                before: None,
            })
            .collect();
        for (wanted, written) in works.iter().zip(&mut written) {
            if let Work::Accept {
                mails,
                key: Some(key),
                ..
            } = wanted
            {
                written.before = self.answered_before(&mut work, key, mails, now).await?;
            }
        }
        keep(&mut work, works, &mut written, now).await?;
        for (wanted, written) in works.iter().zip(&mut written) {
            match wanted {
                Work::Accept { .. } | Work::Settle { .. } => {}
                Work::Extend {
                    owner,
                    places,
                    due,
                    keep,
                } => {
                    let skip = self.store.skip_locked();
                    let until = (due.0, *keep);
                    written.extended =
                        recipients::extend(&mut work, skip, owner, places, until).await?;
                }
                Work::Claim {
                    owner,
                    lease,
                    most,
                    of_others,
                } if !current.held => {
                    let skip = self.store.skip_locked();
                    let (times, wanted) = ((now.0, lease.0), (*most, *of_others));
                    written.claimed =
                        recipients::claim(&mut work, skip, owner, times, wanted).await?;
                }
                Work::Claim { .. } => {}
            }
        }
        let claimed = written.iter_mut().flat_map(|written| &mut written.claimed);
        suppressions::mark(&mut work, claimed).await?;
        settle(&mut work, works).await?;
        store::commit(work).await?;
        self.store.wrote();
        self.changes.send_modify(|count| *count += 1);
        Ok(written)
    }

    /// What the key was answered with; else notes the answer it is about to have.
    async fn answered_before(
        &self,
        work: &mut Connection,
        key: &Key,
        mails: &[New],
        now: Timestamp,
    ) -> Result<Option<(String, String)>, StoreError> {
        idempotency::forget_old(work, key, now.0 - KEY_KEPT).await?;
        let ids: Vec<&str> = mails.iter().map(|mail| mail.message.id.as_str()).collect();
        if idempotency::add(work, key, &ids.join(" "), now.0).await? {
            return Ok(None);
        }
        idempotency::answer(work, key, now.0 - KEY_KEPT).await
    }
}

/// Waits for a job, and takes those that are there beside it. None when there will be no more.
async fn gather(queue: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    let mut first = queue.recv().await?;
    while !first.work.is_wanted() {
        first = queue.recv().await?;
    }
    let mut octets = first.work.octets();
    let mut jobs = vec![first];
    let mut waited_for = 0;
    while jobs.len() < MOST_JOBS && octets < MOST_OCTETS {
        match queue.try_recv() {
            Ok(next) if !next.work.is_wanted() => {}
            Ok(next) => {
                octets += next.work.octets();
                jobs.push(next);
            }
            // Those who are about to ask come first: a commit costs the same with more in it.
            Err(_) if waited_for < jobs.len() => {
                waited_for = jobs.len();
                tokio::task::yield_now().await;
            }
            Err(_) => break,
        }
    }
    Some(jobs)
}

impl Work {
    /// Whether anybody would miss it.
    fn is_wanted(&self) -> bool {
        match self {
            Self::Accept { waits, .. } => waits.strong_count() > 0,
            _ => true,
        }
    }

    fn octets(&self) -> usize {
        match self {
            Self::Accept { mails, .. } => mails.iter().map(|mail| mail.bytes.len()).sum(),
            _ => 0,
        }
    }
}

/// New mail, apart from what was answered before.
async fn keep(
    work: &mut Connection,
    works: &[&Work],
    written: &mut [Written],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut messages: Vec<(&Message, &[u8])> = Vec::new();
    let mut rows: Vec<Added<'_>> = Vec::new();
    let mut owned: Vec<(usize, Range<usize>)> = Vec::new();
    for (job, (wanted, written)) in works.iter().zip(&*written).enumerate() {
        let Work::Accept { mails, owner, .. } = wanted else {
            continue;
        };
        if written.before.is_some() {
            continue;
        }
        let (state, due, owner) = match owner {
            _ if written.current.held => (RecipientState::Held, None, None),
            Some((owner, lease)) => (RecipientState::Queued, Some(lease.0), Some(&**owner)),
            None => (RecipientState::Queued, Some(now.0), None),
        };
        let first = rows.len();
        for mail in mails.iter() {
            messages.push((&mail.message, &mail.bytes));
            rows.extend(
                (0..)
                    .zip(&mail.recipients)
                    .map(|(position, address)| Added {
                        message: &mail.message.id,
                        position,
                        address,
                        state,
                        due,
                        owner,
                    }),
            );
        }
        if owner.is_some() {
            owned.push((job, first..rows.len()));
        }
    }
    messages::add(work, &messages).await?;
    recipients::add(work, &rows, now.0).await?;
    for (job, claimed) in owned {
        written[job].claimed = rows[claimed]
            .iter()
            .map(|row| Claimed::new(row, now.0))
            .collect();
    }
    Ok(())
}

/// What became of mail. What happened to mail that the owner lost meanwhile is another's to tell.
async fn settle(work: &mut Connection, works: &[&Work]) -> Result<(), StoreError> {
    let (mut quietly, mut told) = (Vec::new(), Vec::new());
    for wanted in works {
        if let Work::Settle {
            owner,
            settled,
            events,
            ..
        } = wanted
        {
            let rows = match events.is_empty() {
                true => &mut quietly,
                false => &mut told,
            };
            rows.extend(settled.iter().map(|row| (&**owner, row)));
        }
    }
    recipients::settle(work, &quietly, false).await?;
    let places = recipients::settle(work, &told, true).await?;
    let places: HashSet<Place> = places.into_iter().collect();
    for wanted in works {
        let Work::Settle { events, listed, .. } = wanted else {
            continue;
        };
        let still = |message: &str, position| places.contains(&(message.to_owned(), position));
        let events: Vec<delivery_events::Entry> = events
            .iter()
            .filter(|entry| still(&entry.message, entry.position))
            .cloned()
            .collect();
        delivery_events::add(work, &events).await?;
        for address in listed {
            if events.iter().any(|entry| entry.message == address.id) {
                suppressions::add(work, address).await?;
            }
        }
    }
    Ok(())
}

fn answer(jobs: Vec<Job>, answers: impl Iterator<Item = Result<Written, Refusal>>) {
    for (job, answer) in jobs.into_iter().zip(answers) {
        // Who hung up does not want to know; it is done all the same.
        drop(job.done.send(answer));
    }
}

fn refuse(jobs: Vec<Job>, error: StoreError) {
    let refusal = Refusal::from(error);
    answer(jobs, std::iter::repeat_with(|| Err(refusal.clone())));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn who_writes_is_begun_anew_until_there_is_nothing_more_to_write() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = begun.clone();
        begun_anew(move || {
            let times = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert_eq!(times, 2, "a panic") }
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }
}
