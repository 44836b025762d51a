//! Opening Postern for a service, which waits for a PostgreSQL that cannot be reached yet.

use std::error::Error;
use std::time::Duration;

use engine::{Config, OpenError, Postern};
use tokio::time::sleep;

use crate::commands::bootstrap::Bootstrap;
use crate::process::service_manager::ServiceManager;
use crate::process::signals::Signals;

/// How long to wait before PostgreSQL is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Opens Postern. Where PostgreSQL cannot be reached or is starting, it is tried until it is there: after a power
/// cut its machine may come back minutes later. Returns `None` where a signal comes first.
///
/// # Errors
/// [`OpenError`] that does not end by itself, and any with SQLite.
pub async fn open_service(
    bootstrap: Bootstrap,
    public_url: String,
    manager: &ServiceManager,
    signals: &mut Signals,
) -> Result<Option<Postern>, Box<dyn Error>> {
    tokio::select! {
        opened = open(bootstrap.config(public_url), manager) => Ok(Some(opened?)),
        () = signals.next() => {
            manager.stopping();
            Ok(None)
        }
    }
}

async fn open(config: Config, manager: &ServiceManager) -> Result<Postern, OpenError> {
    let mut has_waited = false;
    loop {
        match Postern::open(config.clone()).await {
            Err(error) if config.database.is_some() && error.is_database_away() => {
                if !has_waited {
                    tracing::warn!("waiting for PostgreSQL: {error}");
                }
                has_waited = true;
                manager.waiting(&error.to_string());
                sleep(RETRY).await;
            }
            opened => {
                if has_waited && opened.is_ok() {
                    tracing::info!("PostgreSQL is there");
                }
                return opened;
            }
        }
    }
}
