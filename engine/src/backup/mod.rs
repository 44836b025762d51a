//! Backups of the SQLite database and of its keys, their restoration, and the move to PostgreSQL.

mod back_up;
mod error;
mod moving;
mod new_file;
mod restore;

pub use back_up::{BackedUp, BackupRequest, back_up};
pub use error::BackupError;
pub use moving::{MoveRequest, move_to_postgres};
pub use restore::{RestoreRequest, Restored, restore};
