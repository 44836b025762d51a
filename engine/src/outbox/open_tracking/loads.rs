//! Loads of images, counted in memory and written together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::image::is_open_id;
use crate::store::message_opens::{self, NewLoads};
use crate::store::{Store, StoreError, commit};

/// The time between two writes.
const INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of ids that wait for a write; loads of others are not counted meanwhile. Whether
/// an id is of a message is known only at the write.
const MAX_IDS: usize = 4096;

/// The maximum number of ids that a transaction writes.
const BATCH: usize = 256;

/// Loads by id.
type LoadsById = HashMap<String, NewLoads>;

/// The loads that are not written yet.
pub struct OpenLoads {
    counted: Arc<Mutex<LoadsById>>,
    /// Wakes the task that writes. The task ends with the sender.
    wake: mpsc::Sender<()>,
}

impl OpenLoads {
    /// Starts the task that writes loads for as long as this exists.
    pub fn start(store: Store) -> Self {
        let counted = Arc::<Mutex<LoadsById>>::default();
        let (wake, woken) = mpsc::channel(1);
        tokio::spawn(write_loads(store, counted.clone(), woken));
        Self { counted, wake }
    }

    /// Counts a load. It takes as long for ids that are of no message.
    pub fn add(&self, id: &str, now: Timestamp) {
        if is_open_id(id) && add_to(&mut self.counted.lock(), id, now) {
            // Where it is full, the task is awake.
            let _ = self.wake.try_send(());
        }
    }

    /// Writes what is counted, at the end of the process.
    pub async fn flush(&self, store: &Store) {
        write_counted(store, &self.counted).await;
    }
}

/// Adds a load, unless too many others wait. Returns whether it is added.
fn add_to(counted: &mut LoadsById, id: &str, now: Timestamp) -> bool {
    let is_full = counted.len() >= MAX_IDS;
    match counted.entry(id.to_owned()) {
        Entry::Occupied(mut entry) => {
            let loads = entry.get_mut();
            loads.first = loads.first.min(now);
            loads.last = loads.last.max(now);
            loads.number += 1;
        }
        Entry::Vacant(_) if is_full => return false,
        Entry::Vacant(entry) => {
            entry.insert(NewLoads {
                first: now,
                last: now,
                number: 1,
            });
        }
    }
    true
}

async fn write_loads(store: Store, counted: Arc<Mutex<LoadsById>>, mut woken: mpsc::Receiver<()>) {
    while woken.recv().await.is_some() {
        tokio::time::sleep(INTERVAL).await;
        while !write_counted(&store, &counted).await && !woken.is_closed() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// Writes what is counted. Returns false where the database failed: what was not written is counted
/// still.
async fn write_counted(store: &Store, counted: &Mutex<LoadsById>) -> bool {
    let mut loads = take(&mut *counted.lock());
    if loads.is_empty() {
        return true;
    }
    let Err(error) = write(store, &mut loads).await else {
        return true;
    };
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "opens of messages cannot be written"
    );
    let mut counted = counted.lock();
    for (id, newer) in take(&mut *counted) {
        let all = loads.entry(id).or_insert(NewLoads { number: 0, ..newer });
        all.first = all.first.min(newer.first);
        all.last = all.last.max(newer.last);
        all.number += newer.number;
    }
    *counted = loads;
    false
}

/// Writes the loads of ids that are of a message, and removes those that are written.
async fn write(store: &Store, loads: &mut LoadsById) -> Result<(), StoreError> {
    let ids: Vec<String> = loads.keys().cloned().collect();
    // Unknown ids cost a read, and no write.
    let mut known = message_opens::known(&mut *store.read().await?, &ids).await?;
    // Nodes that write the same rows lock them in the same order.
    known.sort_unstable();
    for batch in known.chunks(BATCH) {
        let mut work = store.begin_by_key().await?;
        for id in batch {
            if let Some(new) = loads.get(id) {
                message_opens::count(&mut work, id, *new).await?;
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

    #[test]
    fn loads_of_an_id_are_counted_together() {
        let mut counted = LoadsById::new();
        for at in [5, 3, 9] {
            assert!(add_to(&mut counted, "a", Timestamp(at)));
        }
        let expected = NewLoads {
            first: Timestamp(3),
            last: Timestamp(9),
            number: 3,
        };
        assert_eq!(counted.get("a"), Some(&expected));
    }

    #[test]
    fn a_flood_of_ids_does_not_grow_memory() {
        let mut counted = LoadsById::new();
        for id in 0..2 * MAX_IDS {
            add_to(&mut counted, &id.to_string(), Timestamp(1));
        }
        assert_eq!(counted.len(), MAX_IDS);
        assert!(add_to(&mut counted, "0", Timestamp(2)), "it is counted");
        assert!(!add_to(&mut counted, "new", Timestamp(2)));
    }
}
