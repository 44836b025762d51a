//! Loads of images, counted in memory and written together.

use std::collections::{HashMap, VecDeque};
use std::mem::{replace, take};
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::image::is_open_id;
use crate::store::messages::opens::{self, NewLoads};
use crate::store::{Store, StoreError, commit};

/// The time between two writes.
const INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of ids of a batch.
const MAX_IDS: usize = 4096;

/// The maximum number of batches that wait for a write; loads of other ids are not counted meanwhile. Whether
/// an id is of a message is known only at the write, so that a batch that is full is written at once.
const MAX_BATCHES: usize = 16;

/// The maximum number of ids that a transaction writes.
const BATCH: usize = 256;

/// Loads by id.
type LoadsById = HashMap<String, NewLoads>;

/// The loads that are not written yet.
pub struct OpenLoads {
    /// Loads are counted in the last batch; those before it are full.
    batches: Arc<Mutex<Vec<LoadsById>>>,
    /// Wakes the task that writes. The task ends with the sender.
    wake: mpsc::Sender<()>,
    /// A batch is full.
    full: Arc<Notify>,
}

impl OpenLoads {
    /// Starts the task that writes loads for as long as this exists.
    pub fn start(store: Store) -> Self {
        let batches = Arc::<Mutex<Vec<LoadsById>>>::default();
        let full = Arc::<Notify>::default();
        let (wake, woken) = mpsc::channel(1);
        tokio::spawn(write_loads(store, batches.clone(), woken, full.clone()));
        Self {
            batches,
            wake,
            full,
        }
    }

    /// Counts a load. It takes as long for ids that are of no message.
    pub fn add(&self, id: &str, now: Timestamp) {
        if !is_open_id(id) {
            return;
        }
        let mut batches = self.batches.lock();
        let new = NewLoads {
            first: now,
            last: now,
            number: 1,
        };
        if add_to(&mut batches, id, new) {
            if batches.len() > 1 {
                self.full.notify_one();
            }
            // Where it is full, the task is awake.
            let _ = self.wake.try_send(());
        }
    }

    /// Writes what is counted, at the end of the process.
    pub async fn flush(&self, store: &Store) {
        write_counted(store, &self.batches).await;
    }
}

/// Adds loads of an id, unless too many others wait. Returns whether they are added.
fn add_to(batches: &mut Vec<LoadsById>, id: &str, new: NewLoads) -> bool {
    if let Some(loads) = batches.last_mut().and_then(|last| last.get_mut(id)) {
        loads.first = loads.first.min(new.first);
        loads.last = loads.last.max(new.last);
        loads.number += new.number;
        return true;
    }
    if batches.last().is_none_or(|last| last.len() >= MAX_IDS) {
        if batches.len() >= MAX_BATCHES {
            return false;
        }
        batches.push(LoadsById::new());
    }
    if let Some(last) = batches.last_mut() {
        last.insert(id.to_owned(), new);
    }
    true
}

async fn write_loads(
    store: Store,
    batches: Arc<Mutex<Vec<LoadsById>>>,
    mut woken: mpsc::Receiver<()>,
    full: Arc<Notify>,
) {
    while woken.recv().await.is_some() {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = full.notified() => {}
        }
        while !write_counted(&store, &batches).await && !woken.is_closed() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Writes what is counted. Returns false where the database failed: what was not written is counted
/// still.
async fn write_counted(store: &Store, batches: &Mutex<Vec<LoadsById>>) -> bool {
    let mut taken = VecDeque::from(take(&mut *batches.lock()));
    while let Some(loads) = taken.front_mut() {
        if let Err(error) = write(store, loads).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "opens of messages cannot be written"
            );
            let mut batches = batches.lock();
            let newer = replace(&mut *batches, taken.into());
            for (id, loads) in newer.into_iter().flatten() {
                add_to(&mut batches, &id, loads);
            }
            return false;
        }
        taken.pop_front();
    }
    true
}

/// Writes the loads of ids that are of a message, and removes those that are written.
async fn write(store: &Store, loads: &mut LoadsById) -> Result<(), StoreError> {
    let ids: Vec<String> = loads.keys().cloned().collect();
    // Unknown ids cost a read, and no write.
    let mut known = opens::known(&mut *store.read().await?, &ids).await?;
    // Nodes that write the same rows lock them in the same order.
    known.sort_unstable();
    loads.retain(|id, _| known.binary_search(id).is_ok());
    for batch in known.chunks(BATCH) {
        let mut work = store.begin_by_key().await?;
        for id in batch {
            if let Some(new) = loads.get(id) {
                opens::count(&mut work, id, *new).await?;
            }
        }
        // A commit that fails may be on disk, and is not repeated.
        loads.retain(|id, _| batch.binary_search(id).is_err());
        commit(work).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(at: i64) -> NewLoads {
        NewLoads {
            first: Timestamp(at),
            last: Timestamp(at),
            number: 1,
        }
    }

    #[test]
    fn loads_of_an_id_are_counted_together() {
        let mut batches = Vec::new();
        for at in [5, 3, 9] {
            assert!(add_to(&mut batches, "a", load(at)));
        }
        let expected = NewLoads {
            first: Timestamp(3),
            last: Timestamp(9),
            number: 3,
        };
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].get("a"), Some(&expected));
    }

    #[test]
    fn a_flood_of_ids_does_not_grow_memory() {
        let mut batches = Vec::new();
        let most = MAX_BATCHES * MAX_IDS;
        for id in 0..most + MAX_IDS {
            let is_counted = add_to(&mut batches, &id.to_string(), load(1));
            assert_eq!(is_counted, id < most, "{id}");
        }
        assert_eq!(batches.iter().map(LoadsById::len).sum::<usize>(), most);
        let newest = (most - 1).to_string();
        assert!(add_to(&mut batches, &newest, load(2)), "it is counted");
        assert!(!add_to(&mut batches, "new", load(2)));
    }
}
