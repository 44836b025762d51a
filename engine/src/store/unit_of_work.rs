//! A unit of work: a transaction that writes, whose time is counted.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::{Any, AnyConnection, Transaction};

use super::error::StoreError;
use crate::histogram::Timer;

/// The upper bounds of the times of transactions that write. Most are near 50 ms: an action on many messages
/// holds SQLite's only writer no longer.
pub const WRITE_BOUNDS: [Duration; 14] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(30),
    Duration::from_millis(40),
    Duration::from_millis(50),
    Duration::from_millis(75),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// A unit of work. Dropped before its commit, it is rolled back.
pub struct UnitOfWork {
    transaction: Transaction<'static, Any>,
    /// Dropped after the transaction.
    timer: Timer,
}

impl UnitOfWork {
    /// Wraps a transaction that has begun.
    pub(super) fn new(transaction: Transaction<'static, Any>, timer: Timer) -> Self {
        Self { transaction, timer }
    }

    /// Ends it without writing anything.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn rollback(self) -> Result<(), StoreError> {
        let Self { transaction, timer } = self;
        let ended = transaction.rollback().await;
        drop(timer);
        Ok(ended?)
    }
}

impl Deref for UnitOfWork {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for UnitOfWork {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

/// Commits a unit of work.
///
/// # Errors
/// [`StoreError::Unsure`] where the connection fails during the commit.
pub async fn commit(work: UnitOfWork) -> Result<(), StoreError> {
    let UnitOfWork { transaction, timer } = work;
    let done = transaction.commit().await;
    drop(timer);
    done.map_err(|error| StoreError::from(error).in_commit())
}
