//! The base of the tables: opening, migrations, differences of the two databases, SQL helpers.

mod checkpoint;
pub mod direct;
pub(super) mod fold;
pub mod inspect;
pub(super) mod migrations;
mod notify;
pub(super) mod open;
#[cfg(test)]
pub(super) mod query_plan;
pub(super) mod rows;
pub mod snapshot;
pub mod transport;
