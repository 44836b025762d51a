//! The reserve of free disk space: below it no mail is accepted, and delivery goes on.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use domain::{Kind, Refusal};
use nix::sys::statvfs::statvfs;
use parking_lot::Mutex;

/// The minimum time between two reads of the disk space.
const INTERVAL: Duration = Duration::from_secs(1);

/// After this time the log of SQLite has been copied to the database.
const COPIED: Duration = Duration::from_secs(3);

/// The rows and index entries of a message, in octets.
const ROWS: usize = 1024;

/// A message is written to the log of SQLite, and from there to the database.
const WRITES: u64 = 2;

/// Stays free beside the reserve, in octets: every commit also writes the pages of tables and indexes
/// again that the one before wrote.
const MARGIN: u64 = 2 * 1024 * 1024;

/// The free space of the disk of the SQLite database, and how much of it stays free. It is for the
/// results of deliveries, retention and sign-in.
pub(crate) struct DiskSpace {
    folder: PathBuf,
    /// In octets; 0 for none.
    reserve: u64,
    last: Mutex<Option<Reading>>,
}

/// The free space above the reserve.
struct Reading {
    at: Instant,
    /// In octets, less what was accepted since.
    left: u64,
    /// The octets that were accepted since, as they are written.
    taken: u64,
}

impl DiskSpace {
    pub fn new(folder: PathBuf, reserve: u64) -> Self {
        Self {
            folder,
            reserve,
            last: Mutex::default(),
        }
    }

    /// Takes room for `messages` messages of `octets` octets together.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] where the reserve would be used.
    pub fn take(&self, messages: usize, octets: usize) -> Result<(), Refusal> {
        if self.reserve == 0 {
            return Ok(());
        }
        let octets = WRITES * (octets + messages * ROWS) as u64;
        let mut last = self.last.lock();
        let previous = last.take();
        let mut reading = match previous {
            Some(reading) if reading.at.elapsed() < INTERVAL => reading,
            // A disk that cannot be asked is not known to be full.
            previous => match statvfs(&self.folder) {
                Ok(disk) => {
                    let free = disk.blocks_available() * disk.fragment_size();
                    let recent = previous.filter(|reading| reading.at.elapsed() < COPIED);
                    let not_copied = recent.map_or(0, |reading| reading.taken / WRITES);
                    let kept = self.reserve.saturating_add(not_copied + MARGIN);
                    Reading {
                        at: Instant::now(),
                        left: free.saturating_sub(kept),
                        taken: 0,
                    }
                }
                Err(_) => return Ok(()),
            },
        };
        let left = reading.left.checked_sub(octets).filter(|left| *left > 0);
        if let Some(left) = left {
            reading.left = left;
            reading.taken += octets;
        }
        *last = Some(reading);
        match left {
            Some(_) => Ok(()),
            None => Err(self.full()),
        }
    }

    fn full(&self) -> Refusal {
        let text = format!(
            "The disk of the database is nearly full: mail is accepted while {} MiB stay free \
             (--queue-minfree). Free some space and try again; nothing was changed.",
            self.reserve.div_ceil(1024 * 1024)
        );
        Refusal {
            retry_after: Some(5),
            ..Refusal::new(Kind::Unavailable, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_until_the_reserve_is_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let space = DiskSpace::new(folder.path().to_owned(), 1);
        space.take(1, 1000).expect("there is room");
        let mut last = space.last.lock().take().expect("a reading");
        last.left = 10_000;
        *space.last.lock() = Some(last);
        space.take(1, 2000).expect("there is room");
        let refusal = space.take(1, 1000).expect_err("the reserve");
        assert_eq!(refusal.kind, Kind::Unavailable);
        space.take(1, 100).expect("there is room for a smaller one");
        assert_eq!(space.last.lock().as_ref().expect("a reading").taken, 12_344);
        let unlimited = DiskSpace::new(folder.path().to_owned(), 0);
        unlimited
            .take(1, usize::MAX / 4)
            .expect("there is no reserve");
        let huge = DiskSpace::new(folder.path().to_owned(), u64::MAX);
        huge.take(1, 0).expect_err("the disk is smaller");
    }
}
