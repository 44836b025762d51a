//! Searches over recipients and messages (the list, and what acts change) and the audit log.

mod act;
mod audit_rows;
mod condition;
mod connection;
mod list;
mod parameter;

use domain::Timestamp;
use ulid::Ulid;

pub use act::{ActionScan, count, states};
pub use audit_rows::{AuditRows, audit_rows};
pub use connection::{SearchConnection, SearchPool};
pub use list::{ListPage, rows};

/// The first id that a message accepted at this time can have.
pub fn first_id(at: Timestamp) -> String {
    Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), 0).to_string()
}

/// When a message was accepted: its id is a ULID.
pub fn accepted(id: &str) -> Timestamp {
    let milliseconds = Ulid::from_string(id).map_or(0, |id| id.timestamp_ms());
    Timestamp(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}
