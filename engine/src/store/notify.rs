//! Telling other nodes on the same PostgreSQL that there is something to do: LISTEN and NOTIFY. On
//! SQLite there is nobody to tell; whoever else uses the file looks once a second.

use sqlx::Executor as _;
use sqlx::postgres::PgListener;

use super::{Store, StoreError};

const CHANNEL: &str = "postern_outbox";

/// Hears other nodes.
pub struct Listener(PgListener);

impl Store {
    /// Tells whoever listens.
    pub async fn notify(&self) -> Result<(), StoreError> {
        if !self.is_local() {
            let statement = sqlx::AssertSqlSafe(format!("NOTIFY {CHANNEL}"));
            self.write.execute(statement).await?;
        }
        Ok(())
    }

    /// Begins to listen; none where there is nobody to hear.
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
    /// Waits until somebody rings.
    pub async fn notified(&mut self) -> Result<(), StoreError> {
        self.0.recv().await?;
        Ok(())
    }
}
