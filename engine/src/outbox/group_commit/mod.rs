//! Group commit: requests that arrive while a commit is running are written together in the next.

mod direct;
mod figures;
mod message_events;
#[cfg(test)]
mod one_commit_tests;
mod placement;
mod quotas;
mod report_rows;
mod reports;
#[cfg(test)]
mod reports_tests;
pub(crate) mod request;
pub(crate) mod transaction;

use std::sync::Arc;

use domain::{Refusal, Timestamp};
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};

use crate::Clock;
use crate::audit::QueuedEntry;
use crate::domains::LastDkimSigners;
use crate::store::database::direct::DirectTransaction;
use crate::store::{Store, StoreError, in_time};

use figures::FigureShard;
use request::{CommittedResults, WriteRequest, WriteResult};

/// The maximum number of requests in a commit.
const MAX_REQUESTS: usize = 512;

/// A commit takes no more requests once it has this many octets of messages. Reports count too: each takes some
/// statements.
const MAX_OCTETS: usize = 8 * 1024 * 1024;

/// A request, and where its result goes.
struct Job {
    request: Arc<WriteRequest>,
    done: oneshot::Sender<Result<WriteResult, Refusal>>,
}

/// A handle to the group commit. Cheap to clone.
#[derive(Clone)]
pub(crate) struct GroupCommit {
    jobs: mpsc::Sender<Job>,
}

impl GroupCommit {
    /// Spawns the tasks that commit: one on SQLite, two on PostgreSQL. They end with the last handle.
    /// `changes` counts commits. With `hold_mail` delivery is paused from the start. `dkim_signers` sign
    /// reports. `events_queued` is notified when events of webhooks are queued.
    pub(super) fn start(
        store: Store,
        clock: Clock,
        dkim_signers: Arc<LastDkimSigners>,
        hold_mail: bool,
        changes: watch::Sender<u64>,
        events_queued: Arc<Notify>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(4 * MAX_REQUESTS);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..store.writers() {
            let committer = Committer {
                store: store.clone(),
                clock: clock.clone(),
                dkim_signers: dkim_signers.clone(),
                hold_mail,
                changes: changes.clone(),
                events_queued: events_queued.clone(),
            };
            let queue = queue.clone();
            tokio::spawn(restarted(move || committer.clone().run(queue.clone())));
        }
        Self { jobs }
    }

    /// Writes a request, and returns when it is on disk.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](domain::Kind::Unavailable) where the database fails.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteResult, Refusal> {
        let (done, result) = oneshot::channel();
        let request = Arc::new(request);
        let job = Job { request, done };
        self.jobs.send(job).await.map_err(|_| Refusal::internal())?;
        result.await.map_err(|_| Refusal::internal())?
    }
}

/// Writes the rows of the audit log that are queued, those that arrive meanwhile together in the next
/// request, for as long as there is a sender.
pub(super) async fn write_audit(group_commit: GroupCommit, mut queue: mpsc::Receiver<QueuedEntry>) {
    let mut queued = Vec::new();
    while queue.recv_many(&mut queued, MAX_REQUESTS).await > 0 {
        let (entries, waiting): (Vec<_>, Vec<_>) = queued
            .drain(..)
            .map(|QueuedEntry { entry, done }| (entry, done))
            .unzip();
        if let Err(refusal) = group_commit.write(WriteRequest::Audit(entries)).await {
            tracing::error!(%refusal, "refusals were not recorded");
            continue;
        }
        for done in waiting {
            // Its caller may be gone.
            let _ = done.send(());
        }
    }
}

/// Runs a task again after each panic: its callers get an error, and the next are served.
async fn restarted<F>(start: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    while tokio::spawn(start())
        .await
        .is_err_and(|error| error.is_panic())
    {
        tracing::error!("a group commit panicked; it is started again");
    }
}

/// A task that commits.
#[derive(Clone)]
struct Committer {
    store: Store,
    clock: Clock,
    dkim_signers: Arc<LastDkimSigners>,
    hold_mail: bool,
    changes: watch::Sender<u64>,
    /// Notified when events of webhooks are queued.
    events_queued: Arc<Notify>,
}

impl Committer {
    async fn run(self, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
        let mut figures = FigureShard::new();
        loop {
            // A statement of its own: the queue must not stay locked during the commit.
            let Some(jobs) = gather(&mut *queue.lock().await).await else {
                return;
            };
            let requests = jobs.iter().map(|job| job.request.clone()).collect();
            match self.commit(requests, &mut figures).await {
                Ok(results) => answer(jobs, results.into_iter().map(Ok)),
                Err(error) if jobs.len() > 1 && !error.is_down() => {
                    self.commit_each(jobs, &mut figures).await;
                }
                Err(error) => refuse(jobs, error),
            }
        }
    }

    /// Commits each on its own: one that cannot be written must not fail the others.
    async fn commit_each(&self, jobs: Vec<Job>, figures: &mut FigureShard) {
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            match self.commit(vec![job.request.clone()], figures).await {
                Ok(results) => answer(vec![job], results.into_iter().map(Ok)),
                Err(error) if error.is_down() => {
                    let rest = std::iter::once(job).chain(jobs).collect();
                    return refuse(rest, error);
                }
                Err(error) => refuse(vec![job], error),
            }
        }
    }

    /// Writes the requests in one transaction, within the time limit of [`in_time`]. What it counts is
    /// added to `figures`; after a failure that is another shard.
    async fn commit(
        &self,
        requests: Vec<Arc<WriteRequest>>,
        figures: &mut FigureShard,
    ) -> Result<Vec<WriteResult>, StoreError> {
        let now = self.clock.now();
        let is_change = requests.iter().any(|request| request.is_change());
        let written = in_time(self.write(requests, figures.clone(), now)).await;
        let CommittedResults {
            results,
            counted,
            events,
        } = written.inspect_err(|_| {
            *figures = FigureShard::new();
        })?;
        figures.written(counted);
        self.store.wrote();
        if events > 0 {
            self.events_queued.notify_one();
        }
        if is_change {
            self.changes.send_modify(|count| *count += 1);
        }
        Ok(results)
    }

    async fn write(
        &self,
        requests: Vec<Arc<WriteRequest>>,
        figures: FigureShard,
        now: Timestamp,
    ) -> Result<CommittedResults, StoreError> {
        let hold_mail = self.hold_mail;
        match self.store.direct() {
            Some(connection) if requests.iter().all(|request| direct::can_write(request)) => {
                let write = move |work: &DirectTransaction<'_>| {
                    direct::write(work, hold_mail, &requests, &figures, now)
                };
                self.store.write_directly(connection, write).await
            }
            _ => {
                let (store, signers) = (&self.store, &self.dkim_signers);
                transaction::write(store, signers, hold_mail, &requests, &figures, now).await
            }
        }
    }
}

/// Waits for a job, and takes those that are queued behind it. `None` when the last handle is gone.
async fn gather(queue: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
    let mut first = queue.recv().await?;
    while !first.request.is_wanted() {
        first = queue.recv().await?;
    }
    let mut octets = first.request.octets();
    let mut jobs = vec![first];
    let mut yielded_at = 0;
    while jobs.len() < MAX_REQUESTS && octets < MAX_OCTETS {
        match queue.try_recv() {
            Ok(next) if !next.request.is_wanted() => {}
            Ok(next) => {
                octets += next.request.octets();
                jobs.push(next);
            }
            // Tasks that are about to send a job run first: a commit costs the same with more in it.
            Err(_) if yielded_at < jobs.len() => {
                yielded_at = jobs.len();
                tokio::task::yield_now().await;
            }
            Err(_) => break,
        }
    }
    Some(jobs)
}

fn answer(jobs: Vec<Job>, results: impl Iterator<Item = Result<WriteResult, Refusal>>) {
    for (job, result) in jobs.into_iter().zip(results) {
        // The caller may be gone; the request is written all the same.
        drop(job.done.send(result));
    }
}

fn refuse(jobs: Vec<Job>, error: StoreError) {
    let refusal = Refusal::from(error);
    answer(jobs, std::iter::repeat_with(|| Err(refusal.clone())));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::request::REPORT_OCTETS;
    use super::*;

    #[tokio::test]
    async fn a_commit_takes_a_limited_number_of_reports() {
        let (jobs, mut queue) = mpsc::channel(MAX_REQUESTS);
        for _ in 0..MAX_REQUESTS {
            let (done, _) = oneshot::channel();
            let request = Arc::new(WriteRequest::ReportDelays(vec!["01JD".to_owned()]));
            let sent = jobs.try_send(Job { request, done });
            assert!(sent.is_ok());
        }
        let gathered = gather(&mut queue).await.expect("jobs");
        assert_eq!(gathered.len(), MAX_OCTETS / REPORT_OCTETS);
    }

    #[tokio::test]
    async fn a_task_that_panics_is_started_again_until_it_ends() {
        let started = Arc::new(AtomicU32::new(0));
        let counted = started.clone();
        restarted(move || {
            let times = counted.fetch_add(1, Ordering::Relaxed);
            async move { assert_eq!(times, 2, "a panic") }
        })
        .await;
        assert_eq!(started.load(Ordering::Relaxed), 3);
    }
}
