//! Backups of the SQLite database and of its keys, and their restoration.

mod back_up;
mod error;
mod new_file;
mod restore;

pub use back_up::{BackedUp, BackupRequest, back_up};
pub use error::BackupError;
pub use restore::{RestoreRequest, Restored, restore};
