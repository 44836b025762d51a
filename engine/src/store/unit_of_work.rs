//! A unit of work: a transaction that writes, whose time is counted.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, Transaction};

use super::error::StoreError;
use super::write_times::WriteTimer;

/// A unit of work. Dropped before its commit, it is rolled back.
pub struct UnitOfWork {
    transaction: Transaction<'static, Any>,
    /// Dropped after the transaction.
    timer: WriteTimer,
}

impl UnitOfWork {
    /// Of a transaction that has begun.
    pub(super) fn new(transaction: Transaction<'static, Any>, timer: WriteTimer) -> Self {
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
