//! Everything that mail on its way writes, gathered into as few commits as there can be: what
//! arrives while one is under way goes into the next, together.

use std::collections::HashSet;
use std::sync::Arc;

use domain::outbox::{State, Undeliverable};
use domain::{Instant, Refusal};
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::Clock;
use crate::store::idempotency::{self, Key};
use crate::store::messages::{self, Message};
use crate::store::recipients::{self, Added, Claimed, Place, Settled};
use crate::store::{Connection, Store, StoreError, hold, timeline, undeliverable};

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
    /// Mail that was handed over: all of it or nothing.
    Accept { mails: Vec<New>, key: Option<Key> },
    /// What became of mail that `owner` had.
    Settle {
        owner: Arc<str>,
        settled: Vec<Settled>,
        happened: Vec<timeline::Entry>,
        listed: Vec<Undeliverable>,
    },
    /// Up to `most` mails that are due, for `owner` until `lease`; none while everything is held.
    Claim {
        owner: Arc<str>,
        lease: Instant,
        most: i64,
    },
    /// Mail that `owner` keeps until `due`, or gives back.
    Extend {
        owner: Arc<str>,
        places: Vec<Place>,
        due: Instant,
        keep: bool,
    },
}

/// What delivery has to know before each mail: as it was within the commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// The newest revision of the settings; 0 before the first.
    pub revision: i64,
    pub held: bool,
}

impl Current {
    /// As the connection sees it; `hold` is whether everything is held from the start.
    pub async fn read(connection: &mut Connection, hold: bool) -> Result<Self, StoreError> {
        let (revision, switched) = hold::current(connection).await?;
        Ok(Self {
            revision,
            held: hold || switched,
        })
    }
}

/// What came of it, once it is on disk.
#[derive(Debug)]
pub struct Written {
    pub current: Current,
    /// What was taken.
    pub claimed: Vec<Claimed>,
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
    pub fn start(store: Store, clock: Clock, hold: bool, changes: watch::Sender<u64>) -> Self {
        let (jobs, queue) = mpsc::channel(4 * MOST_JOBS);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..store.writers() {
            let desk = Desk {
                store: store.clone(),
                clock: clock.clone(),
                hold,
                changes: changes.clone(),
            };
            tokio::spawn(desk.work_off(queue.clone()));
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

/// Who writes: one on SQLite, a few on PostgreSQL.
struct Desk {
    store: Store,
    clock: Clock,
    hold: bool,
    changes: watch::Sender<u64>,
}

impl Desk {
    async fn work_off(self, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
        loop {
            let jobs = gather(&mut *queue.lock().await).await;
            if jobs.is_empty() {
                return;
            }
            let works: Vec<&Work> = jobs.iter().map(|job| &job.work).collect();
            match self.commit(&works).await {
                Ok(written) => answer(jobs, written.into_iter().map(Ok)),
                // One that cannot be written must not keep the others from being.
                Err(error) if works.len() > 1 && !error.is_down() => {
                    for job in jobs {
                        let alone = self.commit(&[&job.work]).await;
                        let alone = alone.map_err(Refusal::from).map(|mut all| all.remove(0));
                        drop(job.done.send(alone));
                    }
                }
                Err(error) => {
                    let refusal = Refusal::from(error);
                    answer(jobs, std::iter::repeat_with(|| Err(refusal.clone())));
                }
            }
        }
    }

    /// All of it in one commit.
    async fn commit(&self, works: &[&Work]) -> Result<Vec<Written>, StoreError> {
        let now = self.clock.now();
        let mut work = self.store.begin().await?;
        let current = Current::read(&mut work, self.hold).await?;
        let mut written: Vec<Written> = works
            .iter()
            .map(|_| Written {
                current,
                claimed: Vec::new(),
                before: None,
            })
            .collect();
        let mut mails: Vec<&New> = Vec::new();
        for (wanted, written) in works.iter().zip(&mut written) {
            if let Work::Accept { mails: new, key } = wanted {
                if let Some(key) = key {
                    written.before = self.answered_before(&mut work, key, new, now).await?;
                }
                if written.before.is_none() {
                    mails.extend(new);
                }
            }
        }
        keep(&mut work, &mails, current.held, now).await?;
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
                    recipients::extend(&mut work, skip, owner, places, until).await?;
                }
                Work::Claim { owner, lease, most } if !current.held => {
                    let skip = self.store.skip_locked();
                    let times = (now.0, lease.0);
                    written.claimed =
                        recipients::claim(&mut work, skip, owner, times, *most).await?;
                }
                Work::Claim { .. } => {}
            }
        }
        settle(&mut work, works).await?;
        work.commit().await?;
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
        now: Instant,
    ) -> Result<Option<(String, String)>, StoreError> {
        idempotency::forget_old(work, key, now.0 - KEY_KEPT).await?;
        let ids: Vec<&str> = mails.iter().map(|mail| mail.message.id.as_str()).collect();
        if idempotency::add(work, key, &ids.join(" "), now.0).await? {
            return Ok(None);
        }
        idempotency::answer(work, key, now.0 - KEY_KEPT).await
    }
}

/// Waits for a job, and takes those that are there beside it. Empty when there will be none.
async fn gather(queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut jobs = Vec::new();
    let Some(first) = queue.recv().await else {
        return jobs;
    };
    let mut octets = first.work.octets();
    jobs.push(first);
    let mut waited_for = 0;
    while jobs.len() < MOST_JOBS && octets < MOST_OCTETS {
        match queue.try_recv() {
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
    jobs
}

impl Work {
    fn octets(&self) -> usize {
        match self {
            Self::Accept { mails, .. } => mails.iter().map(|mail| mail.bytes.len()).sum(),
            _ => 0,
        }
    }
}

async fn keep(
    work: &mut Connection,
    mails: &[&New],
    held: bool,
    now: Instant,
) -> Result<(), StoreError> {
    let rows: Vec<(&Message, &[u8])> = mails
        .iter()
        .map(|mail| (&mail.message, mail.bytes.as_slice()))
        .collect();
    messages::add(work, &rows).await?;
    let added: Vec<Added<'_>> = mails
        .iter()
        .flat_map(|mail| {
            (0..)
                .zip(&mail.recipients)
                .map(|(position, address)| Added {
                    message: &mail.message.id,
                    position,
                    address,
                })
        })
        .collect();
    let (state, due) = if held {
        (State::Held, None)
    } else {
        (State::Queued, Some(now.0))
    };
    recipients::add(work, &added, state, due, now.0).await
}

/// What became of mail, of each owner in as few statements as there can be. What happened to mail
/// that the owner lost meanwhile is another's to tell.
async fn settle(work: &mut Connection, works: &[&Work]) -> Result<(), StoreError> {
    let mut owners: Vec<(&Arc<str>, Vec<&Settled>)> = Vec::new();
    for wanted in works {
        if let Work::Settle { owner, settled, .. } = wanted {
            match owners.iter_mut().find(|(known, _)| *known == owner) {
                Some((_, all)) => all.extend(settled),
                None => owners.push((owner, settled.iter().collect())),
            }
        }
    }
    let mut places: HashSet<Place> = HashSet::new();
    for (owner, settled) in owners {
        places.extend(recipients::settle(work, owner, &settled).await?);
    }
    for wanted in works {
        let Work::Settle {
            happened, listed, ..
        } = wanted
        else {
            continue;
        };
        let still = |message: &str, position| places.contains(&(message.to_owned(), position));
        let happened: Vec<timeline::Entry> = happened
            .iter()
            .filter(|entry| still(&entry.message, entry.position))
            .cloned()
            .collect();
        timeline::add(work, &happened).await?;
        for address in listed {
            if happened.iter().any(|entry| entry.message == address.id) {
                undeliverable::add(work, address).await?;
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
