//! The database of an engine: migrations, backups, the move to PostgreSQL, and outages.

mod backup;
mod migrations;
mod moving;
mod outage;
mod wire;
