//! Moving the SQLite database of a data folder to PostgreSQL.

use std::fs;
use std::path::PathBuf;

use domain::outbox::Pause;
use domain::settings::Stamp;

use super::error::BackupError;
use crate::audit::{Action, Audit};
use crate::store::database::{snapshot, transport};
use crate::store::transfer::{self, LockedSource, MovedTable};
use crate::store::{Store, StoreError};
use crate::{Actor, Clock};

/// What to move, and where to.
#[derive(Clone)]
pub struct MoveRequest {
    /// The data folder, which the caller has locked.
    pub data: PathBuf,
    /// The URL of the PostgreSQL database, which may hold a password.
    pub address: String,
    /// Allows a database on another machine without verified TLS.
    pub database_insecure: bool,
    /// The clock of the audit row.
    pub clock: Clock,
    /// The name of this machine, whose chain has the audit row.
    pub host: String,
}

/// Copies all rows of the SQLite database of a data folder to an empty PostgreSQL database, and compares them
/// there. The rows are committed at once, and the SQLite database is locked meanwhile. Delivery is then paused
/// there, as a Postern that is started on it by mistake would send its mail again. The keys are not moved: the
/// same key files open the values.
///
/// # Errors
/// [`BackupError`]: PostgreSQL has none of the rows.
pub async fn move_to_postgres(
    request: MoveRequest,
    actor: &Actor,
) -> Result<Vec<MovedTable>, BackupError> {
    actor.administers()?;
    if !request.database_insecure {
        transport::check(&request.address)?;
    }
    let data = &request.data;
    if fs::symlink_metadata(snapshot::file_in(data)).is_err() {
        return Err(BackupError::NoDatabase(data.clone()));
    }
    if !snapshot::is_current(data)? {
        return Err(BackupError::Earlier(data.clone()));
    }
    let source = LockedSource::lock(data)?;
    let moved = transfer::transfer(&source, &request.address).await?;
    let stamp = Stamp {
        at: request.clock.now(),
        by: Pause::MOVE.to_owned(),
    };
    if let Err(error) = source.pause(&stamp) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "delivery is not paused in the SQLite database that was moved"
        );
    }
    if let Err(error) = record(&request, actor).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the move has no row in the audit log of PostgreSQL"
        );
    }
    Ok(moved)
}

/// Writes the row of the audit log into the database that was moved to.
async fn record(request: &MoveRequest, actor: &Actor) -> Result<(), StoreError> {
    let store = Store::open(&request.data, Some(&request.address)).await?;
    let (audit, _refusals) = Audit::start(store.clone(), request.clock.clone(), &request.host);
    let detail = "from SQLite to PostgreSQL";
    let recorded = audit
        .record_alone(actor, Action::MoveDatabase, detail)
        .await;
    store.close().await;
    recorded
}
