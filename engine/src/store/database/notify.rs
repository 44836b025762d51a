//! LISTEN and NOTIFY between the nodes on one PostgreSQL database. SQLite has neither.

use sqlx::Executor as _;
use sqlx::postgres::PgListener;

use crate::store::{Store, StoreError};

const CHANNEL: &str = "postern_outbox";

/// A connection that listens for notifications.
pub struct Listener(PgListener);

impl Store {
    /// Notifies all listeners. Does nothing on SQLite.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn notify(&self) -> Result<(), StoreError> {
        if !self.is_local() {
            let statement = sqlx::AssertSqlSafe(format!("NOTIFY {CHANNEL}"));
            self.write.execute(statement).await?;
        }
        Ok(())
    }

    /// Starts to listen; `None` on SQLite.
    ///
    /// # Errors
    /// Where the database cannot be reached.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let Some(address) = &self.address else {
            return Ok(None);
        };
        let mut listener = PgListener::connect(address).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// Waits for the next notification.
    ///
    /// # Errors
    /// Where the connection is lost.
    pub async fn notified(&mut self) -> Result<(), StoreError> {
        self.0.recv().await?;
        Ok(())
    }
}
