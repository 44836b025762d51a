//! The arguments of `migrate`.

#![allow(
    clippy::doc_markdown,
    reason = "the doc comments are the texts of --help"
)]

use clap::Args;

/// Where the database is moved to.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The empty PostgreSQL database, as in postgres://user@host/name; a URL with a password goes into
    /// POSTERN_DATABASE_URL or into the file that POSTERN_DATABASE_URL_FILE names
    #[arg(
        long,
        env = "POSTERN_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub to: Option<String>,
}
